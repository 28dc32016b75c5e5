/** What to look for, made from the conversation. Pure. */

import { isAboutLastAnswer, isYes, leansOnContext } from "../../language/cues.ts";
import { splitSentences } from "../../language/sentences.ts";
import { extractTerms, normalise, splitWords } from "../../language/words.ts";
import type { AiMessage } from "../../providers/provider.ts";

/** Longest query in characters. */
const queryCharsMax = 400;
/** What is read of one message. */
const readCharsMax = 4_000;
/** How many user messages back a subject is looked for. */
const lookBackMax = 6;

const fillers =
  /^(?:(?:hey|hi|hello|okay|ok|so|um+|uh+|er|well|and|but|now|then|alright|right|yes|yeah|yep|sure|no|please|thanks|thank you|great|cool|good|sorry|excuse me|listen|parley)\s+)+(?=\w)/;
const requests =
  /^(?:(?:can|could|would|will) you (?:please )?(?:tell|explain|say|describe)(?: to)?(?: me| us)?(?: please)?|please (?:tell|explain)(?: to)?(?: me| us)?|(?:tell|explain to) me(?: please)?|i (?:would like|want|wanted|need) to (?:know|ask|understand)(?: you)?|i (?:have|got) a question|i was (?:just )?wondering(?: if| whether)?|do you (?:happen to )?know(?: if)?|i wonder(?: if)?|let me ask you)\s+(?:about\s+)?(?=\w)/;

/** The answerer did not know, and named a question that it can answer. */
const offeredQuestion = /question that I can answer is:? (.+?\?)\s*$/;

/**
 * The query for the knowledge store: the last user message without its preamble. One that asks for more of the same
 * becomes the question before it; one that leans on that question ("and how does that work") becomes two lines: itself,
 * and both together.
 *
 * @returns lines of at most 400 characters; "" when there is nothing to look for (no question, or a tool's output is
 *   what is to be spoken of)
 */
export function buildQuery(messages: readonly AiMessage[]): string {
  const last = messages.at(-1);
  if (last === undefined || last.role === "toolOutput" || last.role === "toolCall") return "";
  const asked = messages.flatMap((message) =>
    message.role === "user" ? [message.text.slice(0, readCharsMax)] : [],
  );
  const current = asked.at(-1);
  if (current === undefined || last.role === "assistant") return "";
  const plain = normalise(current);
  if (plain === "") return "";
  const offered = offeredQuestion.exec(findLastSaid(messages))?.[1];
  if (offered !== undefined && isYes(plain)) return cut(offered);
  const before = asked.slice(0, -1).reverse().slice(0, lookBackMax);
  if (isAboutLastAnswer(plain)) return cut(findSubject(before));
  const question = trimPreamble(current);
  if (!leansOnContext(plain)) return cut(question);
  const subject = findSubject(before);
  return subject === "" ? cut(question) : `${cut(question)}\n${cut(`${subject} ${question}`)}`;
}

function findLastSaid(messages: readonly AiMessage[]): string {
  const last = messages.findLast((message) => message.role === "assistant");
  return last?.role === "assistant" ? last.text : "";
}

/** The latest earlier question that stands by itself; one that leans back is joined to what it leans on. */
function findSubject(before: readonly string[]): string {
  const trail: string[] = [];
  for (const text of before) {
    const plain = normalise(text);
    if (plain === "" || isAboutLastAnswer(plain)) continue;
    const question = trimPreamble(text);
    if (extractTerms(question).length === 0) continue;
    trail.unshift(question);
    if (!leansOnContext(plain) || trail.length >= 2) break;
  }
  return trail.join(" ");
}

/** "Okay, so, can you tell me what Parley costs?" → "what Parley costs?" */
function trimPreamble(text: string): string {
  const sentences = splitSentences(text.replace(/\s+/g, " ").trim());
  const questions = sentences.filter(
    (sentence) => sentence.endsWith("?") && extractTerms(sentence).length > 0,
  );
  const kept = (questions.length > 0 ? questions.slice(-2) : sentences).join(" ");
  let plain = normalise(kept);
  for (let round = 0; round < 3; round++) plain = plain.replace(fillers, "").replace(requests, "");
  // Capitals and marks help the embeddings a little: keep the original where only its beginning was cut.
  const words = splitWords(kept).length - plain.split(" ").length;
  if (words <= 0) return kept;
  const original = kept.split(/\s+/);
  return original.length === splitWords(kept).length ? original.slice(words).join(" ") : plain;
}

function cut(query: string): string {
  return query.slice(0, queryCharsMax).trim();
}
