/** A session's transcription prompt as the list of phrases that vendors take. */

const maxPhrases = 100;
/** Google's limit; Deepgram counts 500 tokens in all. */
const maxPhraseChars = 100;
const maxAllChars = 1_500;

/**
 * Names and jargon to expect, from a prompt such as "Expect: Parley, Zürich; gRPC".
 *
 * @returns phrases without repetition, within the vendors' limits; what does not fit is left out
 */
export function phrasesOf(prompt: string | undefined): string[] {
  const phrases: string[] = [];
  let chars = 0;
  for (const part of (prompt ?? "").slice(0, 4 * maxAllChars).split(/[,;:.!?\n\r]+/)) {
    const phrase = part.replace(/\s+/g, " ").trim();
    if (phrase === "" || phrase.length > maxPhraseChars || phrases.includes(phrase)) continue;
    chars += phrase.length;
    if (phrases.length === maxPhrases || chars > maxAllChars) break;
    phrases.push(phrase);
  }
  return phrases;
}
