/** Whether so many wait for the engines of this machine that answers take their time, and what is said then. */
import type { PreparedSentences } from "./prepared.ts";
import { crowdAgainCode, crowdCode } from "./prepared.ts";

/** An engine that works one call off after the other. */
export interface QueuedEngine {
  /** How long a call would wait for its turn now, in ms; absent where nothing queues. */
  waitMs?(): number;
}

/** A wait longer than this is told. */
export const crowdedMs = 600;

/** What sessions ask of it (`hold` of their dependencies, but for the moment). */
export interface Crowd {
  crowded(): boolean;
  sentence(sampleRateHz: 8000 | 16000 | 24000, again: boolean): { text: string; pcm: Int16Array } | null;
}

/** @param engines - all that a turn may have to wait for (the embedded recogniser and voice) */
export function createCrowd(engines: readonly QueuedEngine[], prepared: PreparedSentences): Crowd {
  return {
    crowded: () => engines.some((engine) => (engine.waitMs?.() ?? 0) > crowdedMs),
    sentence(sampleRateHz, again) {
      const code = again ? crowdAgainCode : crowdCode;
      const pcm = prepared.audio(code, sampleRateHz);
      return pcm === null ? null : { text: prepared.sentence(code), pcm };
    },
  };
}
