import type { LevelEvent, WordsEvent } from "../wire/extensions.ts";
import type { GateLevel } from "./client-events.ts";
import type { SpokenWord } from "./spoken-words.ts";

/** The words of `parley.words` in the SDK's own names. */
export function spokenWordsOf(event: WordsEvent): SpokenWord[] {
  return event.words.map(({ text, start_ms: startMs }) => ({ text, startMs }));
}

/** `parley.level` in the SDK's own names. */
export function gateLevelOf(event: LevelEvent): GateLevel {
  return {
    sample: event.sample,
    rawDb: event.raw_db,
    gatedDb: event.gated_db,
    noiseDb: event.noise_db,
    speechRatio: event.speech_ratio,
    rawBandsDb: event.raw_bands_db ?? null,
    gatedBandsDb: event.gated_bands_db ?? null,
  };
}
