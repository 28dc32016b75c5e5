export function readProjectDocuments() { return []; }
