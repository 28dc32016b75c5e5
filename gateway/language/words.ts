/**
 * Words as the search sees them: lower case, without punctuation, lightly stemmed. Made for what a speech
 * recogniser writes: no punctuation to rely on, contractions, numbers as words or digits.
 */

/** Words that say nothing about what is asked. */
const stopWords = new Set(
  (
    "a an and any are as at be been being but by can could did do does doing for from had has have having he her hers " +
    "him his i if in into is it its itself just let me might must my myself of on or our ours out over please shall she should so some " +
    "such than that the their theirs them then there these they this those to too under until up us very was we were what " +
    "whats when where which while who whom whose why will with would you your yours am not no yes ok okay um uh er " +
    "tell know about explain say speak like want need get got give really actually also more how well hey hi hello oh " +
    "question answer wonder wondering thing things anything something exactly kind lot much many"
  ).split(" "),
);

const contractions: readonly [RegExp, string][] = [
  [/\bwon't\b/g, "will not"],
  [/\bcan't\b|\bcannot\b/g, "can not"],
  [/n't\b/g, " not"],
  [/\b(what|who|where|when|why|how|that|there|it|he|she|here)'s\b/g, "$1 is"],
  [/\bwhats\b/g, "what is"],
  [/\bhows\b/g, "how is"],
  [/\bwhos\b/g, "who is"],
  [/\blet's\b/g, "let us"],
  [/\b(\w+)'re\b/g, "$1 are"],
  [/\bi'm\b/g, "i am"],
  [/\b(\w+)'ll\b/g, "$1 will"],
  [/\b(\w+)'ve\b/g, "$1 have"],
  [/\b(\w+)'d\b/g, "$1 would"],
  [/'s\b/g, ""],
];

/**
 * @param text - anything a person or a recogniser wrote
 * @returns the same in lower case with contractions written out, words parted by single spaces and no
 *   punctuation but the dot in a number ("what is parley 2.0")
 */
export function normalise(text: string): string {
  let plain = text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[’‘`´]/g, "'");
  for (const [pattern, replacement] of contractions) plain = plain.replace(pattern, replacement);
  return plain
    .replace(/(\d)[,](?=\d{3}\b)/g, "$1")
    .replace(/(?<!\d)\.|\.(?!\d)/g, " ")
    .replace(/[^\p{L}\p{N}.]+/gu, " ")
    .trim();
}

/** The words of a text, normalised, stop words included. */
export function splitWords(text: string): string[] {
  const plain = normalise(text);
  return plain === "" ? [] : plain.split(" ");
}

/** Whether a normalised word says nothing about the subject. */
export function isStopWord(word: string): boolean {
  return stopWords.has(word);
}

/**
 * Cuts the endings of English inflection, so that "listening", "listens" and "listened" meet. Not linguistics: two
 * forms of a word should fall together, what they fall to need not be a word.
 *
 * @param word - normalised
 */
export function stem(word: string): string {
  if (word.length < 4 || /\d/.test(word)) return word;
  let base = word;
  if (base.endsWith("ies") && base.length > 4) base = `${base.slice(0, -3)}y`;
  else if (/(?:ss|sh|ch|x|z)es$/.test(base)) base = base.slice(0, -2);
  else if (base.endsWith("s") && !/(?:ss|us|is)$/.test(base)) base = base.slice(0, -1);
  if (base.length > 6 && base.endsWith("ation")) base = `${base.slice(0, -5)}`;
  else if (base.length > 5 && base.endsWith("ment")) base = base.slice(0, -4);
  else if (base.length > 5 && base.endsWith("ing")) base = undouble(base.slice(0, -3));
  else if (base.length > 4 && base.endsWith("ied")) base = `${base.slice(0, -3)}y`;
  else if (base.length > 4 && base.endsWith("ed")) base = undouble(base.slice(0, -2));
  else if (base.length > 5 && base.endsWith("ly")) base = base.slice(0, -2);
  else if (base.length > 5 && /(?:er|or)$/.test(base)) base = undouble(base.slice(0, -2));
  if (base.length > 4 && base.endsWith("e")) base = base.slice(0, -1);
  return base;
}

function undouble(word: string): string {
  return /([bdfgmnprt])\1$/.test(word) ? word.slice(0, -1) : word;
}

/**
 * Terms of a text in order: stop words left out, the rest stemmed. Words joined by a hyphen or a slash count one by
 * one (a neighbour pair can be joined by the caller, see `joinPairs`).
 */
export function extractTerms(text: string): string[] {
  return splitWords(text)
    .filter((word) => !stopWords.has(word))
    .map(stem);
}

/** Neighbouring words written as one ("web socket" → "websocket"), stemmed; for words that recognisers cut. */
export function joinPairs(text: string): string[] {
  const words = splitWords(text);
  const pairs: string[] = [];
  for (let i = 1; i < words.length; i++) {
    const [left, right] = [words[i - 1] ?? "", words[i] ?? ""];
    if (left.length + right.length >= 5) pairs.push(stem(left + right));
  }
  return pairs;
}

/**
 * Whether two words differ by at most one letter put in, left out, changed or swapped: what a recogniser makes of a
 * name that it does not know.
 */
export function isOneEditApart(a: string, b: string): boolean {
  if (a === b) return true;
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let endA = a.length;
  let endB = b.length;
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
    endA--;
    endB--;
  }
  const [restA, restB] = [endA - start, endB - start];
  if (restA <= 1 && restB <= 1) return true;
  return restA === 2 && restB === 2 && a[start] === b[start + 1] && a[start + 1] === b[start];
}

/** What two spellings of a word are compared by: its letters and digits in lower case. */
export function letters(word: string): string {
  return word.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}
