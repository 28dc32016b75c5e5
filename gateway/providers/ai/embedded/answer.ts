/** What the embedded answerer says to a request: a pure function of the request and the time. */

import { splitSentences } from "../../../language/sentences.ts";
import { extractTerms, normalise } from "../../../language/words.ts";
import type { AiMessage, AiRequest } from "../../provider.ts";
import { headingOf, nearScore, selectAnswer, selectMore } from "./passages.ts";
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
const offered =
  /\b(?:Shall I go on|Would you like to hear more|Shall I tell you more|Shall I repeat it)\?\s*$/;
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

/** Answers the last message of the request. */
export function answerRequest(request: AiRequest, moment: Moment): Answer {
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
  if (
    /^(?:(?:please )?(?:stop|be quiet|quiet|shut up|silence|never mind|nevermind|forget it|enough|cancel|cancel that|stop it|stop talking|that is enough|no more|hush|pause)(?: it| that| now| please| there)*)+$/.test(
      plain,
    )
  ) {
    return say("Okay.");
  }
  if (wantsRepeat(plain) || (isYes(plain) && /Shall I repeat it\?\s*$/.test(said.at(-1) ?? "")))
    return say(repeatLast(request, moment));
  const tool = decideTool(request.tools, request.toolChoice, text, messages);
  if (tool !== null) return fromTool(tool);
  const situation: Situation = {
    ...{ text, plain, persona, said: said.join(" "), ...moment },
    userTexts: messages.flatMap((one) => (one.role === "user" ? [one.text] : [])).slice(0, -1),
  };
  if (isNo(plain))
    return say(offered.test(said.at(-1) ?? "") ? "All right. What else would you like to know?" : "Okay.");
  if (/\bin (?:your own|other|simpler|simple|different) words\b|\bparaphrase\b|\brephrase\b/.test(plain)) {
    return say(
      "I can only read out what my documents say, so I can't put it in other words. Shall I repeat it?",
    );
  }
  if (wantsMore(plain, said.at(-1) ?? "")) return say(tellMore(request, said.join(" ")));
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
  const ordered = obey(instructions, persona);
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

function isYes(plain: string): boolean {
  return /^(?:(?:yes|yeah|yep|yup|sure|of course|certainly|absolutely|please do|go ahead|why not|i would|that would be (?:nice|great)|ok|okay|mm hmm|uh huh|definitely)\s*)+(?:please|do|i do|i would|it is)?$/.test(
    plain,
  );
}

function isNo(plain: string): boolean {
  return /^(?:(?:no|nope|nah|not (?:now|really|today)|no thanks|no thank you|that is enough|i do not)\s*)+(?:thanks|thank you|please|i am (?:fine|good))?$/.test(
    plain,
  );
}

function wantsRepeat(plain: string): boolean {
  return /^(?:(?:i am )?(?:sorry|pardon|excuse) ?(?:me)? )?(?:(?:can|could|would|will) you )?(?:please )?(?:say (?:that|it|this) (?:again|once more|one more time)|say again|repeat(?: (?:that|it|this|yourself|your(?: last)? (?:answer|sentence)|what you (?:just )?said|the (?:last )?(?:answer|sentence)))?(?: again| once more| one more time)?|what (?:did you|was it you|were you|have you) (?:just )?(?:say|said|saying)|(?:i )?(?:beg your )?pardon(?: me)?|what was that|come again|once more|one more time|again|what|huh|i (?:did not|could not) (?:hear|catch|get|understand) (?:you|that|it)(?: all)?|i missed that|sorry what|excuse me what)(?: please| again| for me)*$/.test(
    plain,
  );
}

function wantsMore(plain: string, lastSaid: string): boolean {
  if (isYes(plain) && (offered.test(lastSaid) || lastSaid.includes(nearest)))
    return !lastSaid.includes(nearest);
  return /^(?:(?:yes|yeah|sure|ok|okay|please)\s+)*(?:please )?(?:tell me (?:some )?more|say more|more|go on|go ahead|continue|carry on|keep going|keep talking|what else|anything else|is there (?:anything|something) (?:else|more)|is there more|and then(?: what)?|more details?|give me (?:some )?more(?: details?)?|(?:tell me )?more about (?:it|that|this)|elaborate|explain (?:it|that) (?:more|further)|finish(?: your sentence| that)?)(?: please| about (?:it|that|this)| then)*$/.test(
    plain,
  );
}

/** The last words again; all of them, if the listener cut them off and they can be found again. */
function repeatLast(request: AiRequest, moment: Moment): string {
  const { messages } = request;
  const at = messages.findLastIndex((one) => one.role === "assistant");
  const last = messages[at];
  if (last?.role !== "assistant") return "I have not said anything yet.";
  if (!last.interrupted || messages[at - 1]?.role !== "user") return last.text;
  const again = answerRequest(
    { ...request, messages: messages.slice(0, at), toolChoice: "none", spokenPrefix: "" },
    moment,
  );
  const isSame = again.type === "text" && normalise(again.text).startsWith(normalise(last.text));
  return isSame ? again.text : last.text;
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
  const found = selectAnswer(text, passages);
  if (found !== null) return withOffer(found.sentences, found.more);
  const near = passages[0];
  const unknown = choose(notKnown, `${normalise(text)}${messages.length}`);
  if (near !== undefined && near.score >= nearScore && headingOf(near).endsWith("?"))
    return `${unknown} ${nearest}${headingOf(near)}`;
  return unknown;
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
