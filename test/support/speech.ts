/** Speech for tests and benches, made by flite and kept in memory. */
import { Buffer } from "node:buffer";
import { bytesOf, joinSamples } from "../../loadtest/callers/samples.ts";
import { fitUtterance, makeUtterance, type Utterance } from "../../loadtest/callers/utterance.ts";
import { loadFlite } from "../../workers/speech/flite.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";

/** A woman's voice and a man's. */
export type TestVoice = "slt" | "rms";

const kept = new Map<string, Promise<Utterance>>();
let engine: ReturnType<typeof loadFlite> | null = null;

/** Speaks `text`: trimmed to what is voiced, 16 kHz. The same words in the same voice are rendered once. */
export function sayUtterance(text: string, voice: TestVoice = "slt"): Promise<Utterance> {
  const key = `${voice}:${text}`;
  let utterance = kept.get(key);
  if (utterance === undefined) {
    utterance = render(text, voice);
    kept.set(key, utterance);
  }
  return utterance;
}

async function render(text: string, voice: TestVoice): Promise<Utterance> {
  engine ??= loadFlite();
  const spoken = await (await engine).speak(text, voice);
  return makeUtterance(text, spoken.pcm, spoken.sampleRateHz);
}

/** Speech of exactly that length (words may be cut or repeated). */
export async function sayFor(text: string, durationMs: number, voice: TestVoice = "slt"): Promise<Utterance> {
  return fitUtterance(await sayUtterance(text, voice), durationMs);
}

/**
 * Speech with silence around it, at any rate, as a client would record it.
 *
 * @param quietMs - silence before and after
 */
export async function sayRecording(
  text: string,
  options: { rateHz?: number; voice?: TestVoice; beforeMs?: number; afterMs?: number } = {},
): Promise<Int16Array> {
  const { rateHz = 24000, voice = "slt", beforeMs = 200, afterMs = 800 } = options;
  const utterance = await sayUtterance(text, voice);
  return joinSamples([
    silence(beforeMs, rateHz),
    resampleWhole(utterance.pcm, utterance.rateHz, rateHz),
    silence(afterMs, rateHz),
  ]);
}

/** Zeroes. */
export function silence(durationMs: number, rateHz: number): Int16Array {
  return new Int16Array(Math.round((durationMs * rateHz) / 1000));
}

/** A mono 16-bit WAV file. */
export function wavOf(pcm: Int16Array, rateHz: number): Buffer {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + pcm.byteLength, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rateHz, 24);
  header.writeUInt32LE(rateHz * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(pcm.byteLength, 40);
  return Buffer.concat([header, bytesOf(pcm)]);
}
