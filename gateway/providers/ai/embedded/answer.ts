/** What the embedded answerer says to a request: a pure function of the request and the time. */

import {
  asksForMore,
  asksToRepeat,
  asksToRephrase,
  asksToStop,
  asksToWait,
  isNo,
  isYes,
  leansOnContext,
} from "../../../language/cues.ts";
import { splitSentences } from "../../../language/sentences.ts";
import { extractTerms, normalise } from "../../../language/words.ts";
import type { AiMessage, AiRequest, Passage } from "../../provider.ts";
import { headingOf, knowsScore, nearScore, readPassage, selectAnswer, selectMore } from "./passages.ts";
import { greet, obey, type Persona, readPersona } from "./persona.ts";
import { type Situation, talkSmall } from "./small-talk.ts";
import { choose } from "./speech.ts";
import { decideTool, speakResult } from "./tools.ts";

export type Answer = { type: "text"; text: string } | { type: "toolCall"; name: string; arguments: string };

/** The moment of the answer and where it is given. */
export interface Moment {
  epochMs: number;
  /** IANA name, e.g. "Europe/Berlin". */
  timeZone: string;
}

const offers = ["Shall I go on?", "Would you like to hear more?", "Shall I tell you more?"];
const repeatOffer = /Shall I repeat it\?\s*$/;
const offered = /\b(?:Shall I go on|Would you like to hear more|Shall I tell you more)\?\s*$/;
/** How the nearest question is named when the right one is not known; `buildQuery` of the knowledge store reads it. */
const nearest = "The nearest question that I can answer is: ";

const notKnown = [
  "I am sorry, I don't know that. I only know the documents that I was given.",
  "I don't have an answer to that. It is not in the documents that I was given.",
  "I don't know. My documents say nothing about that.",
];
const notCaught = [
  "Sorry, I did not catch that. Could you say it again?",
  "I am sorry, I did not understand you. Please say that again.",
];

const fillersAround =
  /^(?:(?:um+|uh+|er+|well|so|ok|okay|hey|oh|and|please|parley|listen|then|now|alright|all right)\s+)+(?=\S)|(?:\s+(?:please|parley|um+|uh+|thanks))+$/g;

/** What is read of one message, of the instructions, of a function's output: a spoken minute has 1,000 characters. */
const textCharsMax = 8_000;
/** How many messages are looked back on. */
const messagesMax = 64;

/** Answers the last message of the request. */
export function answerRequest(whole: AiRequest, moment: Moment): Answer {
  const request = bound(whole);
  const { messages } = request;
  const instructions = [
    request.instructions,
    ...messages.flatMap((one) => (one.role === "system" ? [one.text] : [])),
  ].join("\n");
  const persona = readPersona(instructions);
  const last = messages.findLast((message) => message.role !== "system");
  if (last?.role === "toolOutput") return say(speakResult(last.output));
  const text = last?.role === "user" ? stripSounds(last.text) : "";
  const ordered = obeyOnce(request, persona, last);
  if (ordered !== null) return say(ordered);
  if (persona.fixedAnswer !== null && last?.role === "user") return say(persona.fixedAnswer);
  if (request.toolChoice === "required" || typeof request.toolChoice === "object") {
    const forced = decideTool(request.tools, request.toolChoice, text, messages);
    if (forced !== null) return fromTool(forced);
  }
  if (last === undefined || last.role === "toolCall") return say(greet(persona));
  if (last.role === "assistant") return say("Is there anything else that I can do for you?");
  return answerUser(request, { text, persona, moment });
}

function bound(request: AiRequest): AiRequest {
  const messages = request.messages.slice(-messagesMax).map((message): AiMessage => {
    if (message.role === "toolOutput" || message.role === "toolCall") return message;
    return message.text.length <= textCharsMax
      ? message
      : { ...message, text: message.text.slice(0, textCharsMax) };
  });
  return { ...request, messages, instructions: request.instructions.slice(0, textCharsMax) };
}

interface Heard {
  text: string;
  persona: Persona;
  moment: Moment;
}

function answerUser(request: AiRequest, { text, persona, moment }: Heard): Answer {
  const { messages, passages } = request;
  const plain = trimFillers(normalise(text));
  if (isNoise(plain))
    return say(
      /[^\s\p{L}]*[\u0400-\u9fff]/u.test(text)
        ? "I am sorry, I only understand English."
        : choose(notCaught, `${messages.length}`),
    );
  const said = messages.flatMap((one) => (one.role === "assistant" ? [one.text] : []));
  if (asksToStop(plain)) return say("Okay.");
  if (asksToRepeat(plain) || (isYes(plain) && repeatOffer.test(said.at(-1) ?? "")))
    return say(repeatLast(request, moment));
  const tool = decideTool(request.tools, request.toolChoice, text, messages);
  if (tool !== null) return fromTool(tool);
  const situation: Situation = {
    ...{ text, plain, persona, said: said.join(" "), ...moment },
    userTexts: messages.flatMap((one) => (one.role === "user" ? [one.text] : [])).slice(0, -1),
  };
  if (isNo(plain))
    return say(offered.test(said.at(-1) ?? "") ? "All right. What else would you like to know?" : "Okay.");
  if (asksToRephrase(plain)) {
    return say(
      "I can only read out what my documents say, so I can't put it in other words. Shall I repeat it?",
    );
  }
  if (wantsMore(plain, said.at(-1) ?? ""))
    return say(sayRest(request, moment) ?? tellMore(request, said.join(" ")));
  const small = talkSmall(situation);
  if (small !== null) return say(small);
  if (isYes(plain) && said.length > 0 && passages.length === 0)
    return say("All right. What would you like to know?");
  return say(answerFromKnowledge(request, text, persona));
}

function say(text: string): Answer {
  return { type: "text", text };
}

function fromTool(decision: NonNullable<ReturnType<typeof decideTool>>): Answer {
  return decision.type === "ask"
    ? say(decision.text)
    : { type: "toolCall", name: decision.name, arguments: decision.arguments };
}

/** What the instructions order to be said, once: not when a user waits for an answer, nor after it was said. */
function obeyOnce(
  { instructions, messages }: AiRequest,
  persona: Persona,
  last: AiMessage | undefined,
): string | null {
  const whole = obey(instructions, persona);
  // Some clients put what they order for one response behind the session's instructions.
  const lines = instructions.trim().split(/\n+/);
  const added =
    whole === null && lines.length > 1 && last?.role !== "user" ? obey(lines.at(-1)!, persona) : null;
  const ordered = whole ?? added;
  if (ordered === null) return null;
  const isShort = splitSentences(instructions).length <= 2;
  const wasSaid = messages.some((one) => one.role === "assistant" && one.text.includes(ordered));
  return last?.role !== "user" || (isShort && !wasSaid) ? ordered : null;
}

/** Takes out what a recogniser writes for sounds: "[Music]", "(mumbling)", "*sighs*". */
function stripSounds(text: string): string {
  return text
    .replace(/\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|♪[^♪]*♪?/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}

function trimFillers(plain: string): string {
  const trimmed = plain.replace(fillersAround, "").trim();
  return trimmed === "" ? plain : trimmed;
}

function isNoise(plain: string): boolean {
  return (
    plain === "" ||
    /^(?:(?:um+|uh+|hm+|mm+|er+|ah+|oh|eh|huh|the|a|you|i|and|so|but|to|of|it|blank audio)\s*){1,3}$/.test(
      plain,
    ) ||
    !/\p{Script=Latin}|\d/u.test(plain)
  );
}

function wantsMore(plain: string, lastSaid: string): boolean {
  if (isYes(plain)) return offered.test(lastSaid);
  return asksForMore(plain);
}

/** The last words again; all of them, if the listener cut them off and they can be found again. */
function repeatLast(request: AiRequest, moment: Moment): string {
  const { messages } = request;
  const at = messages.findLastIndex((one) => one.role === "assistant" && !repeatOffer.test(one.text));
  const last = messages[at];
  if (last?.role !== "assistant") return "I have not said anything yet.";
  if (!last.interrupted) return last.text;
  return answerAgain(request, at, moment) ?? last.text;
}

/** All of an answer that the listener cut off, if it can be found again. */
function answerAgain(request: AiRequest, at: number, moment: Moment): string | null {
  const messages = request.messages.slice(0, at);
  const last = request.messages[at];
  if (last?.role !== "assistant" || messages.at(-1)?.role !== "user") return null;
  const again = answerRequest({ ...request, messages, toolChoice: "none", spokenPrefix: "" }, moment);
  const isSame = again.type === "text" && normalise(again.text).startsWith(normalise(last.text));
  return isSame ? again.text : null;
}

/** The rest of an answer that was stopped, from the sentence on that was cut; null if nothing was, or it can't be found again. */
function sayRest(request: AiRequest, moment: Moment): string | null {
  const { messages } = request;
  let at = messages.length - 2;
  // Calls to stop or to wait, and what was said to them.
  while (at > 1 && isHalt(messages[at - 1]) && messages[at]?.role === "assistant") at -= 2;
  const last = messages[at];
  if (last?.role !== "assistant" || !last.interrupted) return null;
  const heard = ` ${normalise(last.text)} `;
  const whole = answerAgain(request, at, moment);
  const rest = splitSentences(whole ?? "").filter((sentence) => !heard.includes(` ${normalise(sentence)} `));
  return rest.length === 0 ? null : rest.join(" ");
}

function isHalt(message: AiMessage | undefined): boolean {
  if (message?.role !== "user") return false;
  const plain = trimFillers(normalise(stripSounds(message.text)));
  return asksToStop(plain) || asksToWait(plain);
}

function tellMore({ passages }: AiRequest, said: string): string {
  if (said === "") return "What would you like to hear about?";
  const found = selectMore(passages, said);
  if (found === null) return "That is all that I know about it. What else would you like to know?";
  return withOffer(found.sentences, found.more);
}

function withOffer(sentences: readonly string[], more: boolean): string {
  const text = sentences.join(" ");
  return more ? `${text} ${choose(offers, text)}` : text;
}

/** Share of the question that a sentence of the instructions must hold to be its answer. */
const factCoverageMin = 0.6;

function answerFromKnowledge({ passages, messages }: AiRequest, text: string, persona: Persona): string {
  const isYesToNearest = isYes(trimFillers(normalise(text)));
  const fact = isYesToNearest ? null : findFact(text, persona);
  if (fact !== null) return fact;
  const said = messages.findLast((one) => one.role === "assistant");
  const found = selectAnswer(text, preferUnsaid(passages, text, said?.role === "assistant" ? said.text : ""));
  if (found !== null) return withOffer(found.sentences, found.more);
  const near = passages[0];
  const unknown = choose(notKnown, `${normalise(text)}${messages.length}`);
  if (near !== undefined && near.score >= nearScore && headingOf(near).endsWith("?"))
    return `${unknown} ${nearest}${headingOf(near)}`;
  return unknown;
}

/** A question that leans on the last answer wants something else than that answer again. */
function preferUnsaid(passages: readonly Passage[], text: string, said: string): readonly Passage[] {
  if (said === "" || !leansOnContext(trimFillers(normalise(text)))) return passages;
  const heard = normalise(said);
  const unsaid = passages.filter((passage) => {
    const sentences = readPassage(passage)
      .map(normalise)
      .filter((sentence) => sentence.includes(" "));
    return !sentences.some((sentence) => heard.includes(sentence));
  });
  return (unsaid[0]?.score ?? 0) >= knowsScore ? unsaid : passages;
}

/** What the operator wrote into the instructions comes before any document. */
function findFact(text: string, { facts, name }: Persona): string | null {
  const asked = new Set(extractTerms(text).filter((term) => term !== name?.toLowerCase()));
  if (asked.size === 0) return null;
  let best: string | null = null;
  let bestCoverage = factCoverageMin;
  for (const fact of facts) {
    const terms = new Set(extractTerms(fact));
    const coverage = [...asked].filter((term) => terms.has(term)).length / asked.size;
    if (coverage > bestCoverage || (coverage === bestCoverage && best === null))
      [best, bestCoverage] = [fact, coverage];
  }
  return best;
}
