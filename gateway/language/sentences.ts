/** Cutting prose into sentences; shared by the search (passages) and the answerer (what to say). */

/** A dot after these never ends a sentence. */
const joining = /(?:^|[\s(])(?:e\.g|i\.e|vs|cf|mr|mrs|ms|dr|st|approx|incl|fig|vol)\.$/i;
/** After these it does if a capitalised word follows. */
const ambiguous = /(?:^|[\s(])(?:etc|no|inc|ltd|[a-z])\.$/i;

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
    if (next !== "" && joining.test(soFar)) continue;
    if (next !== "" && ambiguous.test(soFar) && !/^[A-Z][a-z]+\s/.test(next)) continue;
    if (/^[a-z]/.test(next) && match[0].startsWith(".")) continue;
    const sentence = soFar.trim();
    if (sentence !== "") sentences.push(sentence);
    from = end;
  }
  const rest = text.slice(from).trim();
  if (rest !== "") sentences.push(rest);
  return sentences;
}

/**
 * @param text - prose in one line, or a "sentence" without an end (a list of names, a minified something)
 * @returns pieces of at most `maxChars`, cut between words where there are any; no word is lost
 */
export function cutAtWords(text: string, maxChars: number): string[] {
  if (text.length <= maxChars) return [text];
  const pieces: string[] = [];
  let rest = text.trim();
  while (rest.length > maxChars) {
    const space = rest.lastIndexOf(" ", maxChars);
    const cut = space > maxChars / 2 ? space : maxChars;
    pieces.push(rest.slice(0, cut).trim());
    rest = rest.slice(cut).trim();
  }
  if (rest !== "") pieces.push(rest);
  return pieces;
}
