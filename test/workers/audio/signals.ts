/** Test signals: speech whose boundaries are known, noise from a seed, and the bus with a feeder around it. */
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import { type AudioBusOptions, createAudioBus, type ManagedAudioBus } from "../../../workers/audio/bus.ts";
import type { BusChannel } from "../../../workers/audio/channel.ts";
import type { FrontEndEvent, FrontEndSettings } from "../../../workers/audio/messages.ts";
import { type FliteVoice, loadFlite } from "../../../workers/speech/flite.ts";

export const modelDir = fileURLToPath(new URL("../../../models/silero-vad-v6", import.meta.url));

/** The gateway's clock. */
export function nowMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** White or pink noise of mean square 1. */
export function makeNoise(kind: "white" | "pink", length: number, seed: number): Float64Array {
  const random = seeded(seed);
  const noise = new Float64Array(length);
  let a = 0;
  let b = 0;
  let c = 0;
  let energy = 0;
  for (let i = 0; i < length; i++) {
    const white = Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
    a = 0.99765 * a + white * 0.099046;
    b = 0.963 * b + white * 0.2965164;
    c = 0.57 * c + white * 1.0526913;
    noise[i] = kind === "white" ? white : a + b + c + white * 0.1848;
    energy += noise[i]! ** 2;
  }
  const scale = Math.sqrt(length / energy);
  return noise.map((value) => value * scale);
}

let flite: ReturnType<typeof loadFlite> | null = null;

/** A sentence at 16 kHz without the silence around it: its first and last 5 ms lie within 36 dB of its loudest. */
export async function speak(text: string, voice: FliteVoice = "slt", gain = 0.5): Promise<Int16Array> {
  flite ??= loadFlite();
  const { pcm } = (await flite).speak(text, voice, { words: false });
  const size = 80;
  const levels: number[] = [];
  for (let from = 0; from < pcm.length; from += size) {
    levels.push(meanSquare(pcm, from, Math.min(pcm.length, from + size)));
  }
  const threshold = Math.max(...levels) * 10 ** -3.6;
  const first = levels.findIndex((level) => level >= threshold) * size;
  const last = Math.min(pcm.length, (levels.findLastIndex((level) => level >= threshold) + 1) * size);
  return pcm.slice(first, last).map((sample) => Math.round(sample * gain));
}

export function meanSquare(pcm: ArrayLike<number>, from = 0, to = pcm.length): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += pcm[i]! ** 2;
  return sum / Math.max(1, to - from);
}

/** Pieces of speech with silence between; boundaries in samples. */
export interface Scene {
  pcm: Int16Array;
  spans: { from: number; until: number }[];
}

/** Lays pieces out with `gapMs` before, between and after them. */
export function layOut(pieces: Int16Array[], gapMs: number): Scene {
  const gap = gapMs * 16;
  const pcm = new Int16Array(gap + pieces.reduce((sum, piece) => sum + piece.length + gap, 0));
  const spans: Scene["spans"] = [];
  let at = gap;
  for (const piece of pieces) {
    pcm.set(piece, at);
    spans.push({ from: at, until: at + piece.length });
    at += piece.length + gap;
  }
  return { pcm, spans };
}

/** Adds noise so that the spoken parts are `snrDb` above it. */
export function addNoise(scene: Scene, kind: "white" | "pink", snrDb: number, seed: number): Scene {
  let speech = 0;
  let count = 0;
  for (const { from, until } of scene.spans) {
    speech += meanSquare(scene.pcm, from, until) * (until - from);
    count += until - from;
  }
  const scale = Math.sqrt(speech / count / 10 ** (snrDb / 10));
  const noise = makeNoise(kind, scene.pcm.length, seed);
  return { spans: scene.spans, pcm: scene.pcm.map((value, i) => clip(value + noise[i]! * scale)) };
}

function clip(value: number): number {
  return Math.max(-32768, Math.min(32767, Math.round(value)));
}

/** Little-endian bytes. */
export function bytesOf(pcm: Int16Array): Uint8Array {
  return new Uint8Array(Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength));
}

export const plainSettings: FrontEndSettings = {
  input: { encoding: "pcm16", sampleRateHz: 16000 },
  noiseReduction: null,
  vad: { thresholdRatio: 0.5 },
  vadInput: "raw",
  keepGated: false,
  levelIntervalMs: null,
};

/** A small bus with its thread running. */
export async function startBus(options: Partial<AudioBusOptions> = {}): Promise<ManagedAudioBus> {
  const bus = createAudioBus({ modelDir, nowMs, maxChannels: 8, poolBytes: 32 * 1024 * 1024, ...options });
  await bus.ready();
  return bus;
}

/** Waits for a condition that must come true, however slow the machine. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadlineMs = nowMs() + 25_000;
  while (!condition()) {
    if (nowMs() > deadlineMs) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Collects a channel's events. */
export function collect(channel: BusChannel): FrontEndEvent[] {
  const events: FrontEndEvent[] = [];
  channel.onEvents = (arrived) => events.push(...arrived);
  return events;
}

let marks = 0;

/** Writes bytes in frames, as fast as the bus takes them, and waits until the VAD has decided all of it. */
export async function feed(channel: BusChannel, bytes: Uint8Array, frameBytes = 640): Promise<void> {
  for (let from = 0; from < bytes.length; from += frameBytes) {
    const result = channel.write(bytes.subarray(from, from + frameBytes), nowMs());
    if (result === "full") throw new Error("the channel is full");
  }
  await heard(channel, Math.floor(channel.receivedSamples / 512) * 512);
}

/** Waits for an alarm at a sample; events go where they went before. */
export function heard(channel: BusChannel, sample: number): Promise<void> {
  const key = `mark-${marks++}`;
  const before = channel.onEvents;
  return new Promise((resolve) => {
    channel.onEvents = (events) => {
      const others = events.filter((event) => !(event.type === "alarm" && event.key === key));
      if (others.length > 0) before?.(others);
      if (others.length === events.length) return;
      channel.onEvents = before;
      resolve();
    };
    channel.alarm(key, sample);
  });
}
