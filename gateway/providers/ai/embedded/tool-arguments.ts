/** A function's arguments out of what was said, by its JSON schema. Rules, no model: what is not plain is left out. */
import { extractTerms, normalise, splitWords } from "../../../language/words.ts";
import { readNumber } from "./numbers.ts";

/** What is read of a JSON schema. */
export interface Schema {
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  format?: string;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
}

export interface Filled {
  values: Record<string, unknown>;
  /** Required properties that the words do not hold. */
  missing: string[];
}

/** Properties of one function that are looked at. */
const propertiesMax = 32;

/** @returns the schema if it describes an object, else one without properties */
export function readSchema(parameters: unknown): Schema {
  return typeof parameters === "object" && parameters !== null ? (parameters as Schema) : {};
}

/**
 * @param text - the user's words
 * @param toolTerms - terms of the tool's own name and description: words that asked for the tool and are no argument
 * @param answered - the words answer the question for a missing argument: taken whole if no rule finds anything
 */
export function fillArguments(
  schema: Schema,
  text: string,
  toolTerms: ReadonlySet<string>,
  answered: boolean,
): Filled {
  const properties = Object.entries(schema.properties ?? {}).slice(0, propertiesMax);
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  const values: Record<string, unknown> = {};
  const numbers = readNumbers(text);
  const wantedText = properties.filter(
    ([name, property]) => required.has(name) && typeOf(property) === "string" && !property.enum,
  );
  for (const [name, property] of properties) {
    let value = fillOne(name, property, text, numbers);
    if (value === undefined && required.has(name) && wantedText.length === 1 && wantedText[0]?.[0] === name) {
      value = leftover(text, toolTerms, answered);
    }
    value ??= property.const ?? property.default;
    if (value === undefined && required.has(name) && typeOf(property) === "boolean") value = true;
    if (value !== undefined) values[name] = value;
  }
  return {
    values,
    missing: [...required].filter(
      (name) => values[name] === undefined && schema.properties?.[name] !== undefined,
    ),
  };
}

/** "party_size" and "partySize" → "party size". */
export function nameInWords(name: string): string {
  return name
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .replace(/[_\-.\s]+/g, " ")
    .trim()
    .toLowerCase();
}

function typeOf({ type, enum: options, properties, items }: Schema): string {
  if (Array.isArray(type)) return type.find((one) => one !== "null") ?? "string";
  if (type !== undefined) return type;
  if (properties) return "object";
  return items ? "array" : typeof (options?.[0] ?? "") === "number" ? "number" : "string";
}

function fillOne(name: string, schema: Schema, text: string, numbers: number[]): unknown {
  if (schema.enum) return matchOption(schema.enum, text);
  switch (typeOf(schema)) {
    case "number":
      return numbers.shift();
    case "integer": {
      const at = numbers.findIndex(Number.isInteger);
      return at < 0 ? undefined : numbers.splice(at, 1)[0];
    }
    case "boolean":
      return matchBoolean(name, schema, text);
    case "array": {
      const value = fillOne(name.replace(/s$/, ""), schema.items ?? {}, text, numbers);
      return value === undefined ? undefined : [value];
    }
    case "object": {
      const { values } = fillArguments(schema, text, new Set(), false);
      return Object.keys(values).length === 0 ? undefined : values;
    }
    default:
      return matchText(name, schema, text);
  }
}

function matchOption(options: unknown[], text: string): unknown {
  const words = ` ${normalise(text)} `;
  const terms = new Set(extractTerms(text));
  const named = options.filter((option) => {
    const plain = normalise(nameInWords(String(option)));
    return (
      plain !== "" && (words.includes(` ${plain} `) || extractTerms(plain).some((term) => terms.has(term)))
    );
  });
  // The longest one that was said: "extra large" rather than "large".
  return named.sort((a, b) => String(b).length - String(a).length)[0];
}

function matchBoolean(name: string, schema: Schema, text: string): boolean | undefined {
  const plain = normalise(text);
  const terms = extractTerms(nameInWords(name).replace(/^(?:is|has|with|include|enable)\b/, ""));
  const said = new Set(extractTerms(plain));
  if (/^(?:yes|yeah|sure|please do|true|on)\b/.test(plain)) return true;
  if (/^(?:no|nope|false)\b/.test(plain)) return false;
  const turned = /\b(?:turn|switch)\b.*\b(on|off)\b/.exec(plain)?.[1];
  if (
    turned !== undefined &&
    /\b(?:on|enabled?|power|state|active)\b/.test(`${nameInWords(name)} ${schema.description ?? ""}`)
  )
    return turned === "on";
  if (!terms.some((term) => said.has(term))) return undefined;
  return !/\b(?:no|not|without|disable|off|never)\b/.test(plain);
}

/** Numbers in the order in which they were said. */
function readNumbers(text: string): number[] {
  const words = splitWords(text);
  const numbers: number[] = [];
  for (let at = 0; at < words.length; ) {
    const found = readNumber(words.slice(at));
    if (found === null) at += 1;
    else {
      numbers.push(found.value);
      at += found.taken;
    }
  }
  return numbers;
}

const weekday = "(?:mon|tues|wednes|thurs|fri|satur|sun)day";
const month = "(?:january|february|march|april|may|june|july|august|september|october|november|december)";
const stopBefore =
  "(?=\\s+(?:today|tomorrow|tonight|now|please|on|at|for|from|to|by|with|right|this|next|and|in|is|right now|like)\\b|[,.?!;]|$)";

/** What kind of text a property wants, by its name and description; the first that fits is tried. */
const kinds: readonly [about: RegExp, found: readonly RegExp[]][] = [
  [/e.?mail/, [/([\w.+-]+@[\w-]+\.[\w.]+\w)/, /\b([\w.]+ at [\w]+ dot \w+)\b/i]],
  [/phone|telephone|mobile/, [/(\+?\d[\d\s()-]{5,}\d)/]],
  [
    /\b(?:date|day|when)\b/,
    [
      new RegExp(
        `\\b(today|tomorrow|tonight|yesterday|(?:next |this )?${weekday}|(?:the )?\\d{1,2}(?:st|nd|rd|th)?(?: of)? ${month}|${month} \\d{1,2}(?:st|nd|rd|th)?|\\d{4}-\\d{2}-\\d{2}|next week)\\b`,
        "i",
      ),
    ],
  ],
  [
    /\b(?:time|hour)\b/,
    [
      /\b(?:at|by|around)\s+((?:\d{1,2}(?::\d{2})?|\w+)\s*(?:a\.?m\.?|p\.?m\.?|o'?clock)?|noon|midnight)(?=\s|[.,?!]|$)/i,
    ],
  ],
  [
    /\b(?:location|city|place|town|country|region|where|area|address)\b/,
    [
      new RegExp(
        `\\b(?:in|at|near|around|for|of)\\s+((?!the (?:morning|evening|afternoon)\\b)[\\p{L}][\\p{L}'. -]*?)${stopBefore}`,
        "iu",
      ),
    ],
  ],
  [
    /\b(?:destination|recipient|target)\b/,
    [new RegExp(`\\bto\\s+([\\p{L}][\\p{L}'. -]*?)${stopBefore}`, "iu")],
  ],
  [
    /\b(?:origin|departure|sender|source)\b/,
    [new RegExp(`\\bfrom\\s+([\\p{L}][\\p{L}'. -]*?)${stopBefore}`, "iu")],
  ],
  [
    /\b(?:name|person|customer|guest|contact|who)\b/,
    [
      /\b(?:my name is|name is|name of|under|this is|i am|i'm|for|call|to)\s+(\p{Lu}[\p{L}'-]*(?: \p{Lu}[\p{L}'-]*)?)/u,
    ],
  ],
  [
    /\b(?:id|code|number|order|reference|ticket|account)\b/,
    [/\b([A-Z]{1,5}-?\d[\dA-Z-]*)\b/, /(?:^|\s)#?(\d[\d-]*\d|\d)(?=\s|[.,?!]|$)/],
  ],
  [
    /\b(?:query|question|text|message|prompt|input|content|note|reason|summary|topic|subject|title|search)\b/,
    [/\b(?:for|about|saying|that says|regarding|that|because)\s+(.+?)[.?!]*$/i],
  ],
];

function matchText(name: string, schema: Schema, text: string): string | undefined {
  const inQuotes = /["“]([^"”]+)["”]/.exec(text)?.[1];
  if (inQuotes !== undefined) return inQuotes;
  const words = nameInWords(name);
  // "the order number is A12"
  const said = new RegExp(
    `\\b${words.replace(/[^\w ]/g, "")} (?:is |of )?(?!is\\b|of\\b|the\\b|in\\b|for\\b)([\\p{L}\\p{N}-]+)\\s*[.?!]*$`,
    "iu",
  ).exec(text)?.[1];
  for (const about of [words, `${words} ${(schema.description ?? "").toLowerCase()}`]) {
    for (const [kind, patterns] of kinds) {
      if (!kind.test(about)) continue;
      for (const pattern of patterns) {
        const found = pattern.exec(text)?.[1]?.trim();
        if (found) return found;
      }
      if (said !== undefined) return said;
    }
  }
  return said;
}

/** The content words that did not ask for the tool itself; the whole utterance if it answers a question for it. */
function leftover(text: string, toolTerms: ReadonlySet<string>, answered: boolean): string | undefined {
  const trimmed = text.trim().replace(/[.?!]+$/, "");
  if (answered) return trimmed.replace(/^(?:it is|it's|that is|that's|the|in|for)\s+/i, "") || undefined;
  const kept = trimmed
    .split(/\s+/)
    .filter((word) =>
      extractTerms(word).some(
        (term) => !toolTerms.has(term) && !/^(?:give|show|find|look|please|current|check)$/.test(term),
      ),
    );
  return kept.length === 0 || kept.length > 12 ? undefined : kept.join(" ").replace(/[,;:]$/, "");
}
