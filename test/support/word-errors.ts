/** Word error rate between what was said and what was understood. */

const contractions: Readonly<Record<string, string>> = {
  "can't": "cannot",
  "won't": "will not",
  "it's": "it is",
  "that's": "that is",
  "there's": "there is",
  "what's": "what is",
  "let's": "let us",
  "i'm": "i am",
};

const contractionEndings: readonly (readonly [RegExp, string])[] = [
  [/n't$/, " not"],
  [/'re$/, " are"],
  [/'ve$/, " have"],
  [/'ll$/, " will"],
  [/'d$/, " would"],
];

const smallNumbers = [
  ...[
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
  ],
  ...["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"],
];
const tens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/** British spellings and titles that a recogniser writes its own way; saying is the same. */
const spellings: Readonly<Record<string, string>> = {
  colour: "color",
  grey: "gray",
  mr: "mister",
  mrs: "missus",
  okay: "ok",
  centre: "center",
  neighbour: "neighbor",
  login: "log in",
};

/** Lower-case words without punctuation; numbers up to 99 as words, contractions written out. */
export function normaliseWords(text: string): string[] {
  return text
    .toLowerCase()
    .replace(/[’‘]/g, "'")
    .replace(/(\d)%/g, "$1 percent")
    .replace(/[^a-z0-9' ]+/g, " ")
    .split(/\s+/)
    .map((word) => word.replace(/^'+|'+$/g, ""))
    .flatMap((word) => writeOut(word).split(" "))
    .filter((word) => word !== "");
}

function writeOut(word: string): string {
  const known = contractions[word] ?? spellings[word];
  if (known !== undefined) return known;
  for (const [ending, words] of contractionEndings) if (ending.test(word)) return word.replace(ending, words);
  if (/^\d{1,2}$/.test(word)) {
    const value = Number(word);
    if (value < 20) return smallNumbers[value]!;
    return `${tens[Math.floor(value / 10)]}${value % 10 === 0 ? "" : ` ${smallNumbers[value % 10]}`}`;
  }
  return word;
}

/**
 * Compares by words (insertions, deletions and substitutions each count one).
 *
 * @returns errors and the number of words said; the rate is `errors / words`
 */
export function countWordErrors(said: string, understood: string): { errors: number; words: number } {
  const want = normaliseWords(said);
  const got = normaliseWords(understood);
  let previous = got.map((_, index) => index + 1);
  previous.unshift(0);
  for (let row = 1; row <= want.length; row++) {
    const current = [row];
    for (let column = 1; column <= got.length; column++) {
      const same = want[row - 1] === got[column - 1];
      current.push(
        Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + (same ? 0 : 1)),
      );
    }
    previous = current;
  }
  return { errors: previous[got.length]!, words: want.length };
}

/** The share of wrong words, 0 for the same words; may exceed 1. */
export function wordErrorRatio(said: string, understood: string): number {
  const { errors, words } = countWordErrors(said, understood);
  return words === 0 ? (errors === 0 ? 0 : 1) : errors / words;
}
