/**
 * What a sentence still owes, by a shallow look at its grammar: an article owes a noun, "want" an object, "if it rains" a
 * main clause. Rough on purpose: each answer is weighed by how often it was right.
 */
import type { WordClass } from "./word-classes.ts";

/** What is missing; "complete" where nothing was found. */
export type OpenEnd =
  | "filler"
  | "opener"
  | "answer"
  | "function"
  | "stranded"
  | "demonstrative"
  | "shortAnswer"
  | "shortQuestion"
  | "embedded"
  | "verbless"
  | "transitive"
  | "fronted"
  | "modifier"
  | "attribute"
  | "predicate"
  | "subordinate"
  | "inverted"
  | "asking"
  | "clause"
  | "phrase"
  | "items"
  | "discourse"
  | "giving"
  | "address"
  | "complete";

const owesWord: ReadonlySet<WordClass> = new Set([
  "article",
  "possessive",
  "conjunction",
  "subordinator",
  "preposition",
  "subject",
  "contracted",
]);
const verbs: ReadonlySet<WordClass> = new Set(["be", "auxiliary", "contracted", "wanting", "doing", "past"]);
const nounOpeners: ReadonlySet<WordClass> = new Set(["article", "possessive", "demonstrative", "quantity"]);
const openers: ReadonlySet<WordClass> = new Set(["filler", "conjunction"]);
const answers: ReadonlySet<WordClass> = new Set(["answer", "greeting", "filler", "conjunction"]);
const items: ReadonlySet<WordClass> = new Set(["number", "digits", "letter"]);
const clauseOpeners: ReadonlySet<WordClass> = new Set(["conjunction", "subordinator"]);

/** Said before the matter itself. */
const discourse =
  /^(?:and |so |but |well |um |uh )*(?:in (?:that|this|any|my) (?:case|opinion|view|experience)|for (?:some|what|that|this) reason|(?:most|some|all) of the time|by the way|at (?:the|this) moment|at first|to be (?:honest|fair|precise)|as (?:far as|long as|soon as) [a-z' ]{1,24}|on top of that|besides|the other day|since then|after that|before that|then|suddenly|(?:one|the next|last|this) (?:day|morning|evening|night)|in (?:the end|addition|general|fact)|first of all|first|apart from that|on the other hand|just so you know|believe me|as i said|either way|at least|you know|i mean|the (?:thing|problem|point|reason|question|trouble) is)$/;
/** "She told me", "I'll send you": what, is still to come. */
const giving =
  /\b(?:tell|tells|told|ask|asked|give|gives|gave|given|send|sends|sent|show|showed|bring|brought|owe|owes|offer|offered|promise|promised|charge|charged|cost|costs|lend|lent|let|make|made|want|wants|wanted|need|help) (?:me|us|you|him|her|them|it)$/;

function countVerbs(classes: readonly WordClass[]): number {
  return classes.filter((name) => verbs.has(name)).length;
}

/** What the last word owes by itself. */
function lastWordOwes(words: readonly string[], classes: readonly WordClass[]): OpenEnd | null {
  const last = classes.at(-1);
  const before = classes.at(-2) ?? "none";
  const asks = classes.slice(0, -1).includes("question");
  if (last === undefined) return "opener";
  if (last === "filler") return "filler";
  if (owesWord.has(last)) return asks && last === "preposition" ? "stranded" : "function";
  if (last === "demonstrative") return "demonstrative";
  if (last === "be" || last === "auxiliary") {
    if (words.length <= 4 && (before === "subject" || before === "object")) return "shortAnswer";
    return asks && words.length >= 4 ? "embedded" : "verbless";
  }
  if (last === "wanting")
    return (asks || words.includes("that")) && words.length >= 4 ? "fronted" : "transitive";
  if (words.length <= 2 && classes[0] === "question") return "shortQuestion";
  // "I think so", "me too", "not yet".
  if (
    /(?:think|guess|suppose|hope|believe|say|said|really|why) (?:so|not)$| (?:too|all|more|either)$/.test(
      words.join(" "),
    )
  )
    return null;
  if (last === "negation" || last === "degree" || last === "quantity" || last === "question")
    return "modifier";
  if (last === "attribute" || last === "superlative" || last === "adjective") {
    return nounOpeners.has(before) || before === "preposition" || before === "attribute"
      ? "attribute"
      : "predicate";
  }
  return items.has(last) ? "items" : null;
}

function isSubordinator(words: readonly string[], classes: readonly WordClass[], at: number): boolean {
  const from = /^(?:even|only|just)$/.test(words[at] ?? "") ? at + 1 : at;
  return classes[from] === "subordinator" || words[from] === "because" || words[from] === "once";
}

/** What the frame of the sentence owes: a main clause, a verb. */
function frameOwes(words: readonly string[], classes: readonly WordClass[]): OpenEnd | null {
  const first = classes[0] ?? "none";
  const opened = classes.findLastIndex((name, at) => clauseOpeners.has(name) && at < classes.length - 1);
  const clause = classes.slice(opened + 1);
  if (discourse.test(words.join(" "))) return "discourse";
  if (giving.test(words.slice(-2).join(" "))) return "giving";
  if (words.includes("email") && !/\b(?:com|org|net|uk|de)$/.test(words.at(-1) ?? "")) return "address";
  // "If it rains", "even though I paid", and after "and" or "but" the same.
  const joined = classes.findLastIndex((name, at) => name === "conjunction" && at < classes.length - 2);
  let start = joined >= 0 && isSubordinator(words, classes, joined + 1) ? joined + 1 : 0;
  if (first === "filler") start = Math.max(start, 1);
  if (isSubordinator(words, classes, start) && countVerbs(classes.slice(start)) < 2) return "subordinate";
  if ((first === "auxiliary" || first === "be") && words.length <= 3) return "inverted";
  if (first === "auxiliary" && countVerbs(classes.slice(1)) === 0) return "inverted";
  if (first === "question" && countVerbs(classes) === 0) return "asking";
  if (countVerbs(clause) > 0) return null;
  if (clause[0] === "subject" || clause[0] === "object") return "clause";
  if (nounOpeners.has(clause[0] ?? "none"))
    return opened >= 0 && countVerbs(classes) > 0 ? "clause" : "phrase";
  return null;
}

/**
 * @param words - of the last sentence, lower case
 * @param classes - theirs
 */
export function findOpenEnd(words: readonly string[], classes: readonly WordClass[]): OpenEnd {
  if (classes.every((name) => openers.has(name))) return "opener";
  if (classes.every((name) => answers.has(name))) return "answer";
  return lastWordOwes(words, classes) ?? frameOwes(words, classes) ?? "complete";
}
