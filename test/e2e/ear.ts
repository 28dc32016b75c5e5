/** What a person in front of a stock client would notice: that the reply is sensible, and that it sounds like it. */
import { expect } from "vitest";
import { frameMs } from "../../loadtest/callers/pacer.ts";
import { hasSound, joinSamples } from "../../loadtest/callers/samples.ts";
import { transcribe } from "../support/transcribe.ts";
import { normaliseWords, wordErrorRatio } from "../support/word-errors.ts";

/** Of a synthetic voice understood by a small recogniser, names and jargon included. */
const maxWordErrorRatio = 0.35;
const minWords = 3;

/** Expects that `pcm` (24 kHz) says `transcript`, as far as an independent recogniser can tell. */
export function expectSays(pcm: Int16Array, transcript: string): void {
  expect(hasSound(pcm)).toBe(true);
  expect(normaliseWords(transcript).length).toBeGreaterThanOrEqual(minWords);
  const heard = transcribe(pcm, 24000);
  expect(wordErrorRatio(transcript, heard), `said "${transcript}", heard "${heard}"`).toBeLessThan(
    maxWordErrorRatio,
  );
}

/**
 * Streams PCM in real time as a microphone does, frames of 20 ms, by the schedule; then silence until `until` holds.
 *
 * @param pcm - mono int16, 24 kHz
 */
export async function speakLive(
  send: (frame: Int16Array) => void,
  pcm: Int16Array,
  until: () => boolean,
  limitMs = 20_000,
): Promise<void> {
  const size = 24 * frameMs;
  const padded = joinSamples([pcm, new Int16Array(size - (pcm.length % size))]);
  const startMs = performance.now();
  for (let index = 0; ; index++) {
    const dueMs = startMs + (index + 1) * frameMs;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const from = index * size;
    send(from < padded.length ? padded.slice(from, from + size) : new Int16Array(size));
    if (from >= padded.length && until()) return;
    if (dueMs - startMs > limitMs + pcm.length / 24)
      throw new Error("spoke into silence: what was waited for never came");
  }
}
