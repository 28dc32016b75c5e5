/** When to call one of the client's functions, and how to speak of what it returned. */
import { splitSentences } from "../../../language/sentences.ts";
import { extractTerms } from "../../../language/words.ts";
import type { AiMessage, AiTool, AiToolChoice } from "../../provider.ts";
import { joinList, speakSentence, speakWords } from "./speech.ts";
import { fillArguments, nameInWords, readSchema } from "./tool-arguments.ts";

export type ToolDecision =
  | { type: "call"; name: string; arguments: string }
  /** A required argument was not said. */
  | { type: "ask"; text: string };

/** Tools that are looked at. */
const toolsMax = 64;
/** From this match on, a tool is what the user's words ask for. */
const matchMin = 0.5;
/** Verbs of functions' names that tell nothing about their subject. */
const genericVerbs = new Set(
  "get fetch set find lookup look search query list create make add update check retrieve show do run call request handle perform current tool function api".split(
    " ",
  ),
);
const askStart = "For that I need to know ";

/**
 * @param text - the user's words; "" if there are none
 * @param messages - the conversation, for an argument that was asked for before
 * @returns null when no tool is called for
 */
export function decideTool(
  tools: readonly AiTool[],
  choice: AiToolChoice,
  text: string,
  messages: readonly AiMessage[],
): ToolDecision | null {
  if (choice === "none" || tools.length === 0) return null;
  const offered = tools.slice(0, toolsMax);
  const forced = typeof choice === "object" || choice === "required";
  const pending = findPending(messages);
  const asked = pending === null ? text : `${pending} ${text}`;
  const ranked = offered
    .map((tool) => ({ tool, match: matchTool(tool, asked) }))
    .sort((a, b) => b.match - a.match);
  const named = typeof choice === "object" ? offered.find(({ name }) => name === choice.name) : undefined;
  if (typeof choice === "object" && named === undefined) return null;
  const best = ranked[0];
  const tool = named ?? (forced || (best?.match ?? 0) >= matchMin ? best?.tool : undefined);
  if (tool === undefined) return null;
  const schema = readSchema(tool.parameters);
  const own = new Set(extractTerms(`${nameInWords(tool.name)} ${tool.description ?? ""}`));
  const latest = fillArguments(schema, text, own, pending !== null);
  const earlier = pending === null ? latest : fillArguments(schema, pending, own, false);
  const values: Record<string, unknown> = { ...earlier.values, ...latest.values };
  const missing = latest.missing.filter((name) => values[name] === undefined);
  const first = missing[0];
  if (first !== undefined) {
    const description = schema.properties?.[first]?.description;
    return { type: "ask", text: `${askStart}${describeMissing(first, description)}. What is it?` };
  }
  return { type: "call", name: tool.name, arguments: JSON.stringify(values) };
}

function describeMissing(name: string, description: string | undefined): string {
  const short = description?.split(/[.,;(]/)[0]?.trim();
  const words =
    short !== undefined && short !== "" && short.split(" ").length <= 6
      ? short.toLowerCase()
      : nameInWords(name);
  return /^(?:the|a|an|your|which|what|how)\b/.test(words) ? words : `the ${words}`;
}

/** What the user had asked for when an argument was asked back; null if the last words of the assistant were no such question. */
function findPending(messages: readonly AiMessage[]): string | null {
  const spoken = messages.filter((message) => message.role === "user" || message.role === "assistant");
  const [before, question, now] = spoken.slice(-3);
  if (now?.role !== "user" || question?.role !== "assistant" || before?.role !== "user") return null;
  return question.text.startsWith(askStart) ? before.text : null;
}

/** 0 to 1: how much of the tool's subject the words name, and how much of the words the tool explains. */
function matchTool({ name, description, parameters }: AiTool, text: string): number {
  const asked = new Set(extractTerms(text));
  if (asked.size === 0) return 0;
  const nameTerms = [...new Set(extractTerms(nameInWords(name)))];
  const subject = nameTerms.filter((term) => !genericVerbs.has(term));
  const wanted = subject.length > 0 ? subject : nameTerms;
  const named = wanted.filter((term) => asked.has(term)).length / Math.max(1, wanted.length);
  const options = Object.values(readSchema(parameters).properties ?? {}).flatMap(
    (property) => property.enum ?? [],
  );
  const explained = new Set(
    extractTerms([nameInWords(name), description ?? "", ...options.map(String)].join(" ")),
  );
  const shared = [...asked].filter((term) => explained.has(term)).length;
  const told = shared / asked.size;
  // One shared word of a description is chance; two, or one that stands in the name, is a sign.
  return named > 0 || shared >= 2 ? 0.6 * named + 0.4 * Math.max(told, Math.min(1, shared / 3)) : 0;
}

/** Words that one result may take. */
const resultPartsMax = 4;
const depthMax = 3;
const spokenCharsMax = 400;

/**
 * A function's output in one or a few sentences.
 *
 * @param output - JSON or plain text
 */
export function speakResult(output: string): string {
  const text = output.trim();
  if (text === "") return "That is done.";
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = text;
  }
  return speakValue(value) || "That is done.";
}

function speakValue(value: unknown): string {
  if (value === null || value === true) return "That is done.";
  if (value === false) return "That did not work.";
  if (typeof value === "number") return `The result is ${value}.`;
  if (typeof value === "string") return cutText(value);
  if (Array.isArray(value)) {
    return value.length === 0
      ? "There is nothing in the result."
      : `I found ${joinList(value.map((one) => describe(one, 1)).filter(Boolean), resultPartsMax)}.`;
  }
  const entries = Object.entries(value as Record<string, unknown>);
  const fault = entries.find(([key, one]) => /^(?:error|error_?message|fault)$/i.test(key) && one);
  if (fault) return `That did not work: ${`${describe(fault[1], 1)}.`}`;
  const told = entries.find(
    ([key, one]) =>
      /^(?:message|answer|text|summary|speech|response|output|result|reply)$/i.test(key) &&
      typeof one === "string" &&
      one !== "",
  );
  if (told) return cutText(String(told[1]));
  const facts = entries
    .filter(([key]) => !/^(?:ok|success|status_?code|id|uuid|_.*)$/i.test(key))
    .map(([key, one]) => describeFact(key, one, 0))
    .filter(Boolean);
  const failed = entries.some(([key, one]) => /^(?:ok|success)$/i.test(key) && one === false);
  if (failed)
    return facts.length === 0
      ? "That did not work."
      : `That did not work: ${joinList(facts, resultPartsMax)}.`;
  if (facts.length === 0) return "That is done.";
  const sentence = joinList(facts, resultPartsMax);
  return cutText(`${sentence[0]?.toUpperCase()}${sentence.slice(1)}.`);
}

function describeFact(key: string, value: unknown, depth: number): string {
  if (value === null || value === undefined || value === "") return "";
  const [name, unit] = splitUnit(nameInWords(key));
  if (typeof value === "boolean") return value ? `${name}: yes` : `${name}: no`;
  const said = describe(value, depth + 1);
  if (said === "") return "";
  return Array.isArray(value) ? `the ${name} are ${said}` : `the ${name} is ${said}${unit}`;
}

function splitUnit(name: string): [string, string] {
  const units: Record<string, string> = {
    ...{
      c: " degrees Celsius",
      celsius: " degrees Celsius",
      f: " degrees Fahrenheit",
      fahrenheit: " degrees Fahrenheit",
    },
    ...{
      km: " kilometers",
      kmh: " kilometers per hour",
      percent: " percent",
      usd: " dollars",
      eur: " euros",
      minutes: " minutes",
      seconds: " seconds",
    },
  };
  const words = name.split(" ");
  const unit = words.length > 1 ? units[words.at(-1) ?? ""] : undefined;
  return unit === undefined ? [name, ""] : [words.slice(0, -1).join(" "), unit];
}

function describe(value: unknown, depth: number): string {
  if (value === null || value === undefined || depth > depthMax) return "";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return `${value}`;
  if (typeof value === "string") return speakWords(value).replace(/\.$/, "");
  if (Array.isArray(value)) return joinList(value.map((one) => describe(one, depth + 1)).filter(Boolean), 3);
  const entries = Object.entries(value as Record<string, unknown>);
  const title = entries.find(
    ([key, one]) => /^(?:name|title|label|message|description|text)$/i.test(key) && typeof one === "string",
  );
  if (title) return describe(title[1], depth + 1);
  return joinList(entries.map(([key, one]) => describePair(key, one, depth)).filter(Boolean), 3);
}

/** "high 20", inside of something. */
function describePair(key: string, value: unknown, depth: number): string {
  const said = describe(value, depth + 1);
  return said === "" ? "" : `${nameInWords(key)} ${said}`;
}

function cutText(text: string): string {
  const said: string[] = [];
  let chars = 0;
  for (const sentence of splitSentences(text.slice(0, 4 * spokenCharsMax).replace(/\s+/g, " "))) {
    const spoken = speakSentence(sentence);
    chars += spoken.length;
    if (said.length > 0 && chars > spokenCharsMax) break;
    if (spoken !== "") said.push(spoken);
  }
  return said.join(" ").slice(0, 2 * spokenCharsMax);
}
