/** What to look for, made from the conversation. Pure. */

import { splitSentences } from "../../language/sentences.ts";
import { extractTerms, normalise, splitWords } from "../../language/words.ts";
import type { AiMessage } from "../../providers/provider.ts";

/** Longest query in characters. */
const queryCharsMax = 400;
/** How many user messages back a subject is looked for. */
const lookBackMax = 6;

const fillers =
  /^(?:(?:hey|hi|hello|okay|ok|so|um+|uh+|er|well|and|but|now|then|alright|right|yes|yeah|yep|sure|no|please|thanks|thank you|great|cool|good|sorry|excuse me|listen|parley)\s+)+(?=\w)/;
const requests =
  /^(?:(?:can|could|would|will) you (?:please )?(?:tell|explain|say|describe)(?: to)?(?: me| us)?(?: please)?|please (?:tell|explain)(?: to)?(?: me| us)?|(?:tell|explain to) me(?: please)?|i (?:would like|want|wanted|need) to (?:know|ask|understand)(?: you)?|i (?:have|got) a question|i was (?:just )?wondering(?: if| whether)?|do you (?:happen to )?know(?: if)?|i wonder(?: if)?|let me ask you)\s+(?:about\s+)?(?=\w)/;

/** The caller asks for more of the same. */
const continuation =
  /^(?:(?:yes|yeah|yep|sure|ok|okay|please|oh)\s*)*(?:(?:please )?(?:tell me (?:some )?more|say more|more(?: please)?|go on|go ahead|continue|carry on|keep going|what else|anything else|and then(?: what)?|more details?|give me (?:some )?more(?: details?)?|(?:tell me )?more about (?:it|that|this)|elaborate|explain (?:it|that)(?: more| further| again)?)(?: please)?(?: about (?:it|that|this))?|(?:say (?:it|that) )?in (?:your own|other|simple|simpler) words|why|how so|how|how come|why is that|why not|really)?(?:\s+(?:please|then|parley))?$/;

/** The caller wants the last answer again: what it was about is looked up again. */
const repetition =
  /^(?:(?:sorry|pardon|excuse me) )?(?:(?:can|could|would) you )?(?:please )?(?:say (?:that|it|this) (?:again|once more)|say again|repeat(?: (?:that|it|this|yourself|your (?:last )?answer))?|what (?:did you (?:just )?say|was that)|(?:i beg your )?pardon|come again|once more|again|what|i (?:did not|could not) (?:hear|catch|get|understand) (?:you|that|it))(?: please| again| for me)*$/;
const agreement = /^(?:(?:yes|yeah|yep|yup|sure|of course|please do|please|go ahead|ok|okay|why not)\s*)+$/;
/** The answerer did not know, and named a question that it can answer. */
const offeredQuestion = /question that I can answer is:? (.+?\?)\s*$/;

/** Points back to something that was said before. */
const pointsBack = /\b(?:it|its|that|this|they|them|their|those|these|there|one|ones|the same)\b/;
const leansBack = /^(?:and|but|what about|how about|or|why|how come|what if|then|also|so)\b/;

/**
 * The query for the knowledge store: the last user message without its preamble; where that leans on what came
 * before ("and how does that work", "tell me more"), the question that it leans on comes first.
 *
 * @returns at most 400 characters; "" when there is nothing to look for (no question, or a tool's output is
 *   what is to be spoken of)
 */
export function buildQuery(messages: readonly AiMessage[]): string {
  const last = messages.at(-1);
  if (last === undefined || last.role === "toolOutput" || last.role === "toolCall") return "";
  const asked = messages.flatMap((message) => (message.role === "user" ? [message.text] : []));
  const current = asked.at(-1);
  if (current === undefined || last.role === "assistant") return "";
  const plain = normalise(current);
  if (plain === "") return "";
  const offered = offeredQuestion.exec(findLastSaid(messages))?.[1];
  if (offered !== undefined && agreement.test(plain)) return cut(offered);
  const before = asked.slice(0, -1).reverse().slice(0, lookBackMax);
  if (continuation.test(plain) || repetition.test(plain) || agreement.test(plain)) return cut(findSubject(before));
  const question = trimPreamble(current);
  if (!isElliptical(plain))
    return extractTerms(question).length === 0 && question === "" ? "" : cut(question);
  const subject = findSubject(before);
  return cut(subject === "" ? question : `${subject} ${question}`);
}

function findLastSaid(messages: readonly AiMessage[]): string {
  const last = messages.findLast((message) => message.role === "assistant");
  return last?.role === "assistant" ? last.text : "";
}

function isElliptical(plain: string): boolean {
  const terms = extractTerms(plain).filter((term) => term !== "parley");
  if (leansBack.test(plain) && terms.length <= 3) return true;
  return pointsBack.test(plain) && terms.length <= 2;
}

/** The latest earlier question that stands by itself; one that leans back is joined to what it leans on. */
function findSubject(before: readonly string[]): string {
  const trail: string[] = [];
  for (const text of before) {
    const plain = normalise(text);
    if (plain === "" || continuation.test(plain) || repetition.test(plain) || agreement.test(plain)) continue;
    const question = trimPreamble(text);
    if (extractTerms(question).length === 0) continue;
    trail.unshift(question);
    if (!isElliptical(plain) || trail.length >= 2) break;
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
