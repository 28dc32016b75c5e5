/**
 * How finished a transcript sounds: features of its words, weighed by a table that was fitted to turns of other
 * topics than those it is measured on. Words only, no audio; a recogniser's punctuation is one hint among others.
 */
import { asksForMore, asksToRepeat, isNo, isYes } from "../../language/cues.ts";
import { normalise } from "../../language/words.ts";
import { completenessWeights } from "./completeness-weights.ts";
import { findOpenEnd } from "./open-ends.ts";
import { classOf, type WordClass } from "./word-classes.ts";

/** Words of a turn's end that are looked at. */
const maxWords = 60;
/** Longer turns are no stock answers. */
const longestCueWords = 6;

interface Sentence {
  words: string[];
  classes: WordClass[];
}

/** The sentence that goes on, and how the recogniser closed it. */
interface Reading extends Sentence {
  punctuation: "stop" | "question" | "comma" | "dash" | "dots" | "none";
  /** Sentences before this one, by the recogniser's punctuation. */
  before: number;
  /** Words of the whole turn. */
  total: number;
}

function punctuationOf(text: string): Reading["punctuation"] {
  if (/(?:\.\.\.|…)["')\]]*$/.test(text)) return "dots";
  if (/[?]["')\]]*$/.test(text)) return "question";
  if (/[.!]["')\]]*$/.test(text)) return "stop";
  if (/[,;:]$/.test(text)) return "comma";
  return /[-–—]$/.test(text) ? "dash" : "none";
}

/** "J-O-H-N" and "555-0142" are said one by one. */
function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .replace(/[’‘`]/g, "'")
    .replace(/(?<=\b[a-z])[-.](?=[a-z]\b)/g, " ")
    .replace(/(?<=\d)[-–](?=\d)/g, " ")
    .replace(/[^\p{L}\p{N}'@. ]+/gu, " ")
    .replace(/\.(?!\w)/g, " ")
    .split(/\s+/)
    .map((word) => word.replace(/^'+|'+$/g, ""))
    .filter((word) => word !== "");
}

function read(text: string): Reading {
  const trimmed = text.trim();
  const sentences = trimmed
    .split(/(?<=[.!?]["')\]]*)\s+/)
    .filter((sentence) => /[\p{L}\p{N}]/u.test(sentence));
  const words = wordsOf(sentences.at(-1) ?? "").slice(-maxWords);
  const total = wordsOf(trimmed).length;
  return {
    words,
    // "No, it's broken" is an answer, "there is no" owes a noun.
    classes: words.map((word, at) => (at === 0 && word === "no" ? "answer" : classOf(word))),
    punctuation: punctuationOf(trimmed),
    before: Math.max(0, sentences.length - 1),
    total,
  };
}

function bucket(count: number, edges: readonly number[]): number {
  let at = 0;
  while (at < edges.length && count >= (edges[at] ?? 0)) at++;
  return at;
}

const itemClasses: ReadonlySet<WordClass> = new Set(["number", "digits", "letter"]);
const verbClasses: ReadonlySet<WordClass> = new Set([
  "be",
  "auxiliary",
  "contracted",
  "wanting",
  "doing",
  "past",
]);
const openerClasses: ReadonlySet<WordClass> = new Set(["filler", "answer", "greeting", "conjunction"]);

/** Classes by what they still owe, for runs of three. */
const owing: { readonly [name in WordClass]?: string } = {
  ...{
    article: "D",
    possessive: "D",
    demonstrative: "d",
    quantity: "d",
    attribute: "a",
    adjective: "a",
    superlative: "a",
  },
  ...{ conjunction: "C", subordinator: "C", preposition: "P", particle: "p", question: "Q" },
  ...{ be: "B", auxiliary: "B", contracted: "S", subject: "S", negation: "n", degree: "g", adverb: "g" },
  ...{ wanting: "V", doing: "v", past: "v", gerund: "v", filler: "f", greeting: "f", answer: "f" },
  ...{ number: "N", digits: "N", letter: "N", object: "o", closing: "c", state: "c", none: "-" },
};

/** Digits and letters said one after the other at the end: how many, and of what kind. */
function spelledAtEnd({ words, classes }: Sentence): { items: number; kind: "digits" | "letters" } {
  let items = 0;
  let letters = 0;
  for (let at = words.length - 1; at >= 0 && itemClasses.has(classes[at] ?? "none"); at--) {
    const word = words[at] ?? "";
    const isLetter = classes[at] === "letter";
    items += isLetter ? 1 : Math.max(1, word.replace(/\D/g, "").length);
    if (isLetter) letters += 1;
  }
  return { items, kind: letters * 2 > items ? "letters" : "digits" };
}

/** What a number is of tells how long it will be. */
const numberKinds: readonly (readonly [string, RegExp])[] = [
  ["card", /\b(?:card|visa)\b/],
  ["phone", /\b(?:phone|telephone|mobile|cell|call|reach|text|ring)\b/],
  ["place", /\b(?:zip|postal|postcode|post)\b/],
  ["code", /\b(?:code|pin)\b/],
  [
    "record",
    /\b(?:account|order|invoice|policy|reference|ticket|tracking|customer|contract|serial|membership)\b/,
  ],
];

function numberKind(words: readonly string[]): string {
  const text = words.join(" ");
  return numberKinds.find(([, pattern]) => pattern.test(text))?.[0] ?? "other";
}

function frameFeatures(reading: Reading): string[] {
  const { words, classes } = reading;
  const found: string[] = [];
  const first = classes[0] ?? "none";
  const verbs = classes.filter((name) => verbClasses.has(name)).length;
  found.push(`verbs=${Math.min(3, verbs)}`);
  if (classes.every((name) => openerClasses.has(name))) found.push(`openers=${Math.min(3, words.length)}`);
  if (first === "subordinator" || words[0] === "because") {
    const clauses = classes.filter(
      (name) => name === "subject" || name === "contracted" || name === "object",
    ).length;
    found.push(`subordinate=${Math.min(3, clauses)}`);
  }
  if (first === "question" || words[0] === "when") found.push(`asks=${bucket(words.length, [3, 4, 6])}`);
  if (first === "be" || first === "auxiliary") found.push(`inverted=${bucket(words.length, [3, 4, 6])}`);
  // "The one that", "my name is": what is being said of it comes last.
  const nouns = new Set<WordClass>(["article", "possessive", "demonstrative"]);
  if (nouns.has(first) && verbs === 0) found.push(`phrase=${bucket(words.length, [2, 3, 5])}`);
  if (/^(?:i|we|you|he|she|they)$/.test(words[0] ?? "") && verbs === 0) found.push("subjectOnly");
  const firstIf = words.lastIndexOf("if");
  if (firstIf > 0) found.push(`if=${bucket(words.length - firstIf, [3, 5])}`);
  return found;
}

/** Whole turns that are said so often that they need no grammar. */
function cueOf(text: string): string | null {
  const plain = normalise(text);
  if (isYes(plain)) return "yes";
  if (isNo(plain)) return "no";
  if (asksToRepeat(plain)) return "repeat";
  return asksForMore(plain) ? "more" : null;
}

/**
 * What the weights are for: names of the features that a transcript has.
 *
 * @param text - as a recogniser wrote it
 */
export function featuresOf(text: string): string[] {
  const reading = read(text);
  const { words, classes, punctuation, before, total } = reading;
  const [third, second, last] = [
    classes.at(-3) ?? "none",
    classes.at(-2) ?? "none",
    classes.at(-1) ?? "none",
  ];
  const length = bucket(words.length, [1, 2, 3, 5, 8, 12]);
  const open = findOpenEnd(words, classes);
  const found = [
    `last=${last}`,
    `second=${second}`,
    `mark=${punctuation}`,
    `length=${length}`,
    `before=${Math.min(3, before)}`,
    `turn=${bucket(total, [2, 4, 8, 14, 20])}`,
    `run=${[third, second, last].map((name) => owing[name] ?? "x").join("")}`,
    ...frameFeatures(reading),
    `open=${open}`,
    `open=${open}/${bucket(words.length, [2, 4, 8])}`,
    `open=${open}/${punctuation}`,
  ];
  if (!classes.some((name) => verbClasses.has(name)))
    found.push(`fragment=${Math.min(2, before)}/${bucket(words.length, [2, 4])}`);
  if (words.length <= 2) found.push(`short=${last}`);
  const lastWord = words.at(-1);
  if (
    lastWord !== undefined &&
    /^(?:to|so|that|it|is|there|then|and|too|one|right|that's|have|do|did|can|will|not|no|in|on|up|off|out|over|down|about|like|me|you|then|now|just|back|all|some|well|yes)$/.test(
      lastWord,
    )
  )
    found.push(`word=${lastWord}`);
  const cue = total <= longestCueWords ? cueOf(text) : null;
  if (cue) found.push(`cue=${cue}`);
  const spelled = spelledAtEnd(reading);
  if (spelled.items > 0) {
    const count = bucket(
      spelled.items,
      spelled.kind === "digits" ? [2, 3, 4, 5, 7, 10, 12] : [2, 3, 4, 6, 8],
    );
    found.push(`${spelled.kind}=${count}`);
    if (spelled.kind === "digits") found.push(`${numberKind(words)}=${count}`);
    if (spelled.items === words.length) found.push(`bare=${bucket(spelled.items, [2, 3, 5])}`);
  }
  if (/@|\bdot (?:com|org|net|uk|de)\b|\.(?:com|org|net|uk|de)$/.test(words.slice(-3).join(" ")))
    found.push("address");
  return found;
}

/**
 * How much likelier the turn is over than not, by its words.
 *
 * @returns natural logarithm of the odds, as often as turns of the training set ended at a pause
 */
export function endLogOdds(text: string): number {
  let sum = completenessWeights.bias ?? 0;
  for (const feature of featuresOf(text)) sum += completenessWeights[feature] ?? 0;
  return sum;
}
