/** Cutting prose into sentences; shared by the search (passages) and the answerer (what to say). */

/** Dots after these end no sentence. */
const abbreviations =
  /(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|mr|mrs|ms|dr|st|no|approx|incl|fig|vol|inc|ltd|[a-z])\.$/i;

/**
 * @param text - prose in one line
 * @returns its sentences, trimmed, with their punctuation; never an empty one
 */
export function splitSentences(text: string): string[] {
  const sentences: string[] = [];
  let from = 0;
  for (const match of text.matchAll(/[.!?]+["”’')\]]*(?=\s|$)/g)) {
    const end = match.index + match[0].length;
    const soFar = text.slice(from, end);
    const next = text.slice(end).trimStart();
    if (abbreviations.test(soFar.trim()) && next !== "" && !/^[A-Z][a-z]+\s/.test(next)) continue;
    if (/^[a-z]/.test(next) && match[0].startsWith(".")) continue;
    const sentence = soFar.trim();
    if (sentence !== "") sentences.push(sentence);
    from = end;
  }
  const rest = text.slice(from).trim();
  if (rest !== "") sentences.push(rest);
  return sentences;
}
