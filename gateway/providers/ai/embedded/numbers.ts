/** Numbers as people say them, and sums with them. */

const units = (
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen " +
  "eighteen nineteen"
).split(" ");
const tens = "twenty thirty forty fifty sixty seventy eighty ninety".split(" ");
const scales: Readonly<Record<string, number>> = { thousand: 1e3, million: 1e6, billion: 1e9 };
const halves: Readonly<Record<string, string>> = { fourty: "forty", ninty: "ninety" };

/** Largest absolute value that is reckoned with. */
const valueMax = 1e12;

/**
 * A number from the beginning of normalised words: digits ("12", "3.5"), or words ("two hundred and five").
 *
 * @returns the number and how many words it took; null if the words begin with none
 */
export function readNumber(words: readonly string[]): { value: number; taken: number } | null {
  const sign = words[0] === "minus" || words[0] === "negative" ? 1 : 0;
  const digits = words[sign];
  if (digits !== undefined && /^\d+(?:\.\d+)?$/.test(digits)) {
    const scale = scales[words[sign + 1] ?? ""];
    const value = Number(digits) * (scale ?? 1) * (sign ? -1 : 1);
    return Math.abs(value) > valueMax ? null : { value, taken: sign + (scale ? 2 : 1) };
  }
  const spoken = readWords(words.slice(sign));
  return spoken === null ? null : { value: sign ? -spoken.value : spoken.value, taken: spoken.taken + sign };
}

function readWords(words: readonly string[]): { value: number; taken: number } | null {
  let total = 0;
  let group = 0;
  let taken = 0;
  let last: "unit" | "ten" | "scale" | null = null;
  for (const [index, raw] of words.entries()) {
    const word = halves[raw] ?? raw;
    const unit = units.indexOf(word);
    const ten = tens.indexOf(word);
    if (unit >= 0 && last !== "unit" && !(last === "ten" && (unit === 0 || unit > 9))) {
      group += unit;
      last = "unit";
    } else if (ten >= 0 && last !== "unit" && last !== "ten") {
      group += (ten + 2) * 10;
      last = "ten";
    } else if (word === "hundred" && group > 0 && group < 100) {
      group *= 100;
      last = "scale";
    } else if (scales[word] !== undefined && group > 0) {
      total += group * scales[word];
      group = 0;
      last = "scale";
    } else if (
      word === "and" &&
      last === "scale" &&
      index + 1 < words.length &&
      isNumberWord(words[index + 1] ?? "")
    ) {
      continue;
    } else {
      break;
    }
    taken = index + 1;
  }
  return taken === 0 ? null : { value: total + group, taken };
}

function isNumberWord(word: string): boolean {
  return units.includes(word) || tens.includes(word);
}

type Operator = "plus" | "minus" | "times" | "divided by" | "to the power of";

const operators: readonly [RegExp, Operator][] = [
  [/^(?:plus|and|added to)\b/, "plus"],
  [/^(?:minus|less|take away|subtract)\b/, "minus"],
  [/^(?:times|multiplied by|multiplied with|x)\b/, "times"],
  [/^(?:divided by|over|by)\b/, "divided by"],
  [/^(?:to the power of|to the power)\b/, "to the power of"],
];

/** Operations in one sum. */
const operationsMax = 8;

/**
 * "what is seven times eight" → "Seven times eight…" as a sentence; times and divided come before plus and minus.
 *
 * @param plain - normalised, the signs + - * / already written as words (see `writeOperators`)
 * @returns null if it is no sum
 */
export function answerArithmetic(plain: string): string | null {
  const body = plain.replace(
    /^(?:(?:and|so|ok|okay|please|hey|now|then)\s+)*(?:(?:what is|what are|how much is|how much are|calculate|compute|work out|what does|tell me|can you (?:tell me|calculate|add|compute))\s+(?:what\s+is\s+)?)?/,
    "",
  );
  const root = /^(?:the )?square root of (.+)$/.exec(body);
  if (root) {
    const found = readNumber((root[1] ?? "").split(" "));
    if (found === null || found.value < 0) return null;
    return `The square root of ${found.value} is ${sayNumber(Math.sqrt(found.value))}.`;
  }
  const share = /^(.+?) percent of (.+)$/.exec(body);
  if (share) {
    const [part, whole] = [readNumber((share[1] ?? "").split(" ")), readNumber((share[2] ?? "").split(" "))];
    if (part && whole)
      return `${part.value} percent of ${whole.value} is ${sayNumber((part.value * whole.value) / 100)}.`;
  }
  const sum = readSum(body);
  if (sum === null) return null;
  const said = sum.values
    .map((value, index) => (index === 0 ? `${value}` : `${sum.signs[index - 1]} ${value}`))
    .join(" ");
  const result = reckon(sum.values, sum.signs);
  if (result === null) return "Nothing can be divided by zero.";
  if (!Number.isFinite(result) || Math.abs(result) > 1e15) return "That number is too large for me.";
  return `${said} is ${sayNumber(result)}.`;
}

/** Signs of arithmetic as words, for what a recogniser writes as "12 + 30" or "7 x 8". */
export function writeOperators(text: string): string {
  return text
    .replace(/(?<=\d)\s*\+\s*(?=\d)/g, " plus ")
    .replace(/(?<=\d)\s*[*×x]\s*(?=\d)/g, " times ")
    .replace(/(?<=\d)\s*[/÷]\s*(?=\d)/g, " divided by ")
    .replace(/(?<=\d)\s*[-−–]\s*(?=\d)/g, " minus ")
    .replace(/(?<=\d)\s*%/g, " percent");
}

function readSum(body: string): { values: number[]; signs: Operator[] } | null {
  const values: number[] = [];
  const signs: Operator[] = [];
  let words = body.split(" ").filter(Boolean);
  for (;;) {
    const found = readNumber(words);
    if (found === null) return null;
    values.push(found.value);
    words = words.slice(found.taken);
    const rest = words.join(" ").replace(/^squared$/, "to the power of 2");
    if (rest === "" || /^(?:equals?|please|make|makes|is)$/.test(rest)) break;
    const operator = operators.find(([pattern]) => pattern.test(rest));
    if (operator === undefined || signs.length >= operationsMax) return null;
    signs.push(operator[1]);
    words = rest.replace(operator[0], "").trim().split(" ");
  }
  return signs.length === 0 ? null : { values, signs };
}

function reckon(values: readonly number[], signs: readonly Operator[]): number | null {
  const terms: number[] = [values[0] ?? 0];
  for (const [index, sign] of signs.entries()) {
    const value = values[index + 1] ?? 0;
    const last = terms.length - 1;
    const before = terms[last] ?? 0;
    if (sign === "plus") terms.push(value);
    else if (sign === "minus") terms.push(-value);
    else if (sign === "times") terms[last] = before * value;
    else if (sign === "to the power of") terms[last] = before ** value;
    else if (value === 0) return null;
    else terms[last] = before / value;
  }
  return terms.reduce((sum, term) => sum + term, 0);
}

/** At most four decimals, said to be rounded where they are. */
function sayNumber(value: number): string {
  const rounded = Math.round(value * 1e4) / 1e4;
  return Math.abs(rounded - value) > 1e-9 ? `about ${rounded}` : `${rounded}`;
}

/** Numbers that are counted aloud in one answer. */
export const countMax = 100;

/**
 * "count to forty", "count from 5 to 12", "count down from ten".
 *
 * @returns the numbers as one sentence, cut after `countMax`; null if nobody asked to count
 */
export function answerCount(plain: string): string | null {
  const asked =
    /\bcount\b(?: for me)?( backwards?| down)?(?: for me)? ?(?:from (.+?))?(?: (?:up |down )?to (.+?)| (?:until|till|through) (.+?))?(?: (?:please|for me|now|aloud|out loud))*$/.exec(
      plain,
    );
  if (!asked) return null;
  const read = (words: string | undefined) =>
    words === undefined ? null : (readNumber(words.split(" "))?.value ?? null);
  const backwards = asked[1] !== undefined;
  const first = read(asked[2]) ?? (backwards ? 10 : 1);
  const target = read(asked[3] ?? asked[4]) ?? (backwards ? 0 : asked[2] === undefined ? 10 : first + 9);
  if (!Number.isInteger(first) || !Number.isInteger(target)) return null;
  const step = target >= first ? 1 : -1;
  const length = Math.abs(target - first) + 1;
  const numbers = Array.from({ length: Math.min(length, countMax) }, (_, index) => first + index * step);
  const counted = `${numbers.join(", ")}.`;
  return length > countMax ? `${counted} I stop here, after ${countMax} numbers.` : counted;
}
