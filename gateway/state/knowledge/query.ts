export function buildQuery(_m: unknown) { return ""; }
