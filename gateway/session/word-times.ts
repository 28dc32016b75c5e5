/** When the written words of a spoken piece begin, from what its voices told of that. */
import { letters } from "../language/words.ts";
import type { SpokenPiece } from "./state.ts";

/** Reading speed where nothing better is known: about 15 characters a second. */
const charactersPerMs = 0.015;
/** A word that its voice should have told of by now is believed to have begun that much later than its turn was. */
const untoldMs = 700;
/** Of two places where a told word may stand, the one nearer to its time is taken; spelling counts for more. */
const nearnessWeight = 0.01;

/** A word is over when the next one begins, but no later than this after it began itself: a pause may follow. */
const longestWordMs = (letters: number): number => 300 + letters * 80;

export interface WordTime {
  /** Place in the piece's text, and one past its end. */
  readonly index: number;
  readonly end: number;
  /** Since the piece began; without its silences where no voice told its words (`untoldSilence`). */
  readonly fromMs: number;
  readonly overMs: number;
}

/**
 * Every written word of a piece, in order. Told times are laid along the text by spelling: a voice may spell out what is
 * written, and where two voices share a piece only one of them may tell words. What is left lies between by its share.
 */
export function wordTimes(piece: SpokenPiece): WordTime[] {
  const { text, words } = piece;
  const durationMs = piece.durationMs && piece.durationMs - untoldSilence(piece, piece.durationMs);
  const written = [...text.matchAll(/\S+/g)].map(({ 0: { length }, index }) => {
    return { index, end: index + length };
  });
  const told = words ?? [];
  const known = told.length === 0 ? [] : layAlong(piece, written, told);
  const fromMs: number[] = [];
  let [beforeIndex, beforeMs] = [0, 0];
  for (let at = 0; at < written.length; at += 1) {
    const { index } = written[at]!;
    let ms = known[at];
    if (ms === undefined) {
      const next = known.findIndex((ms, other) => other > at && ms !== undefined);
      const untilMs = next < 0 ? durationMs : known[next]!;
      const untilIndex = next < 0 ? text.length : written[next]!.index;
      const rate = untilMs === null ? charactersPerMs : (untilIndex - beforeIndex) / (untilMs - beforeMs);
      ms = beforeMs + (index - beforeIndex) / rate;
      if (untilMs === null && known.length > 0) ms += untoldMs;
    } else [beforeIndex, beforeMs] = [index, ms];
    fromMs.push(ms);
  }
  return written.map(({ index, end }, at) => {
    const nextMs = fromMs[at + 1] ?? durationMs ?? Number.POSITIVE_INFINITY;
    const overMs = Math.min(nextMs, fromMs[at]! + longestWordMs(end - index));
    return { index, end, fromMs: fromMs[at]!, overMs };
  });
}

/**
 * Silence in a piece up to a moment of it, ms: nobody speaks in it, so what is estimated leaves it out. 0 where a voice told its
 * words: their times hold it.
 */
export function untoldSilence({ words, silences = [] }: SpokenPiece, untilMs: number): number {
  if (words !== null) return 0;
  return silences.reduce(
    (sum, { fromMs, durationMs }) => sum + Math.max(0, Math.min(durationMs, untilMs - fromMs)),
    0,
  );
}

type Told = NonNullable<SpokenPiece["words"]>;

/** Times of the written words that were told of; undefined for the others. */
function layAlong(
  { text, durationMs }: SpokenPiece,
  written: readonly { index: number; end: number }[],
  told: Told,
): (number | undefined)[] {
  const spelt = written.map(({ index, end }) => letters(text.slice(index, end)));
  const marks = told.map((word) => letters(word.text));
  const wholeMs = durationMs ?? Math.max(told.at(-1)!.fromMs, text.length / charactersPerMs);
  const pairs = alignBest(written.length, told.length, (at, mark) => {
    if (spelt[at] === "" || spelt[at] !== marks[mark]) return 0;
    const expectedMs = (written[at]!.index / text.length) * wholeMs;
    return 1 - nearnessWeight * Math.min(1, Math.abs(expectedMs - told[mark]!.fromMs) / wholeMs);
  });
  const times: (number | undefined)[] = new Array(written.length).fill(undefined);
  let [nextAt, nextMark] = [0, 0];
  for (const [at, mark] of [...pairs, [written.length, told.length] as const]) {
    // Told, but spelt otherwise: the words between take their share of these.
    const [words, marksBetween] = [at - nextAt, mark - nextMark];
    for (let index = 0; index < words && marksBetween > 0; index += 1)
      times[nextAt + index] = told[nextMark + Math.floor((index * marksBetween) / words)]!.fromMs;
    if (at < written.length) times[at] = told[mark]!.fromMs;
    [nextAt, nextMark] = [at + 1, mark + 1];
  }
  return times;
}

/** The pairs, in order on both sides, with the highest sum of scores. */
function alignBest(rows: number, columns: number, score: (row: number, column: number) => number) {
  const width = columns + 1;
  const best = new Float64Array((rows + 1) * width);
  for (let row = rows - 1; row >= 0; row -= 1) {
    for (let column = columns - 1; column >= 0; column -= 1) {
      const here = score(row, column);
      const paired = here > 0 ? here + best[(row + 1) * width + column + 1]! : 0;
      const skipped = Math.max(best[(row + 1) * width + column]!, best[row * width + column + 1]!);
      best[row * width + column] = Math.max(paired, skipped);
    }
  }
  const pairs: [number, number][] = [];
  for (let row = 0, column = 0; row < rows && column < columns; ) {
    const value = best[row * width + column]!;
    if (value === best[(row + 1) * width + column]) row += 1;
    else if (value === best[row * width + column + 1]) column += 1;
    else {
      pairs.push([row, column]);
      row += 1;
      column += 1;
    }
  }
  return pairs;
}
