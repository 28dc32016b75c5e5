/** The text of a local recogniser, as it reads well: many models know capitals only. */

/** As sentences are written: capitals only become small letters, the first one stays large, and so does "I". */
export function tidyTranscript(text: string): string {
  const plain = text.trim().replace(/\s+/g, " ");
  if (plain !== plain.toUpperCase() || plain === plain.toLowerCase()) return plain;
  const small = plain.toLowerCase().replace(/\bi\b/g, "I");
  return small.charAt(0).toUpperCase() + small.slice(1);
}
