/** Going on after words that were already spoken, perhaps by another provider. */
import { splitSentences } from "../../../language/sentences.ts";
import { letters, normalise, splitWords } from "../../../language/words.ts";
import type { Passage } from "../../provider.ts";
import { readPassage } from "./passages.ts";

/** Words that a half-spoken sentence must share with one of a document to be finished with it. */
const sharedWordsMin = 3;

/**
 * What is left to say of `answer` after `prefix` was spoken.
 *
 * @returns text that can be appended to the prefix as it is, spaces included; "" when nothing is left
 */
export function continueAfter(answer: string, prefix: string, passages: readonly Passage[]): string {
  if (prefix.trim() === "") return answer;
  const own = stripSpoken(answer, prefix);
  if (own !== null) return joinTo(prefix, own);
  const heard = ` ${normalise(prefix)} `;
  const left = splitSentences(answer).filter((sentence) => !heard.includes(` ${normalise(sentence)} `));
  if (/[.!?]["”’')]*\s*$/.test(prefix)) return joinTo(prefix, left.join(" "));
  const open = splitSentences(prefix).at(-1) ?? prefix;
  const end = findEnd(open, passages);
  if (end !== null) return joinTo(prefix, end);
  if (left.length === 0) return ".";
  return joinTo(prefix, `, or, to put it another way: ${left.join(" ")}`);
}

/** The answer without the words of `prefix`, if it begins with them; null if it does not. */
function stripSpoken(answer: string, prefix: string): string | null {
  const spoken = prefix.trim().split(/\s+/);
  let at = 0;
  for (const [index, word] of spoken.entries()) {
    const next = /^\s*(\S+)/.exec(answer.slice(at));
    const written = next?.[1];
    if (!next || written === undefined) return "";
    const isLast = index === spoken.length - 1;
    if (bare(written) !== bare(word)) {
      // The voice was cut inside a word.
      if (isLast && written.startsWith(word) && !/\s$/.test(prefix))
        return answer.slice(at + next[0].length - written.length + word.length);
      return null;
    }
    at += next[0].length;
    // A mark that closes the word was not among the words spoken: it is said with them.
    if (isLast && written.length > word.length && written.startsWith(word))
      at -= written.length - word.length;
  }
  return answer.slice(at);
}

function bare(word: string): string {
  return letters(word) || word;
}

/** The rest of a document's sentence that begins as `open` does. */
function findEnd(open: string, passages: readonly Passage[]): string | null {
  if (splitWords(open).length < sharedWordsMin) return null;
  for (const passage of passages) {
    for (const sentence of readPassage(passage)) {
      const rest = stripSpoken(sentence, open);
      if (rest !== null && rest.trim() !== "") return rest;
    }
  }
  return null;
}

/** One space between prefix and text, none before a mark, none inside a word that was cut. */
function joinTo(prefix: string, text: string): string {
  if (text === "") return "";
  if (/\s$/.test(prefix)) return text.trimStart();
  if (/^[\s,.;:!?]/.test(text)) return text;
  return /[.!?]["”’')]*$/.test(prefix) ? ` ${text}` : text;
}
