/**
 * Cuts a reply into pieces to speak while it is still being written. The first piece is short, so that sound
 * starts early; later ones are whole sentences. A cut is decided where the next word begins, from the word
 * before, the gap and the letters that follow: so pieces depend on the text alone, not on how it came in.
 */
import { isSpeakable } from "./speakable.ts";

export interface SentenceLimits {
  /** A piece longer than this is cut at a clause, else between words (else anywhere). */
  pieceCharsMax: number;
  /** The first piece may end at a clause from this many words … */
  firstWordsMin: number;
  /** … or, with two words or more, this many characters. */
  firstCharsMin: number;
  /** As `pieceCharsMax`, for the first piece. */
  firstCharsMax: number;
}

export const sentenceLimits: SentenceLimits = {
  pieceCharsMax: 220,
  firstWordsMin: 3,
  firstCharsMin: 25,
  firstCharsMax: 110,
};

export interface SentenceCutter {
  /** Takes text; returns the pieces that it completed. Joined, all pieces are the input, spaces and all. */
  push(delta: string): string[];
  /** The text ended: returns what is left, as one piece; nothing if no letter or digit ever came. */
  flush(): string[];
}

type Gap = { kind: "none" } | { kind: "space" | "clause" | "sentence"; cut: number };

/** Never the end of a sentence. */
const titles = new Set(
  "mr mrs ms mx dr prof rev hon gen col capt cpt lt sgt sen rep gov pres messrs mt ft vs approx e.g i.e eg ie cf viz al ca est tel ext dept".split(
    " ",
  ),
);
/** The end of one only before a capital that begins a common first word. */
const doubtful = new Set(
  "st etc inc ltd co corp jr sr a.m p.m jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun ave blvd rd min max".split(
    " ",
  ),
);
/** Not the end before a digit. */
const numbering = new Set("no nos fig sec ch vol pp p art eq op nr".split(" "));
const starters = new Set(
  "the this that these those it he she we you they i but and so then in if there here what when where why how who yes no my your our their his her at on for as now first next after before please let do does did is are can could would should will to a an it's that's i'm i'll we're you're don't let's".split(
    " ",
  ),
);

const closers = `"'”’»›)]}*_\`~`;
const quotes = `"'”’»›`;
const spaceless = /[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]/;
const emojiToken =
  /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator}|\p{Emoji_Modifier}|\u{FE0F}|\u{200D})+\s+/u;

/** One cutter for one reply. */
export function createSentenceCutter(limits: SentenceLimits = sentenceLimits): SentenceCutter {
  let buffer = "";
  /** End of the last word (a run of letters and digits) in the buffer; 0 if there is none yet. */
  let wordEnd = 0;
  let inWord = false;
  let words = 0;
  let first = true;
  let lowerCaseText: boolean | null = null;
  /** Best places to cut a piece that grows too long. */
  let clauseCut = 0;
  let spaceCut = 0;
  /** A gap whose meaning hangs on the whole word after it. */
  let open: { from: number; to: number } | null = null;
  let highSurrogate = "";
  let pieces: string[] = [];

  function cutAt(position: number): void {
    pieces.push(buffer.slice(0, position));
    buffer = buffer.slice(position);
    first = false;
    const moved = (index: number) => Math.max(0, index - position);
    wordEnd = moved(wordEnd);
    clauseCut = moved(clauseCut);
    spaceCut = moved(spaceCut);
    open =
      open === null || open.from < position ? null : { from: open.from - position, to: open.to - position };
  }
  function decide(gap: Gap): void {
    if (gap.kind === "none") return;
    spaceCut = gap.cut;
    if (gap.kind === "space") return;
    clauseCut = gap.cut;
    if (!first) {
      if (gap.kind === "sentence") cutAt(gap.cut);
      return;
    }
    const enough =
      words >= limits.firstWordsMin || gap.cut >= limits.firstCharsMin || gap.kind === "sentence";
    if (words >= 2 && enough) cutAt(gap.cut);
  }
  function shorten(): void {
    const charsMax = first ? limits.firstCharsMax : limits.pieceCharsMax;
    if (buffer.length <= charsMax) return;
    if (clauseCut > charsMax / 3) cutAt(clauseCut);
    else if (spaceCut > 0) cutAt(spaceCut);
    else if (wordEnd > 0 && buffer.length > limits.pieceCharsMax)
      cutAt(buffer.length - lastCharLength(buffer));
  }
  function startWord(char: string): void {
    const at = buffer.length - char.length;
    lowerCaseText ??= isLower(char);
    if (wordEnd > 0 && wordEnd < at) {
      const gap = readGap(buffer, wordEnd, at, lowerCaseText, null);
      if (gap === null) open = { from: wordEnd, to: at };
      else decide(gap);
    }
    words += 1;
  }
  function endWord(): void {
    if (open === null) return;
    const { from, to } = open;
    open = null;
    const gap = readGap(buffer, from, to, lowerCaseText === true, buffer.slice(to, wordEnd));
    if (gap !== null) decide(gap);
  }
  function take(char: string): void {
    buffer += char;
    const code = char.charCodeAt(0);
    const letter = code < 128 ? isAsciiWord(code) : isSpeakable(char) || (inWord && isMark(char));
    if (letter) {
      if (!inWord) startWord(char);
      else if (spaceless.test(char) && buffer.length % 2 === 0) words += 1;
      inWord = true;
      wordEnd = buffer.length;
      shorten();
    } else if (inWord && !(code === 39 || code === 0x2019)) {
      inWord = false;
      endWord();
    }
  }

  return {
    push(delta) {
      pieces = [];
      const text = highSurrogate + delta;
      const last = text.charCodeAt(text.length - 1);
      // Half of a character: the other half comes with the next delta.
      highSurrogate = last >= 0xd800 && last < 0xdc00 ? text.slice(-1) : "";
      for (const char of highSurrogate === "" ? text : text.slice(0, -1)) take(char);
      return pieces;
    },
    flush() {
      pieces = [];
      if (inWord) endWord();
      const rest = buffer + highSurrogate;
      buffer = "";
      highSurrogate = "";
      if (isSpeakable(rest)) pieces.push(rest);
      return pieces;
    },
  };
}

/**
 * What the gap `buffer[from, to)` between two words is, and where in it a cut belongs: after the spaces that
 * follow the end of the sentence or clause.
 *
 * @param nextWord - the word after the gap if it is whole, else null
 * @returns null if that needs the whole next word
 */
function readGap(
  buffer: string,
  from: number,
  to: number,
  lowerCaseText: boolean,
  nextWord: string | null,
): Gap | null {
  const gap = buffer.slice(from, to);
  if (gap === " ") return { kind: "space", cut: to };
  const next = String.fromCodePoint(buffer.codePointAt(to) ?? 32);
  const newline = gap.lastIndexOf("\n");
  const mark = gap.search(/[.!?…。！？｡।॥۔؟,;:，；：、،؛—–-]/u);
  if (newline >= 0) return readLineBreak(gap, from, newline, mark, isLower(next));
  if (mark < 0) return spaceIn(gap, from);
  const wide = /[。！？｡，；：、]/u.test(gap[mark]!);
  const end = markEnd(gap, mark);
  const cut = from + skipSpaces(gap, end);
  const spaced = cut > from + end;
  if (!spaced && !wide && gap[mark] !== "—") return spaceIn(gap, from);
  const run = gap.slice(mark, end);
  if (/[-–]/.test(gap[mark]!)) return mark > 0 && spaced ? { kind: "clause", cut } : spaceIn(gap, from);
  if (/^[,;:，；：、،؛—]/u.test(run)) return { kind: "clause", cut };
  const kind = readStop(buffer, from, run, next, lowerCaseText, nextWord);
  return kind === null ? null : { kind, cut };
}

/** What a full stop, a question or an exclamation mark is. */
function readStop(
  buffer: string,
  wordEnd: number,
  run: string,
  next: string,
  lowerCaseText: boolean,
  nextWord: string | null,
): "space" | "clause" | "sentence" | null {
  const lowerNext = isLower(next);
  if (lowerNext && [...run].some((char) => quotes.includes(char))) return "clause";
  if (/[。！？｡।॥۔؟]/u.test(run)) return "sentence";
  if (/^(?:\.{2,}|…)/u.test(run)) return lowerNext ? "clause" : "sentence";
  if (lowerNext && !lowerCaseText) return run.startsWith(".") ? "space" : "clause";
  if (!run.startsWith(".")) return "sentence";
  const tokenStart = lastSpace(buffer, wordEnd) + 1;
  const token = buffer.slice(tokenStart, wordEnd).replace(/^[^\p{L}\p{N}]+/u, "");
  const word = token.toLowerCase();
  if (titles.has(word)) return "space";
  if (numbering.has(word) && isDigit(next)) return "space";
  if (/^\d{1,3}$/.test(token) && startsLine(buffer, tokenStart)) return "space";
  if (!doubtful.has(word) && !/^(?:\p{L}|(?:\p{L}\.)+\p{L})$/u.test(token)) return "sentence";
  if (isDigit(next)) return "space";
  return nextWord === null ? null : starters.has(nextWord.toLowerCase()) ? "sentence" : "space";
}

function readLineBreak(gap: string, from: number, newline: number, mark: number, lowerNext: boolean): Gap {
  const cut = from + newline + 1;
  const markup = /\n[ \t]*(?:[-*+•#>|]|\n)/.test(gap);
  // A line that goes on in lower case was only wrapped.
  if (lowerNext && !markup && !(mark >= 0 && /[.!?…]/u.test(gap[mark]!))) return { kind: "space", cut };
  return { kind: "sentence", cut };
}

function spaceIn(gap: string, from: number): Gap {
  const space = gap.search(/\s/);
  return space < 0 ? { kind: "none" } : { kind: "space", cut: from + skipSpaces(gap, space) };
}

/** The end of a run of marks and what closes after it. */
function markEnd(gap: string, mark: number): number {
  let end = mark + 1;
  while (end < gap.length && (closers.includes(gap[end]!) || /[.!?…。！？｡।॥۔؟]/u.test(gap[end]!))) end += 1;
  return end;
}

/** After the spaces at `index`, and after emoji that stand alone there. */
function skipSpaces(gap: string, index: number): number {
  let at = index;
  while (at < gap.length && /\s/.test(gap[at]!)) at += 1;
  const emoji = at > index ? emojiToken.exec(gap.slice(at)) : null;
  return emoji === null ? at : at + emoji[0].length;
}

function lastSpace(text: string, before: number): number {
  for (let index = before - 1; index >= 0; index -= 1) if (/\s/.test(text[index]!)) return index;
  return -1;
}

/** True if a number there counts a list's items: at the start of a piece or line, or after the end of a clause. */
function startsLine(buffer: string, tokenStart: number): boolean {
  const before = buffer.slice(Math.max(0, tokenStart - 8), tokenStart);
  return (
    tokenStart === 0 ||
    /(?:\n[ \t>*_-]*|[:.;)]\s+)$/.test(before) ||
    /^[\s>*_-]*$/.test(buffer.slice(0, tokenStart))
  );
}

function isLower(char: string): boolean {
  return char !== char.toUpperCase();
}

function isDigit(char: string): boolean {
  return char >= "0" && char <= "9";
}

function isAsciiWord(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57);
}

function isMark(char: string): boolean {
  return /\p{M}/u.test(char);
}

function lastCharLength(text: string): number {
  const code = text.charCodeAt(text.length - 1);
  return code >= 0xdc00 && code < 0xe000 ? 2 : 1;
}
