/**
 * Goes through heard turns again under a policy: which pauses would have been taken for the end, and how much dead air
 * would have stood after the true ends.
 */

import { settleMs } from "../../../../gateway/providers/stt/whisper.ts";
import {
  learnPause,
  noHabit,
  type PauseHabit,
  type TurnEndEvidence,
} from "../../../../gateway/session/turn-taking/turn-end.ts";
import { percentile } from "../../report.ts";
import type { HeardTurn, NoticedPause } from "./hearing.ts";

const samplesPerMs = 16;
/** What settles before a pause is transcribed is handed on in pieces of 100 ms: half of that on average. */
const pieceMs = 50;
/** Time of the embedded recogniser by length of audio, one thread, measured. */
const recogniserMs: readonly (readonly [audioMs: number, tookMs: number])[] = [
  [0, 220],
  [2_000, 250],
  [3_000, 270],
  [5_000, 390],
  [10_000, 850],
  [20_000, 1_770],
];
/** The session sees who goes on that soon after a turn was ended, and learns from it. */
const regretMs = 3_000;

/** How long the speaker must have been silent; what a policy is. */
export type Policy = (evidence: TurnEndEvidence) => number;

export interface ReplayOptions {
  /** The speaker's habit is learned. Default true. */
  habit?: boolean;
  /** Words are known. Default true. */
  words?: boolean;
}

export interface ReplayResult {
  /** Pauses inside turns, and those in which the turn was ended: as livekit/eot-bench counts. */
  pauses: number;
  cutPauses: number;
  /** Beside them: the speaker had just begun again when the turn was ended, and was not noticed yet. */
  overlookedPauses: number;
  /** Turns with pauses in them, and those ended too early in either way. */
  turns: number;
  cutTurns: number;
  /** After true ends, ms. */
  deadAirMs: number[];
  /** Pauses cut, by what was said before. */
  couldEnd: { pauses: number; cut: number };
  unfinished: { pauses: number; cut: number };
  /** Cut pauses and slow ends, for people to look at. */
  cuts: { words: string; pauseMs: number; waitMs: number }[];
  slow: { words: string; deadAirMs: number }[];
}

function interpolate(points: readonly (readonly [number, number])[], x: number): number {
  let at = 1;
  while (at < points.length - 1 && points[at]![0] < x) at++;
  const [[fromX, fromY], [toX, toY]] = [points[at - 1]!, points[at]!];
  return fromY + ((x - fromX) / (toX - fromX)) * (toY - fromY);
}

/** Sample at which the turn would be ended if nobody went on. */
function endOf(pause: NoticedPause, habit: PauseHabit, policy: Policy, withWords: boolean): number {
  const { voicedMs, words } = pause;
  const afterMs = (ms: number) => pause.voicedTo + ms * samplesPerMs;
  const blind = Math.max(pause.noticedAt, afterMs(policy({ words: null, voicedMs, habit })));
  if (!withWords) return blind;
  const askedAt = Math.max(pause.noticedAt, afterMs(settleMs)) + pieceMs * samplesPerMs;
  const wordsAt = askedAt + interpolate(recogniserMs, pause.audioMs) * samplesPerMs;
  if (blind <= wordsAt) return blind;
  return Math.max(wordsAt, afterMs(policy({ words, voicedMs, habit })));
}

/** The pause of the plan that a noticed one is; null for a gap that the voice made by itself. */
function plannedIndex(turn: HeardTurn, pause: NoticedPause): number | null {
  const { resumed } = pause;
  if (!resumed) return null;
  const index = turn.voiced.findIndex(({ to }, at) => {
    const next = turn.voiced[at + 1];
    if (!next) return false;
    const middle = (to + next.from) / 2;
    return pause.voicedTo <= middle && resumed.from >= middle;
  });
  return index < 0 ? null : index;
}

/** Replays the turns in their order; each session's habit is its own. */
export function replay(
  turns: readonly HeardTurn[],
  policy: Policy,
  { habit: learns = true, words: withWords = true }: ReplayOptions = {},
): ReplayResult {
  const result: ReplayResult = {
    ...{
      pauses: 0,
      cutPauses: 0,
      overlookedPauses: 0,
      turns: 0,
      cutTurns: 0,
      deadAirMs: [],
      cuts: [],
      slow: [],
    },
    couldEnd: { pauses: 0, cut: 0 },
    unfinished: { pauses: 0, cut: 0 },
  };
  let session = -1;
  let habit = noHabit;
  for (const turn of turns) {
    if (turn.plan.session !== session) habit = noHabit;
    session = turn.plan.session;
    for (const { couldEnd } of turn.plan.pauses) result[couldEnd ? "couldEnd" : "unfinished"].pauses += 1;
    result.pauses += turn.plan.pauses.length;
    if (turn.plan.pauses.length > 0) result.turns += 1;
    let cutTurn = false;
    for (const pause of turn.pauses) {
      const end = endOf(pause, habit, policy, withWords);
      const { resumed } = pause;
      if (!resumed) {
        const deadAirMs = (end - (turn.voiced.at(-1)?.to ?? end)) / samplesPerMs;
        result.deadAirMs.push(deadAirMs);
        result.slow.push({ words: pause.words, deadAirMs });
        continue;
      }
      const pauseMs = (resumed.from - pause.voicedTo) / samplesPerMs;
      const isCut = end < resumed.from;
      const isEnded = end < resumed.noticedAt;
      cutTurn ||= isEnded;
      if (isCut) {
        const planned = plannedIndex(turn, pause);
        result.cutPauses += 1;
        if (planned !== null) {
          result[turn.plan.pauses[planned]?.couldEnd ? "couldEnd" : "unfinished"].cut += 1;
        }
        result.cuts.push({ words: pause.words, pauseMs, waitMs: (end - pause.voicedTo) / samplesPerMs });
      } else if (isEnded) result.overlookedPauses += 1;
      if (learns && (!isEnded || pauseMs <= regretMs)) habit = learnPause(habit, pauseMs, true);
    }
    if (cutTurn) result.cutTurns += 1;
  }
  result.slow.sort((a, b) => b.deadAirMs - a.deadAirMs);
  return result;
}

/** The figures that a sweep is drawn from. */
export interface SweepPoint {
  /** What was set. */
  setting: number | string;
  cutPausesPercent: number;
  /** Pauses cut off or overlooked. */
  endedPausesPercent: number;
  cutTurnsPercent: number;
  meanDeadAirMs: number;
  p95DeadAirMs: number;
}

export function summarise(setting: number | string, result: ReplayResult): SweepPoint {
  const { deadAirMs } = result;
  return {
    setting,
    cutPausesPercent: (100 * result.cutPauses) / result.pauses,
    endedPausesPercent: (100 * (result.cutPauses + result.overlookedPauses)) / result.pauses,
    cutTurnsPercent: (100 * result.cutTurns) / result.turns,
    meanDeadAirMs: deadAirMs.reduce((sum, ms) => sum + ms, 0) / deadAirMs.length,
    p95DeadAirMs: percentile(deadAirMs, 0.95),
  };
}
