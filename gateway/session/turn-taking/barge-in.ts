/**
 * Whether speech over a reply is meant to interrupt it: pure, on durations and words. First the reply is turned down
 * (where the client does that), then it is stopped or comes back.
 */
import {
  asksForFloor,
  goesOnAfterNod,
  isBackchannel,
  isWordless,
  mayBeNod,
  opensWithRequest,
} from "./backchannels.ts";

/** Speech over the reply after which its words so far are asked for, while it goes on: before it is stopped, and once more for a nod that doesn't end. */
export const probeAtMs: readonly number[] = [320, 620];

/** The same for speech that goes on after a nod and a pause: only one word is missing to tell "yes, but" from "yes, yes". */
export const probeAfterNodAtMs: readonly number[] = [160, 260, 380, 520];

/** While it plays low, a reply can wait that much longer for the words. */
const duckedMoreMs = 200;
/** Speech of which nothing was understood yet has that much more, and a nod that is drawn out ("okay, okay") that. */
const moreMs = { other: 0, nothing: 150, nod: 300 } as const;

/**
 * Speech that interrupts a reply without words that ask for it.
 *
 * @param bargeInMs - the setting
 * @param ducked - the client turns the reply down meanwhile
 * @param words - what was understood of it so far; null: no answer of the recogniser yet
 */
export function interruptingMs(bargeInMs: number, ducked: boolean, words: string | null): number {
  if (!ducked) return bargeInMs;
  const soFar = words === null ? "other" : isWordless(words) ? "nothing" : mayBeNod(words) ? "nod" : "other";
  return bargeInMs + duckedMoreMs + moreMs[soFar];
}

export interface BargeInEvidence {
  /** What the recogniser made of it so far; null when it has not said yet. */
  words: string | null;
  /** Length of what the words were made of, in ms. */
  heardMs: number;
  /** The speaker has paused and the words are of all that was said; else they are its beginning. */
  paused: boolean;
  /** The speaker has been silent for as long as ends a turn, and these are the final words. */
  ended: boolean;
  /** It lasted long enough to interrupt and only waits because it was a nod. */
  held: boolean;
  /**
   * It was shorter than what interrupts without words. A recogniser guesses on so little sound ("sure" becomes "share"),
   * and what is said so shortly over somebody's speech is mostly a nod: only words that ask for the floor count.
   */
  short: boolean;
  /** It began with a nod and a pause. */
  afterNod: boolean;
}

/** `resume`: it looks like a nod, the reply can be turned up again, but more may come. */
export type BargeInVerdict = "wait" | "resume" | "commit" | "reject";

/** Judges what is known now; "wait" and "resume" only while more can still come. */
export function judgeBargeIn({
  words,
  heardMs,
  paused,
  ended,
  held,
  short,
  afterNod,
}: BargeInEvidence): BargeInVerdict {
  if (words === null) return "wait";
  const whole = ended || paused;
  if (afterNod && goesOnAfterNod(words)) return "commit";
  if (whole && short ? opensWithRequest(words) : asksForFloor(words, heardMs)) return "commit";
  if (isBackchannel(words) || (!whole && mayBeNod(words)) || (whole && short)) {
    if (ended) return "reject";
    return paused ? "resume" : "wait";
  }
  return whole || held ? "commit" : "wait";
}
