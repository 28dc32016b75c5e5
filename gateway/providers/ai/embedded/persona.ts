/** What a session's instructions ask of an answerer that follows simple ones: a name, a greeting, a fixed sentence, facts. */
import { splitSentences } from "../../../language/sentences.ts";
import { extractTerms } from "../../../language/words.ts";
import { speakSentence } from "./speech.ts";

export interface Persona {
  /** "Max" of "You are Max, the receptionist at Bella Pizza."; null if none was given. */
  name: string | null;
  /** "the receptionist at Bella Pizza"; null if none or just "a helpful assistant". */
  role: string | null;
  /** The words to greet with; null if they are left open. */
  greeting: string | null;
  /** The one thing to answer with, whatever is asked. */
  fixedAnswer: string | null;
  /** Sentences that state something: what the operator wants known. */
  facts: string[];
}

/** Instructions longer than that are read up to here. */
const instructionCharsMax = 8_000;

const quoted = `["“‘]([^"”]{1,400}?)["”’]`;
const notNames = new Set(
  "A An The Not Always Currently Now Here In On At Helpful Friendly Polite Kind Being Speaking Talking Going Able To Also Only It They We I".split(
    " ",
  ),
);
const directive =
  /^(?:you|your|be|do|don'?t|never|always|speak|answer|reply|respond|keep|use|avoid|if|when|talk|act|only|please|make|ask|tell|say|greet|welcome|try|remember|ensure|start|begin|end|help|provide|stay|limit|refer|call|follow|pretend|wait|listen|note|important|under|repeat|read|apologi[sz]e)\b/i;

/** Reads instructions; whatever it does not understand is left alone. */
export function readPersona(instructions: string): Persona {
  const text = instructions.slice(0, instructionCharsMax).replace(/\s+/g, " ").trim();
  const sentences = splitSentences(
    instructions
      .slice(0, instructionCharsMax)
      .replace(/\n+/g, ". ")
      .replace(/([.!?:])\. /g, "$1 ")
      .replace(/[ \t]+/g, " "),
  );
  return {
    ...readIdentity(text),
    greeting: firstMatch(text, [
      new RegExp(`\\b(?:greet|welcome|open|start|begin)\\b[^.!?"“]{0,80}?${quoted}`, "i"),
      new RegExp(
        `\\b(?:your (?:greeting|first (?:sentence|words?|message)) (?:is|are|should be|must be))\\b:?\\s*${quoted}`,
        "i",
      ),
    ]),
    fixedAnswer: firstMatch(text, [
      new RegExp(
        `\\b(?:always|only|just|to (?:everything|every question|anything)|no matter what)\\b[^.!?"“]{0,60}?\\b(?:say|answer|reply|respond|repeat)\\b[^.!?"“]{0,60}?${quoted}`,
        "i",
      ),
      new RegExp(
        `\\b(?:answer|reply|respond)\\b[^.!?"“]{0,60}?\\b(?:always|only|exactly|just|everything|every question|anything)\\b[^.!?"“]{0,40}?${quoted}`,
        "i",
      ),
    ]),
    facts: sentences
      .map((sentence) => sentence.replace(/^[-*•\d.)\s]+/, ""))
      .filter((sentence) => !directive.test(sentence) && extractTerms(sentence).length >= 2)
      .map(speakSentence)
      .filter((sentence) => sentence !== ""),
  };
}

function readIdentity(text: string): { name: string | null; role: string | null } {
  const named =
    /\b[Yy]our name is ([A-Z][\p{L}'-]*(?: [A-Z][\p{L}'-]*)?)/u.exec(text)?.[1] ??
    /\b(?:called|named|call yourself) ["“]?([A-Z][\p{L}'-]*)/u.exec(text)?.[1] ??
    null;
  const said = /\bYou(?:'re| are) ([A-Z][\p{L}'-]*(?: [A-Z][\p{L}'-]*)?)(?=[,.;!:]|\s|$)/u.exec(text)?.[1];
  const name = named ?? (said !== undefined && !notNames.has(said.split(" ")[0] ?? "") ? said : null);
  const role =
    /\bYou(?:'re| are) (?:[A-Z][\p{L}'-]*(?: [A-Z][\p{L}'-]*)?, )?((?:the|a|an) [^.!?,;\n]{3,120})/u.exec(
      text,
    )?.[1] ?? null;
  const plain =
    role !== null &&
    /^an? (?:very )?(?:helpful|friendly|polite|useful|concise|kind|,| |and|voice|ai|realtime|real-time)*(?:assistant|agent|bot|ai)$/i.test(
      role,
    );
  return { name, role: plain ? null : role };
}

function firstMatch(text: string, patterns: RegExp[]): string | null {
  for (const pattern of patterns) {
    const found = pattern.exec(text)?.[1]?.trim();
    if (found) return found;
  }
  return null;
}

/** Who it is, in one sentence. */
export function introduce({ name, role }: Persona): string {
  if (name !== null) return role === null ? `I am ${name}.` : `I am ${name}, ${role}.`;
  if (role !== null) return `I am ${role}.`;
  return "I am Parley, a self-hosted voice gateway, answering with what is built in.";
}

/** The first words of a conversation. */
export function greet({ name, greeting }: Persona): string {
  if (greeting !== null) return speakSentence(greeting);
  return name === null
    ? "Hello, this is Parley. How can I help you?"
    : `Hello, this is ${name}. How can I help you?`;
}

const caller = "(?:the |our |your )?(?:caller|user|customer|person|client|guest|listener|them|him|her)";

/**
 * What instructions for a single response tell it to say ("Say hello to the caller", "Ask for the order number").
 *
 * @returns null if they order nothing of the kind
 */
export function obey(instructions: string, persona: Persona): string | null {
  const text = instructions.replace(/\s+/g, " ").trim();
  const literal =
    new RegExp(
      `^(?:please )?(?:now )?(?:say|speak|read(?: out)?|repeat|announce|respond with|reply with|answer with)\\b[^"“]{0,60}?${quoted}`,
      "i",
    ).exec(text)?.[1] ??
    /^(?:please )?(?:say|speak|read(?: out)?|repeat|announce)(?: (?:exactly|verbatim|aloud|out loud|only|just|the following|this|these words|text|sentence))*\s*:\s*(.+)$/i.exec(
      text,
    )?.[1] ??
    /^(?:please )?(?:say|repeat) exactly (.+)$/i.exec(text)?.[1];
  if (literal !== undefined) return speakSentence(literal);
  if (
    /^(?:please )?(?:now )?(?:say (?:hello|hi)|greet|welcome|introduce yourself|start (?:by|with) (?:a )?greet|open the conversation|start the conversation)/i.test(
      text,
    )
  ) {
    return /introduce yourself/i.test(text)
      ? `Hello. ${introduce(persona)} How can I help you?`
      : greet(persona);
  }
  if (/^(?:please )?(?:say (?:good ?bye|bye)|wish [^.]{0,30}(?:nice|good) day)/i.test(text))
    return "Goodbye, and have a nice day.";
  if (/^(?:please )?(?:thank)/i.test(text)) return "Thank you very much.";
  if (/^(?:please )?(?:apologi[sz]e|say sorry)/i.test(text)) return "I am sorry about that.";
  const told = new RegExp(
    `^(?:please )?(?:tell|inform|let|remind) ${caller} (?:know )?that ([^.!?]+)`,
    "i",
  ).exec(text)?.[1];
  if (told !== undefined) return speakSentence(turnToListener(told));
  const asked = new RegExp(
    `^(?:please )?ask (?:${caller} )?(for|about|what|how|whether|if|when|where|which|who) ([^.!?]+)`,
    "i",
  ).exec(text);
  if (asked) {
    const [, word = "", rest = ""] = asked;
    const what = turnToListener(rest);
    if (/^for$/i.test(word)) return `May I have ${what}, please?`;
    if (/^about$/i.test(word)) return `What can you tell me about ${what}?`;
    return `Could you tell me ${word.toLowerCase()} ${what}?`;
  }
  const said = /^(?:please )?say (?!that\b|something\b|nothing\b|it\b)([^.!?]{1,200})[.!?]?$/i.exec(
    text,
  )?.[1];
  return said === undefined ? null : speakSentence(said);
}

function turnToListener(text: string): string {
  return text
    .replace(/\b(?:their|his|her)\b/gi, "your")
    .replace(/\b(?:they|he|she) (?:are|is)\b/gi, "you are")
    .replace(/\b(?:they|he|she) (?:has|have)\b/gi, "you have")
    .replace(/\b(?:they|he|she|them|him)\b/gi, "you");
}
