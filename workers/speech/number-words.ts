/** Numbers as English words. */

const small =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(
    " ",
  );
const tens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const scales: [number, string][] = [
  [1e12, "trillion"],
  [1e9, "billion"],
  [1e6, "million"],
  [1e3, "thousand"],
];
const ordinalForms: Record<string, string> = {
  ...{ one: "first", two: "second", three: "third", five: "fifth", eight: "eighth", nine: "ninth" },
  twelve: "twelfth",
};

function underThousand(value: number): string {
  if (value < 20) return small[value]!;
  if (value < 100) {
    const rest = value % 10;
    return tens[Math.floor(value / 10)]! + (rest ? ` ${small[rest]}` : "");
  }
  const rest = value % 100;
  return `${small[Math.floor(value / 100)]} hundred${rest ? ` ${underThousand(rest)}` : ""}`;
}

/** Digits one by one, e.g. of a telephone number. */
export function spellDigits(digits: string): string {
  return [...digits.replace(/\D/g, "")].map((digit) => small[Number(digit)]).join(" ");
}

/** A whole number, e.g. "forty two"; from 10^15 on digit by digit. */
export function cardinal(value: number): string {
  if (value < 0) return `minus ${cardinal(-value)}`;
  if (value >= 1e15) return spellDigits(BigInt(Math.round(value)).toString());
  const parts: string[] = [];
  let rest = Math.floor(value);
  for (const [scale, name] of scales) {
    if (rest < scale) continue;
    parts.push(`${underThousand(Math.floor(rest / scale))} ${name}`);
    rest %= scale;
  }
  if (rest > 0 || parts.length === 0) parts.push(underThousand(rest));
  return parts.join(" ");
}

/** A position, e.g. "twenty first". */
export function ordinal(value: number): string {
  const words = cardinal(value);
  const last = /[a-z]+$/.exec(words)?.[0] ?? "";
  const form = ordinalForms[last] ?? (last.endsWith("y") ? `${last.slice(0, -1)}ieth` : `${last}th`);
  return words.slice(0, words.length - last.length) + form;
}

/** A year of four digits as it is said, e.g. "nineteen eighty four", "two thousand five". */
export function yearWords(year: number): string {
  const century = Math.floor(year / 100);
  const rest = year % 100;
  if (year % 1000 < 10) return cardinal(year);
  if (rest === 0) return `${cardinal(century)} hundred`;
  return `${cardinal(century)} ${rest < 10 ? `oh ${small[rest]}` : cardinal(rest)}`;
}

/**
 * A written number: thousands separated by commas, decimals after a point, a sign.
 *
 * @param written e.g. "1,234.5"; must match /^[-+]?\d[\d,]*(\.\d+)?$/
 */
export function numberWords(written: string): string {
  const sign = written.startsWith("-") ? "minus " : written.startsWith("+") ? "plus " : "";
  const [whole = "0", decimals] = written.replace(/^[-+]/, "").replaceAll(",", "").split(".");
  const isCode = whole.length > 1 && whole.startsWith("0");
  const words = isCode || whole.length > 15 ? spellDigits(whole) : cardinal(Number(whole));
  return `${sign}${words}${decimals ? ` point ${spellDigits(decimals)}` : ""}`;
}
