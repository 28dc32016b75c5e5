/** Engines and audio for the providers' tests. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AudioPiece, AudioRange } from "../../gateway/providers/provider.ts";
import { type SpeechOptions, type SpeechProcesses, startSpeech } from "../../workers/speech/supervise.ts";

/** The project's models. */
export const modelsDir = join(fileURLToPath(new URL("../..", import.meta.url)), "models");

const quiet = { info() {}, warn() {}, error() {} };

/** Starts the engines as the tests want them. */
export function startEngines(options: Partial<SpeechOptions> = {}): Promise<SpeechProcesses> {
  const defaults = {
    modelsDir,
    recogniserThreads: 2,
    queueLimit: 16,
    hangTimeoutMs: 60_000,
    log: quiet,
    onRestart() {},
  };
  return startSpeech({ ...defaults, ...options });
}

/** A range with these pieces; without an `end` among them it stays open until the signal. */
export function rangeOf(pieces: AudioPiece[]): AudioRange {
  return {
    sampleRateHz: 16000,
    fromSample: 0,
    async *read(_fromSample, signal) {
      yield* pieces;
      if (pieces.at(-1)?.type === "end" || signal.aborted) return;
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    },
  };
}

/** Audio one after the other. */
export function joinPcm(parts: Int16Array[]): Int16Array {
  const joined = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** That much silence at 16 kHz. */
export function silence(ms: number): Int16Array {
  return new Int16Array(ms * 16);
}

/** Audio in pieces of 100 ms, as the bus hands it on. */
export function* samplesFrom(fromSample: number, pcm: Int16Array): Generator<AudioPiece> {
  for (let at = 0; at < pcm.length; at += 1600) {
    yield { type: "samples", fromSample: fromSample + at, pcm: pcm.slice(at, at + 1600) };
  }
}
