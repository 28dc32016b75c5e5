export function createKnowledge(_o: unknown) { return { load: async (_d: unknown) => {}, retrieve: async (_q: string, _o2: unknown) => [] as never[] }; }
