/** Callers' voices for the benches: two of flite, one of espeak-ng. */
import { spawnSync } from "node:child_process";
import { makeUtterance, type Utterance } from "../../../../loadtest/callers/utterance.ts";
import { type Flite, loadFlite } from "../../../../workers/speech/flite.ts";

export const speakers = ["slt", "rms", "espeak"] as const;
export type Speaker = (typeof speakers)[number];

const wavHeaderBytes = 44;
const maxWavBytes = 32 * 1024 * 1024;

let flite: Promise<Flite> | null = null;

/**
 * Says a text.
 *
 * @param speedRatio - 1 is the voice's own pace
 * @returns what sounds of it, 16 kHz, without the silence around it
 * @throws {Error} when espeak-ng is asked for and is not installed
 */
export async function speak(text: string, speaker: Speaker, speedRatio = 1): Promise<Utterance> {
  if (speaker === "espeak") return speakEspeak(text, speedRatio);
  flite ??= loadFlite();
  const { pcm, sampleRateHz } = (await flite).speak(text, speaker, { speedRatio, words: false });
  return makeUtterance(text, pcm, sampleRateHz);
}

function speakEspeak(text: string, speedRatio: number): Utterance {
  const wordsPerMinute = String(Math.round(165 * speedRatio));
  const run = spawnSync("espeak-ng", ["-v", "en-us", "-s", wordsPerMinute, "--stdout", text], {
    maxBuffer: maxWavBytes,
  });
  if (run.error !== undefined || run.status !== 0) {
    throw new Error(
      `espeak-ng is needed for this bench (apt-get install espeak-ng): ${run.error ?? run.stderr}`,
    );
  }
  const bytes = run.stdout.subarray(wavHeaderBytes);
  const pcm = new Int16Array(new Uint8Array(bytes.subarray(0, bytes.length & ~1)).buffer);
  return makeUtterance(text, pcm, run.stdout.readUInt32LE(24));
}
