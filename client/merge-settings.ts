import type { SessionSettings } from "./client-events.ts";

/** Settings with others laid over them: audio in and out field by field, everything else whole. */
export function mergeSettings(base: SessionSettings | null, over: SessionSettings): SessionSettings {
  const merged: SessionSettings = { ...base, ...over };
  const input = { ...base?.audio?.input, ...over.audio?.input };
  const output = { ...base?.audio?.output, ...over.audio?.output };
  if (base?.audio === undefined && over.audio === undefined) return merged;
  merged.audio = {
    ...(Object.keys(input).length > 0 && { input }),
    ...(Object.keys(output).length > 0 && { output }),
  };
  return merged;
}
