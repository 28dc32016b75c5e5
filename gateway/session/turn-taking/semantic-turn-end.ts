/**
 * Turn ends by silence together with what was said.
 *
 * Two things can be true of a speaker who is silent: the turn is over (every further millisecond is dead air), or it
 * goes on (ending it now cuts them off). With the odds of the words and the density of pauses at a length t, waiting on
 * pays as long as `cost x density(t) > odds`, where `cost` is how many milliseconds of dead air one cut-off is worth:
 * that is what eagerness sets. A speaker known to pause longer or shorter than most gets a stretched density.
 */
import { endLogOdds } from "./completeness.ts";
import { pauseOfDensityMs } from "./pause-density.ts";
import {
  type Eagerness,
  longestWaitMs,
  type PauseHabit,
  type TurnEndDetector,
  type TurnEndEvidence,
} from "./turn-end.ts";

/** Dead air, ms, that is as bad as one turn cut off. Points of the measured curve (docs/audio.md). */
const costOfCutOffMs: Readonly<Record<Eagerness, number>> = {
  low: 9_500,
  medium: 3_200,
  auto: 3_200,
  high: 1_000,
};

/** What the odds are before any word is known, by how much was spoken. */
const shortTurnMs = 700;
const logOddsWithoutWords = { short: 0.2, long: -0.6 } as const;

/** The words of a pause come about 450 ms after it began: judging without them before that would be hasty. */
const wordsExpectedMs = 650;

/** No wait is shorter, however sure the words are: pauses under that are breath. */
const shortestWaitMs = 200;

/** The usual pause, ms (geometric mean of the silence curve, as far as the detector notices pauses). */
const usualPauseMs = 340;
/** Pauses of a speaker that weigh as much as everybody's do. */
const doubtPauses = 6;
const habitRange = { least: 0.7, most: 1.6 } as const;

/** How much longer this speaker's pauses are than the usual ones; 1 while nothing is known. */
export function stretchOf(habit: PauseHabit): number {
  if (habit.pauses === 0) return 1;
  const weight = habit.pauses / (habit.pauses + doubtPauses);
  const ratio = (habit.typicalMs / usualPauseMs) ** weight;
  return Math.min(habitRange.most, Math.max(habitRange.least, ratio));
}

/**
 * A detector for any price of a cut-off; the sweep of the bench goes through them.
 *
 * @param costMs - dead air that is as bad as one turn cut off
 */
export function waitForCostMs(evidence: TurnEndEvidence, costMs: number): number {
  const { words, voicedMs, habit } = evidence;
  const unknown = voicedMs < shortTurnMs ? logOddsWithoutWords.short : logOddsWithoutWords.long;
  // A recogniser that heard nothing has nothing to say about the end either.
  const isBlind = words === null || words.trim() === "";
  const logOdds = isBlind ? unknown : endLogOdds(words);
  const leastMs = isBlind ? wordsExpectedMs : shortestWaitMs;
  const stretch = stretchOf(habit);
  return Math.max(leastMs, stretch * pauseOfDensityMs(logOdds - Math.log(costMs) + Math.log(stretch)));
}

/** The detector that `semantic_vad` uses. */
export const semanticTurnEnd: TurnEndDetector = {
  waitMs(evidence: TurnEndEvidence, eagerness: Eagerness): number {
    return Math.round(Math.min(longestWaitMs[eagerness], waitForCostMs(evidence, costOfCutOffMs[eagerness])));
  },
};
