/** What an AI stand-in was asked, whatever the vendor's words for it, and what it says to that. */
import { continueAnswer } from "./answers.ts";
import type { CallPlan, StandinWorld } from "./standin.ts";

export interface AiQuestion {
  system: string;
  messages: { role: string; text: string }[];
  tools: string[];
  /** What the gateway says that was spoken already. */
  said: string;
  /** May functions be called, must one be, or this one? */
  choice: "auto" | "none" | "required" | { name: string };
}

export interface AiTurn {
  /** In pieces that join to the text. */
  deltas: string[];
  toolCall: { name: string; arguments: string } | null;
  inputTokens: number;
  outputTokens: number;
}

const knowledge = /<knowledge>[\s\S]*?<\/knowledge>\n*/g;
const continuation = /(?:^|\n)[^\n]*<said>([\s\S]*)<\/said>[\s\S]*$/;

/** Takes the gateway's own words (knowledge, what was said already) out of the messages. */
export function readQuestion(
  system: string,
  messages: readonly { role: string; text: string }[],
  tools: readonly string[],
  choice: AiQuestion["choice"],
): AiQuestion {
  let said = "";
  const own = messages.map(({ role, text }) => {
    if (role !== "user") return { role, text };
    const told = continuation.exec(text);
    if (told !== null) said = told[1] ?? "";
    return { role, text: text.replace(continuation, "").replace(knowledge, "").trim() };
  });
  return {
    ...{ system, said, choice, tools: choice === "none" ? [] : [...tools] },
    messages: own.filter(({ role, text }) => role !== "user" || text !== ""),
  };
}

/**
 * The world's answer, going on where it was broken off.
 *
 * @param wordsPerDelta - vendors send their words in pieces of different size
 */
export function takeTurn(
  world: StandinWorld,
  plan: CallPlan,
  question: AiQuestion,
  wordsPerDelta: number,
): AiTurn {
  const { system, messages, tools, said } = question;
  const whole = world.answer({ system, messages, tools });
  const kind = plan.fault?.kind;
  const silent = kind === "empty_answer" || kind === "content_filter";
  const toolCall = silent || said !== "" ? null : (forcedCall(question) ?? whole.toolCall);
  const goesOn = silent || toolCall !== null ? "" : whole.text;
  const text = continueAnswer(goesOn, said, () => plan.random());
  plan.note({ text, spokenPrefix: said, ...(toolCall === null ? {} : { toolCall: toolCall.name }) });
  const inputTokens = tokensOf([system, ...messages.map((message) => message.text)].join(" "));
  const outputTokens = tokensOf(`${text} ${toolCall?.arguments ?? ""}`);
  return { deltas: cutDeltas(text, wordsPerDelta), toolCall, inputTokens, outputTokens };
}

/** A call that the request insists on; null when it leaves the choice. */
function forcedCall({ choice, tools, messages }: AiQuestion): AiTurn["toolCall"] {
  if (choice === "auto" || choice === "none") return null;
  const name = choice === "required" ? tools[0] : choice.name;
  if (name === undefined) return null;
  const query = messages.findLast(({ role }) => role === "user")?.text ?? "";
  return { name, arguments: JSON.stringify({ query }) };
}

/** Four tokens for three words. */
function tokensOf(text: string): number {
  return Math.ceil((text.split(/\s+/).filter(Boolean).length * 4) / 3);
}

function cutDeltas(text: string, wordsPerDelta: number): string[] {
  return [...text.matchAll(new RegExp(`(?:\\s*\\S+){1,${wordsPerDelta}}`, "g"))].map(([delta]) => delta);
}

/** As many deltas as `limit` tokens hold; `cut` when some are left out. */
export function limitDeltas(
  deltas: readonly string[],
  limit: number | null,
): { deltas: string[]; cut: boolean } {
  if (limit === null) return { deltas: [...deltas], cut: false };
  const kept: string[] = [];
  let text = "";
  for (const delta of deltas) {
    text += delta;
    if (tokensOf(text) > limit) return { deltas: kept, cut: true };
    kept.push(delta);
  }
  return { deltas: kept, cut: false };
}

/** A text in about that many parts: arguments of functions are streamed so. */
export function cutParts(text: string, parts: number): string[] {
  const size = Math.max(1, Math.ceil(text.length / parts));
  return Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
    text.slice(at * size, (at + 1) * size),
  );
}

/** Reads an unknown value as an object; what is none has no fields. */
export function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** Reads an unknown value as a list; what is none is empty. */
export function entries(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Reads an unknown value as text; what is none is "". */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
