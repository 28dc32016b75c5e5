/** What recognisers call languages that have names of their own in tags. */
const otherNames: Readonly<Record<string, string>> = { nb: "no", nn: "no", fil: "tl" };

/** A tag's language as recognisers take it: "en" of "en-US", "no" of "nb-NO"; "" of "". */
export function isoLanguage(tag: string): string {
  const base = (tag.split(/[-_]/)[0] ?? "").toLowerCase();
  return otherNames[base] ?? base;
}
