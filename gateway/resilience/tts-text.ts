/** A text as a voice will speak it: its words, and about how long each takes. */
import { letters } from "../language/words.ts";

/** A run without spaces that holds a letter or digit. */
export interface SpokenToken {
  text: string;
  /** Its first character. */
  at: number;
  /** Expected at speed 1. */
  durationMs: number;
  /** Expected after it. */
  pauseMs: number;
}

/** Fitted to the word times of four voices over 90 sentences of prose; paces differ by a tenth from voice to voice. */
const perWordMs = -50;
const perSyllableMs = 40;
const perLetterMs = 68;
const perDigitMs = 320;
const perInitialMs = 150;
const leastMs = 80;
const clausePauseMs = 200;
const stopPauseMs = 270;
/** Scripts that write a syllable or more in a character. */
const perWideCharMs = 180;

/** The words of `text` in order. */
export function spokenTokens(text: string): SpokenToken[] {
  const tokens: SpokenToken[] = [];
  for (const found of text.matchAll(/\S+/g)) {
    const [written] = found;
    if (!isLetter(written[0]!) && !/[\p{L}\p{N}]/u.test(written)) continue;
    const [durationMs, pauseMs] = [durationOf(written), pauseAfter(written)];
    tokens.push({ text: written, at: found.index, durationMs, pauseMs });
  }
  return tokens;
}

/** What the words take without their pauses, and with them, ms at speed 1. */
export function expectedMs(tokens: readonly SpokenToken[]): { wordsMs: number; wholeMs: number } {
  const wordsMs = tokens.reduce((sum, { durationMs }) => sum + durationMs, 0);
  return { wordsMs, wholeMs: tokens.reduce((sum, { pauseMs }) => sum + pauseMs, wordsMs) };
}

function durationOf(written: string): number {
  let [narrow, wide, capitals, digits] = [0, 0, 0, 0];
  for (const char of written) {
    if (isLetter(char)) {
      if (char >= "\u2e80" && char <= "\ud7ff") wide += 1;
      else narrow += 1;
      if (char !== char.toLowerCase()) capitals += 1;
    } else if (/\p{N}/u.test(char)) digits += 1;
  }
  let ms = digits * perDigitMs + wide * perWideCharMs;
  if (narrow > 0) {
    const initials = narrow > 1 && wide === 0 && capitals === narrow;
    ms += initials
      ? narrow * perInitialMs
      : perWordMs + narrow * perLetterMs + syllables(written) * perSyllableMs;
  }
  return Math.max(leastMs, ms);
}

function isLetter(char: string): boolean {
  // Most are: every piece of every reply is looked through.
  return (char >= "a" && char <= "z") || (char >= "A" && char <= "Z") || /\p{L}/u.test(char);
}

function pauseAfter(written: string): number {
  if (isLetter(written.at(-1)!)) return 0;
  if (/[.!?…。！？।॥۔؟]["'”’)\]]*$/u.test(written)) return stopPauseMs;
  return /[,;:，；：、—–]["'”’)\]]*$/u.test(written) ? clausePauseMs : 0;
}

function syllables(written: string): number {
  const groups = written.toLowerCase().match(/[aeiouyàâäéèêëîïôöùûüáíóúæøå]+/g)?.length ?? 0;
  const silent = groups > 1 && /[^aeiouyl]e[^\p{L}]*$/iu.test(written);
  return Math.max(1, silent ? groups - 1 : groups);
}

/** Words of the text that are looked through for the one that a mark is spelt like. */
const namedAhead = 5;

/**
 * Finds out which words of a text a voice's marks mean. Vendors spell out what is written ("350" in three marks, "Dr." in
 * one): marks that are spelt like none of the next words are all of one word, until one is found again.
 */
export function createNamer(tokens: readonly SpokenToken[]): (mark: string) => number {
  let named = -1;
  let lost = false;
  const spelt: string[] = [];
  return (mark) => {
    const wanted = letters(mark);
    if (wanted === "") return Math.max(0, named);
    while (spelt.length < Math.min(tokens.length, named + namedAhead + 1))
      spelt.push(letters(tokens[spelt.length]!.text));
    const found = spelt.indexOf(wanted, named + 1);
    if (found >= 0) named = found;
    else if (!lost) named = Math.min(named + 1, tokens.length - 1);
    lost = found < 0;
    return named;
  };
}
