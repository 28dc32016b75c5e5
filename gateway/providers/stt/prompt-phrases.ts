/** A session's transcription prompt as the list of phrases that vendors take. */

/** What a vendor takes of them. */
export interface PhraseLimits {
  phrases: number;
  /** Of all phrases together. */
  bytes: number;
}

export const googlePhraseLimits: Readonly<PhraseLimits> = { phrases: 100, bytes: 1_500 };
/** Deepgram refuses calls with more than 500 tokens; a token has a byte at least, and a phrase may cost one more. */
export const deepgramPhraseLimits: Readonly<PhraseLimits> = { phrases: 50, bytes: 450 };

/** Google's limit. */
const maxPhraseChars = 100;
const maxPromptChars = 6_000;

/**
 * Names and jargon to expect, from a prompt such as "Expect: Parley, Zürich; gRPC".
 *
 * @returns phrases without repetition, within the vendor's limits; what does not fit is left out
 */
export function phrasesOf(prompt: string | undefined, limits: PhraseLimits): string[] {
  const phrases: string[] = [];
  let bytes = 0;
  for (const part of (prompt ?? "").slice(0, maxPromptChars).split(/[,;:.!?\n\r]+/)) {
    const phrase = part.replace(/\s+/g, " ").trim();
    if (phrase === "" || phrase.length > maxPhraseChars || phrases.includes(phrase)) continue;
    bytes += Buffer.byteLength(phrase);
    if (phrases.length === limits.phrases || bytes > limits.bytes) break;
    phrases.push(phrase);
  }
  return phrases;
}
