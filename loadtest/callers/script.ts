/** What a simulated person says, and when. */
import type { Utterance } from "./utterance.ts";

/** When a line is said, counted from something that happened on the line before. */
export type Cue =
  /** Open model: that long after the last line's speech ended (the first: after the line opened), answered or not. */
  | { after: "line"; delayMs: number }
  /** A patient person: that long after the reply was played to its end. */
  | { after: "reply"; delayMs: number }
  /** A barge-in: that long after the reply's first sound. */
  | { after: "reply-start"; delayMs: number };

export interface Line {
  utterance: Utterance;
  cue: Cue;
}

export type Script = readonly Line[];

/** A polite conversation: each utterance `thinkMs` after the reply to the one before. */
export function politeScript(utterances: readonly Utterance[], thinkMs: number): Script {
  return utterances.map((utterance, index) => ({
    utterance,
    cue: index === 0 ? { after: "line", delayMs: thinkMs } : { after: "reply", delayMs: thinkMs },
  }));
}

/** Speech and quiet in turn, whatever the other side does: the load is the same however slow the gateway is. */
export function metronomeScript(utterances: readonly Utterance[], quietMs: number): Script {
  return utterances.map((utterance) => ({ utterance, cue: { after: "line", delayMs: quietMs } }));
}
