/** Turns to be said: what is spoken between which pauses, and how long these are. All chance comes from a seed. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { SeededRandom } from "../../../support/random.ts";
import { type Speaker, speakers } from "./speakers.ts";

/** A pause inside a turn. */
export interface PlannedPause {
  durationMs: number;
  /** The words before it could stand as a turn of their own. */
  couldEnd: boolean;
}

/** One turn of one caller. */
export interface PlannedTurn {
  /** What is said between the pauses, punctuated as it is to be spoken. */
  segments: string[];
  /** One fewer than the segments. */
  pauses: PlannedPause[];
  kind: string;
  speaker: Speaker;
  /** Turns of one session share a caller: the voice, and the habit of pausing. */
  session: number;
}

const turnsPerSession = 8;

/** Silence inside turns, ms: the share of pauses that last longer (the silence curve of livekit/eot-bench). */
export const silenceCurve: readonly (readonly [ms: number, longerRatio: number])[] = [
  [100, 1],
  [300, 0.556],
  [600, 0.217],
  [1_000, 0.1],
  [1_600, 0.05],
];
const longestPauseMs = 4_000;
/** How much of a pause's length is the caller's habit (correlation of the underlying normal variable). */
const habitCorrelation = 0.5;

/** The pause that `ratio` of all pauses outlast; between the curve's points, and beyond, on exponentials. */
export function pauseOutlastedBy(ratio: number): number {
  let at = 1;
  while (at < silenceCurve.length - 1 && (silenceCurve[at]?.[1] ?? 0) > ratio) at++;
  const [fromMs, fromRatio] = silenceCurve[at - 1]!;
  const [toMs, toRatio] = silenceCurve[at]!;
  const perMs = Math.log(fromRatio / toRatio) / (toMs - fromMs);
  return Math.min(longestPauseMs, fromMs + Math.log(fromRatio / Math.max(ratio, 1e-9)) / perMs);
}

/** Standard normal, Box and Muller. */
function normal(random: SeededRandom): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** Share of a standard normal variable above `z` (Abramowitz and Stegun 26.2.17, error under 1e-7). */
function ratioAbove(z: number): number {
  if (z < 0) return 1 - ratioAbove(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const poly =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * poly;
}

interface WrittenTurn {
  kind: string;
  segments: string[];
  couldEnd: boolean[];
}

/** Reads a file of this folder: sections in brackets, a turn a line, pauses as | and ||. */
function readTurns(name: string): WrittenTurn[] {
  const turns: WrittenTurn[] = [];
  let kind = "";
  for (const line of readFileSync(new URL(name, import.meta.url), "utf8").split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("[")) {
      kind = line.slice(1, -1);
      continue;
    }
    const parts = line.split(/\s*(\|\|?)\s*/);
    const marks = parts.filter((_, index) => index % 2 === 1);
    const segments = parts.filter((_, index) => index % 2 === 0);
    turns.push({ kind, segments: segments.map(intone), couldEnd: marks.map((mark) => mark === "||") });
  }
  return turns;
}

/** A part that goes on is said with the voice up, as before a comma. */
function intone(segment: string, index: number, all: readonly string[]): string {
  const isLast = index === all.length - 1;
  return isLast || /[.,?!]$/.test(segment) ? segment : `${segment},`;
}

/** Orders by a hash, so that the order has nothing to do with how the file is sorted. */
function shuffle<T extends WrittenTurn>(turns: readonly T[], seed: number): T[] {
  const key = (turn: T) =>
    createHash("sha256")
      .update(`${seed}:${turn.segments.join("|")}`)
      .digest("hex");
  return turns
    .map((turn) => ({ turn, key: key(turn) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ turn }) => turn);
}

/**
 * Lengths for pauses, each with a score that says how long it is among the others. By rank, so that the lengths lie on
 * the curve however the callers' habits were drawn.
 */
function lengthsByRank(scores: readonly number[]): number[] {
  const order = scores.map((_, index) => index).sort((a, b) => scores[b]! - scores[a]!);
  const lengths = new Array<number>(scores.length).fill(0);
  for (const [rank, index] of order.entries()) {
    lengths[index] = Math.round(pauseOutlastedBy((rank + 0.5) / scores.length));
  }
  return lengths;
}

/** Sets of turns: the files of this folder. Only the first is measured; what is fitted never sees it. */
export type TurnSet = "measured" | "training" | "more-training" | "fragment";

const turnSeeds: Readonly<Record<TurnSet, number>> = {
  measured: 2026,
  training: 1999,
  "more-training": 2,
  fragment: 1,
};

/** The turns of a set, in sessions, with voices and pauses. The same seed, the same plan. */
export function planTurns(set: TurnSet, seed = turnSeeds[set]): PlannedTurn[] {
  const random = new SeededRandom(seed);
  const written = shuffle(readTurns(`${set}-turns.txt`), seed);
  const scores: number[] = [];
  let habit = 0;
  for (const [index, { couldEnd }] of written.entries()) {
    if (index % turnsPerSession === 0) habit = normal(random);
    for (const _ of couldEnd) {
      scores.push(habitCorrelation * habit + Math.sqrt(1 - habitCorrelation ** 2) * normal(random));
    }
  }
  // Where nothing is measured, the lengths need not lie on the curve exactly.
  const lengths =
    set === "measured"
      ? lengthsByRank(scores)
      : scores.map((z) => Math.round(pauseOutlastedBy(ratioAbove(z))));
  let next = 0;
  return written.map(({ kind, segments, couldEnd }, index) => {
    const session = Math.floor(index / turnsPerSession);
    const pauses = couldEnd.map((end) => ({ durationMs: lengths[next++]!, couldEnd: end }));
    return { segments, pauses, kind, speaker: speakers[session % speakers.length]!, session };
  });
}
