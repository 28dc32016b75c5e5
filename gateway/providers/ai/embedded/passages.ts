/** Which sentences of the passages found answer a question. */
import { splitSentences } from "../../../language/sentences.ts";
import { extractTerms, normalise } from "../../../language/words.ts";
import type { Passage } from "../../provider.ts";
import { countWords, speakSentence } from "./speech.ts";

/** From this score on a passage is taken to answer the question; what retrieval's score is made for. */
export const knowsScore = 0.5;
/** From this score on its subject is worth naming, when nothing better is known. */
export const nearScore = 0.3;
/** What one answer may hold. */
const sentencesMax = 3;
const wordsMax = 60;
/** A sentence further down must fit that much better than the first one of an answer to a question. */
const leadBonus = 0.35;

export interface Selection {
  /** Spoken sentences, in the order of the document. */
  sentences: string[];
  /** There is more to tell about the same thing. */
  more: boolean;
}

/**
 * Sentences of the best passage that answer the question.
 *
 * @returns null when no passage is likely to answer it
 */
export function selectAnswer(question: string, passages: readonly Passage[]): Selection | null {
  const best = passages[0];
  if (best === undefined || best.score < knowsScore) return null;
  const sentences = readPassage(best);
  if (sentences.length === 0) return null;
  const start = findStart(question, best, sentences);
  const chosen = takeSome(sentences.slice(start));
  const more = start + chosen.length < sentences.length;
  return { sentences: trimYes(question, chosen), more };
}

/**
 * What was not said yet, of the same passage and of others that fit.
 *
 * @param said - everything that the assistant said so far
 * @returns null when nothing is left
 */
export function selectMore(passages: readonly Passage[], said: string): Selection | null {
  const heard = ` ${normalise(said)} `;
  const isNew = (sentence: string) => !heard.includes(` ${normalise(sentence)} `);
  for (const [index, passage] of passages.entries()) {
    if (passage.score < (index === 0 ? knowsScore : knowsScore - 0.05)) continue;
    const sentences = readPassage(passage);
    // What stands before the last sentence that was said was passed over on purpose.
    const lastSaid = sentences.findLastIndex((sentence) => !isNew(sentence));
    const rest = sentences
      .slice(lastSaid + 1)
      .filter((sentence) => !/^(?:yes|no|not yet)\b.{0,12}$/i.test(sentence) && !holdsTableRow(sentence));
    if (rest.length === 0) continue;
    const chosen = takeSome(rest);
    return { sentences: chosen, more: chosen.length < rest.length };
  }
  return null;
}

/** "gate: ms 5.5, owner gateway", also behind the sentence before it: nobody wants to hear a table to its end. */
function holdsTableRow(sentence: string): boolean {
  return /(?:^|[.)] )[^.:]{1,40}: [\w ]{1,30} -?\d[\d.,]*, /.test(sentence);
}

/** A passage's sentences as they are spoken. */
export function readPassage({ text }: Passage): string[] {
  return splitSentences(text)
    .map(speakSentence)
    .filter((sentence) => sentence !== "");
}

/** The innermost heading of a passage's source. */
export function headingOf({ source }: Passage): string {
  return source.split(": ").at(-1) ?? source;
}

function takeSome(sentences: readonly string[]): string[] {
  const chosen: string[] = [];
  let words = 0;
  for (const sentence of sentences) {
    words += countWords(sentence);
    if (chosen.length > 0 && (chosen.length >= sentencesMax || words > wordsMax)) break;
    chosen.push(sentence);
  }
  return chosen;
}

function findStart(question: string, passage: Passage, sentences: readonly string[]): number {
  const asked = new Set(extractTerms(question));
  const heading = new Set(extractTerms(headingOf(passage)));
  // What the heading says already tells the sentences apart no more.
  const telling = [...asked].filter((term) => !heading.has(term));
  const wantsNumber =
    /\b(?:how (?:many|much|long|fast|big|large|old)|which port|what port|number|when|rates?)\b/i.test(
      question,
    );
  const scores = sentences.map((sentence, index) => {
    const terms = new Set(extractTerms(sentence));
    const covered = telling.filter((term) => terms.has(term)).length / Math.max(1, telling.length);
    const number =
      wantsNumber && /\d|\b(?:hundred|thousand|seventy|two|quarter|half)\b/.test(sentence) ? 0.15 : 0;
    return covered + number + (index === 0 ? leadBonus : 0);
  });
  let start = scores.indexOf(Math.max(...scores));
  // Nearly at the beginning: then from the beginning, there is room for it.
  if (start === 1) start = 0;
  // A sentence that points back needs the one before it.
  while (
    start > 0 &&
    /^(?:it|they|that|this|these|those|then|there|so|but|and|also|both|he|she)\b/i.test(
      sentences[start] ?? "",
    )
  )
    start--;
  return start;
}

/** "Yes." and "No." answer a yes-no question only. */
function trimYes(question: string, sentences: string[]): string[] {
  const asks =
    /\b(what|which|who|whose|where|when|how|why|is|are|am|do|does|did|can|could|will|would|has|have|may|should|must)\b/;
  const asked =
    asks.exec(
      normalise(question).replace(/\b(?:can|could|would|will|do) you (?:tell|explain|know)(?: me)?\b/, ""),
    )?.[1] ?? "";
  if (!/^(?:wh|how)/.test(asked)) return sentences;
  const [first = "", ...rest] = sentences;
  if (/^(?:yes|no)[.!]$/i.test(first) && rest.length > 0) return rest;
  const trimmed = first.replace(/^yes, /i, "");
  return [(trimmed[0] ?? "").toUpperCase() + trimmed.slice(1), ...rest];
}
