/** Written text as it is said: what a synthesiser's own reading gets wrong, spelled out word by word. */
import { cardinal, numberWords, ordinal, spellDigits, yearWords } from "./number-words.ts";

/** A blank-separated word of the text and what to say for it. */
export interface SpokenWord {
  /** As it stands in the text (several, where some have no sound of their own). */
  shown: string;
  /** One or more plain words, with the punctuation that shapes the melody. */
  spoken: string;
}

/** What a rule sees beside its match. */
interface Neighbours {
  previous: string;
  next: string;
}
type Rule = [pattern: RegExp, say: (match: RegExpExecArray, near: Neighbours) => string | null];

const abbreviations: Record<string, string> = {
  "e.g": "for example",
  "i.e": "that is",
  etc: "et cetera",
  vs: "versus",
  dr: "Doctor",
  mr: "Mister",
  mrs: "Missus",
  ms: "Miz",
  prof: "Professor",
  approx: "approximately",
  "a.m": "A M",
  "p.m": "P M",
  "u.s": "U S",
  "u.k": "U K",
};
/** Abbreviations only where a full stop follows; without it they are words (or units). */
const needsStop = new Set(["ms"]);

const units: Record<string, [one: string, many: string]> = {
  ms: ["millisecond", "milliseconds"],
  s: ["second", "seconds"],
  sec: ["second", "seconds"],
  min: ["minute", "minutes"],
  h: ["hour", "hours"],
  mm: ["millimeter", "millimeters"],
  cm: ["centimeter", "centimeters"],
  m: ["meter", "meters"],
  km: ["kilometer", "kilometers"],
  mg: ["milligram", "milligrams"],
  g: ["gram", "grams"],
  kg: ["kilogram", "kilograms"],
  ml: ["milliliter", "milliliters"],
  l: ["liter", "liters"],
  kb: ["kilobyte", "kilobytes"],
  mb: ["megabyte", "megabytes"],
  gb: ["gigabyte", "gigabytes"],
  tb: ["terabyte", "terabytes"],
  hz: ["hertz", "hertz"],
  khz: ["kilohertz", "kilohertz"],
  mhz: ["megahertz", "megahertz"],
  ghz: ["gigahertz", "gigahertz"],
  db: ["decibel", "decibels"],
  mph: ["mile per hour", "miles per hour"],
  "km/h": ["kilometer per hour", "kilometers per hour"],
};
const currencies: Record<string, { one: string; many: string; cents: string | null }> = {
  $: { one: "dollar", many: "dollars", cents: "cent" },
  "€": { one: "euro", many: "euros", cents: "cent" },
  "£": { one: "pound", many: "pounds", cents: "penny" },
  "¥": { one: "yen", many: "yen", cents: null },
};
const magnitudes: Record<string, string> = { k: "thousand", m: "million", bn: "billion", b: "billion" };
const magnitudeWords = /^(thousand|million|billion|trillion)\b/i;
const initialisms = new Set(
  "API URL USA UK EU AI UI ID IP TV PC CPU GPU VAD STT TTS LLM SDK FAQ CEO USB PDF DNA FBI CIA ATM VIP DIY HTML".split(
    " ",
  ),
);
const wordsOfSymbols: Record<string, string> = {
  ...{ "&": "and", "+": "plus", "=": "equals", "@": "at", "%": "percent", "~": "about", "°": "degrees" },
  ...{ "<": "less than", ">": "greater than", "×": "times", "→": "to" },
};
const months = "January February March April May June July August September October November December".split(
  " ",
);
const number = "[-+]?\\d[\\d,]*(?:\\.\\d+)?";

function unitWords(amount: string, unit: string): string | null {
  const names = Object.hasOwn(units, unit.toLowerCase()) ? units[unit.toLowerCase()] : undefined;
  return names ? names[/^[-+]?1$/.test(amount) ? 0 : 1] : null;
}

function moneyWords(symbol: string, amount: string, magnitude: string | undefined, next: string): string {
  const { one, many, cents } = currencies[symbol]!;
  const [whole = "0", decimals] = amount.replaceAll(",", "").split(".");
  if (magnitude) return `${numberWords(amount)} ${magnitudes[magnitude.toLowerCase()]} ${many}`;
  // "$5 million" is said "five million dollars": the next word says the currency.
  if (magnitudeWords.test(next)) return numberWords(amount);
  const name = Number(whole) === 1 ? one : many;
  if (decimals?.length !== 2 || !cents) {
    return decimals ? `${numberWords(amount)} ${many}` : `${cardinal(Number(whole))} ${name}`;
  }
  const rest = Number(decimals);
  if (rest === 0) return `${cardinal(Number(whole))} ${name}`;
  const small = rest === 1 ? cents : cents === "penny" ? "pence" : `${cents}s`;
  if (Number(whole) === 0) return `${cardinal(rest)} ${small}`;
  return `${cardinal(Number(whole))} ${name} ${cardinal(rest)} ${small}`;
}

function addressWords(address: string): string {
  const names: Record<string, string> = {
    ".": "dot",
    "/": "slash",
    "-": "dash",
    _: "underscore",
    "@": "at",
    ":": "colon",
  };
  return address
    .replace(/^[a-z]+:\/\//i, "")
    .replace(/^www\./i, "")
    .replace(/[?#].*$/, "")
    .replace(/\/$/, "")
    .replace(/[./\-_@:]/g, (char) => ` ${names[char]} `)
    .replace(/\d+/g, (digits) => ` ${numberWords(digits)} `)
    .replace(/\s+/g, " ")
    .trim();
}

function timeWords(hour: number, minute: number, next: string): string | null {
  if (hour > 24 || minute > 59) return null;
  const said = cardinal(hour);
  if (minute === 0)
    return /^[ap]\.?m\b/i.test(next) ? said : hour > 12 ? `${said} hundred` : `${said} o'clock`;
  return `${said} ${minute < 10 ? `oh ${cardinal(minute)}` : cardinal(minute)}`;
}

/** In order; the first that has something to say wins. All see a word without the punctuation around it. */
const rules: Rule[] = [
  [/^[\w.+-]+@[\w-]+(\.[\w-]+)+$/, ([all]) => addressWords(all)],
  [/^(https?:\/\/|www\.)\S+$/i, ([all]) => addressWords(all)],
  [
    /^[a-z0-9-]+(\.[a-z0-9-]+)*\.(com|org|net|io|dev|ai|edu|gov|de|uk|eu)(\/\S*)?$/i,
    ([all]) => addressWords(all),
  ],
  [
    /^(\d{4})-(\d{2})-(\d{2})$/,
    ([, year, month, day]) => {
      const name = months[Number(month) - 1];
      return name && Number(day) <= 31 ? `${name} ${ordinal(Number(day))}, ${yearWords(Number(year))}` : null;
    },
  ],
  [/^(\d{1,2}):(\d{2})$/, ([, hour, minute], { next }) => timeWords(Number(hour), Number(minute), next)],
  [
    /^([$€£¥])(\d[\d,]*(?:\.\d+)?)(k|m|bn|b)?$/i,
    ([, symbol, amount, magnitude], { next }) => moneyWords(symbol!, amount!, magnitude, next),
  ],
  [
    /^(\d[\d,]*(?:\.\d+)?)([$€£¥])$/,
    ([, amount, symbol], { next }) => moneyWords(symbol!, amount!, undefined, next),
  ],
  [new RegExp(`^(${number})%$`), ([, amount]) => `${numberWords(amount!)} percent`],
  [
    new RegExp(`^(${number})°([CF])?$`),
    ([, amount, scale]) =>
      `${numberWords(amount!)} degree${/^[-+]?1$/.test(amount!) ? "" : "s"}${scale ? (scale === "C" ? " Celsius" : " Fahrenheit") : ""}`,
  ],
  [/^°([CF])$/, ([, scale]) => (scale === "C" ? "degrees Celsius" : "degrees Fahrenheit")],
  [/^(\d+)(st|nd|rd|th)$/i, ([, digits]) => ordinal(Number(digits))],
  [/^(\d{3}0)s$/, ([, year]) => yearWords(Number(year)).replace(/y$/, "ie").concat("s")],
  [/^(\d+)[-–](\d+)$/, ([, from, to]) => `${digitWords(from!, "")} to ${digitWords(to!, "")}`],
  [/^(\d+(?:\.\d+){2,})$/, ([all]) => all.split(".").map(numberWords).join(" dot ")],
  [
    new RegExp(`^(${number})([a-z]+(?:/h)?)$`, "i"),
    ([, amount, unit]) => prefixed(amount!, unitWords(amount!, unit!)),
  ],
  [/^#(\d+)$/, ([, digits]) => `number ${cardinal(Number(digits))}`],
  [/^\+\d[\d-]{5,}$/, ([all]) => `plus ${spellDigits(all)}`],
  [new RegExp(`^${number}$`), ([all], { next }) => digitWords(all, next)],
  [
    /^[a-zäöü/]+$/i,
    ([all], { previous }) => (/^[-+]?[\d,.]+$/.test(previous) ? unitWords(previous, all) : null),
  ],
  [/^[A-Z]{2,5}$/, ([all]) => (initialisms.has(all) || !/[AEIOUY]/.test(all) ? [...all].join(" ") : null)],
  [/^([A-Z]{2,5})('?s)$/, ([, name]) => (initialisms.has(name!) ? `${[...name!].join(" ")}'s` : null)],
  [/^OK$/, () => "okay"],
  [/^[A-Za-z]+(\/[A-Za-z]+)+$/, ([all]) => all.replaceAll("/", " ")],
];

function prefixed(amount: string, unit: string | null): string | null {
  return unit === null ? null : `${numberWords(amount)} ${unit}`;
}

/** A bare number: a year where it may be one, else a number. */
function digitWords(written: string, next: string): string {
  const isYear =
    /^(1[1-9]|20)\d\d$/.test(written) && !Object.hasOwn(units, next.toLowerCase()) && next !== "%";
  return isYear ? yearWords(Number(written)) : numberWords(written);
}

function sayWord(token: string, near: Neighbours): string {
  if (Object.hasOwn(wordsOfSymbols, token)) return wordsOfSymbols[token]!;
  const plain = token.replace(/[*_`|]+/g, "");
  // Opening marks go; a minus, plus, currency or number sign belongs to what follows.
  const core = plain.replace(/^["'“‘«([{<]+/, "").replace(/["'”’»)\]}>.,;:!?…]+$/, "");
  const after = plain.slice(plain.indexOf(core) + core.length).replace(/["'”’»)\]}>]/g, "");
  if (core === "") return "";
  const abbreviation = core.toLowerCase();
  if (Object.hasOwn(abbreviations, abbreviation) && (after.startsWith(".") || !needsStop.has(abbreviation))) {
    const isLast = near.next === "";
    return abbreviations[abbreviation]! + (isLast ? after : after.replace(/^\./, ""));
  }
  for (const [pattern, say] of rules) {
    const match = pattern.exec(core);
    const said = match ? say(match, near) : null;
    if (said !== null) return withCurrency(said, core, near) + after;
  }
  return withCurrency(core, core, near) + after;
}

/** After "$5", "million" is said with the currency. */
function withCurrency(said: string, core: string, { previous }: Neighbours): string {
  const symbol = /^[$€£¥](?=\d)/.exec(previous)?.[0];
  return symbol && magnitudeWords.test(core) ? `${said} ${currencies[symbol]!.many}` : said;
}

/**
 * Turns a text into what is said, word by word.
 *
 * @returns words in order; the `shown` joined by blanks are the text (its blanks squeezed)
 */
export function makeSpeakable(text: string): SpokenWord[] {
  const tokens = text.trim().split(/\s+/).filter(Boolean);
  const strip = (token: string | undefined) => (token ?? "").replace(/[.,;:!?)]+$/, "");
  const words: SpokenWord[] = [];
  let unsaid = "";
  tokens.forEach((token, index) => {
    const near = { previous: strip(tokens[index - 1]), next: strip(tokens[index + 1]) };
    const spoken = sayWord(token, near).trim();
    const isSilent = !/[\p{L}\p{N}]/u.test(spoken);
    const last = words.at(-1);
    if (!isSilent) {
      words.push({ shown: unsaid + token, spoken });
      unsaid = "";
    } else if (last) {
      last.shown += ` ${token}`;
      // A dash between words is a short pause.
      if (/^[-–—]+$/.test(token) && /\w$/.test(last.spoken)) last.spoken += ",";
    } else {
      unsaid += `${token} `;
    }
  });
  return words;
}
