/** When a turn is over: pure decisions on the clock of samples. */
import type { TurnDetection } from "../domain.ts";

export type Eagerness = "low" | "medium" | "high" | "auto";

/** What is known about a speaker who has just paused. */
export interface TurnEndEvidence {
  /** What was transcribed up to this pause, the whole utterance so far; null while not known yet. */
  words: string | null;
  /** Speech in the utterance so far, pauses excluded. */
  voicedMs: number;
  /** How this speaker pauses, kept in the session's state. */
  habit: PauseHabit;
}

/** Decides how long the speaker must have been silent before the turn is over; a model's file can take its place. Pure. */
export interface TurnEndDetector {
  /** @returns milliseconds after the last voiced sample, whole, never more than `longestWaitMs` allows */
  waitMs(evidence: TurnEndEvidence, eagerness: Eagerness): number;
}

/** How long this speaker pauses in mid-turn; plain JSON. */
export interface PauseHabit {
  /** Pauses after which the speaker went on, as far as they count (at most `maxPausesCounted`). */
  readonly pauses: number;
  /** Their mean on a logarithmic scale; 0 while there are none. */
  readonly typicalMs: number;
}

/** Nothing is known of the speaker yet. */
export const noHabit: PauseHabit = { pauses: 0, typicalMs: 0 };

/** Old pauses are forgotten at that pace: the newest of them counts a twelfth. */
const maxPausesCounted = 12;
/** One odd pause (a doorbell, a word with somebody else) must not change the habit much. */
const pauseCountedMs = { least: 100, most: 3_000 } as const;

/**
 * Takes a pause into the habit.
 *
 * @param pauseMs - how long it lasted, from the last voiced sample to the next
 * @param wentOn - the speaker went on with the same turn (also when the turn had been ended too early); pauses
 *   that ended a turn say nothing about the habit
 */
export function learnPause(habit: PauseHabit, pauseMs: number, wentOn: boolean): PauseHabit {
  if (!wentOn || !(pauseMs >= pauseCountedMs.least)) return habit;
  const pauses = Math.min(maxPausesCounted, habit.pauses + 1);
  const counted = Math.log(Math.min(pauseMs, pauseCountedMs.most));
  const before = habit.pauses === 0 ? counted : Math.log(habit.typicalMs);
  return { pauses, typicalMs: Math.round(Math.exp(before + (counted - before) / pauses)) };
}

/** However unfinished a turn sounds, it is over after that. */
export const longestWaitMs: Readonly<Record<Eagerness, number>> = {
  low: 8_000,
  medium: 4_000,
  auto: 4_000,
  high: 2_000,
};

/** Audio before the onset that belongs to the utterance, in ms. */
export function prefixPaddingMs(detection: TurnDetection): number {
  return detection.type === "server_vad" ? detection.prefixPaddingMs : 300;
}

/** What the voice detector is told. */
export function detectionThresholdRatio(detection: TurnDetection): number {
  return detection.type === "server_vad" ? detection.thresholdRatio : 0.5;
}
