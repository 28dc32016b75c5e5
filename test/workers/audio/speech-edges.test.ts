import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeAlaw, encodeMulaw } from "../../../wire/g711.ts";
import type { ManagedAudioBus } from "../../../workers/audio/bus.ts";
import type { FrontEndEvent, FrontEndSettings, InputFormat } from "../../../workers/audio/messages.ts";
import {
  addNoise,
  bytesOf,
  collect,
  feed,
  layOut,
  plainSettings,
  type Scene,
  speak,
  startBus,
} from "./signals.ts";

const sentences = [
  "The quick brown fox jumps over the lazy dog.",
  "Please call me back at six.",
  "I would like a table for two.",
];

let bus: ManagedAudioBus;
const scenes: Scene[] = [];

beforeAll(async () => {
  bus = await startBus();
  for (const voice of ["slt", "rms", "awb"] as const) {
    const pieces: Int16Array[] = [];
    for (const sentence of sentences) pieces.push(await speak(sentence, voice));
    scenes.push(layOut(pieces, 1500));
  }
});

afterAll(() => bus.close());

async function listen(
  bytes: Uint8Array,
  input: InputFormat = plainSettings.input,
  settings: Partial<FrontEndSettings> = {},
  frameBytes = 640,
): Promise<FrontEndEvent[]> {
  const channel = bus.open({ ...plainSettings, ...settings, input })!;
  const events = collect(channel);
  await feed(channel, bytes, frameBytes);
  channel.close();
  return events;
}

/** Signed errors in ms of the nearest begin and end for every spoken piece; the counts must agree, too. */
function errorsMs(
  scene: Scene,
  events: FrontEndEvent[],
): { begins: number[]; ends: number[]; extra: number } {
  const begins = events.flatMap((event) =>
    event.type === "onset" || event.type === "resumed" ? event.sample : [],
  );
  const ends = events.flatMap((event) => (event.type === "pause" ? event.sample : []));
  const nearest = (found: number[], wanted: number): number =>
    Math.min(...found.map((sample) => Math.abs(sample - wanted))) / 16;
  return {
    begins: scene.spans.map(({ from }) => nearest(begins, from)),
    ends: scene.spans.map(({ until }) => nearest(ends, until - 1)),
    extra: begins.length - scene.spans.length,
  };
}

function medianOf(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

describe("onsets and pauses", () => {
  it("stand within 20 ms of the true boundaries when silence surrounds the speech", async () => {
    for (const scene of scenes) {
      const { begins, ends, extra } = errorsMs(scene, await listen(bytesOf(scene.pcm)));
      expect(extra).toBeLessThanOrEqual(1);
      for (const error of begins) expect(error).toBeLessThanOrEqual(20);
      for (const error of ends) expect(error).toBeLessThanOrEqual(20);
    }
  });

  it("stay near the boundaries in noise, where weak sounds drown", async () => {
    const begins: number[] = [];
    const ends: number[] = [];
    for (const [index, scene] of scenes.entries()) {
      const noisy = addNoise(scene, index % 2 === 0 ? "pink" : "white", 20, 20 + index);
      const errors = errorsMs(noisy, await listen(bytesOf(noisy.pcm)));
      expect(errors.extra).toBeLessThanOrEqual(1);
      begins.push(...errors.begins);
      ends.push(...errors.ends);
    }
    expect(medianOf(begins)).toBeLessThanOrEqual(40);
    expect(medianOf(ends)).toBeLessThanOrEqual(40);
    expect(Math.max(...begins, ...ends)).toBeLessThanOrEqual(160);
  });

  it("alternate, begin with an onset, and never go backwards", async () => {
    for (const scene of scenes) {
      const noisy = addNoise(scene, "white", 5, 40);
      const events = await listen(bytesOf(noisy.pcm));
      let last = -1;
      for (const [index, event] of events.entries()) {
        if (event.type === "level" || event.type === "alarm") throw new Error("nobody asked for that");
        expect(event.type).toBe(index % 2 === 1 ? "pause" : index === 0 ? "onset" : "resumed");
        expect(event.sample).toBeGreaterThan(last);
        expect(event.decidedAtMs).toBeGreaterThanOrEqual(event.takenAtMs);
        last = event.sample;
      }
    }
  });

  it("stand at the same samples through 24 kHz and G.711", async () => {
    // No sentence that begins or ends in a hiss: the telephone's band has none of it.
    const pieces = [await speak(sentences[0]!), await speak(sentences[2]!)];
    const scene = layOut(pieces, 1500);
    const plain = await listen(bytesOf(scene.pcm));
    const at24 = interpolate(scene.pcm, 24000);
    const at8 = interpolate(scene.pcm, 8000);
    const others = [
      await listen(bytesOf(at24), { encoding: "pcm16", sampleRateHz: 24000 }, {}, 960),
      await listen(encodeMulaw(at8), { encoding: "pcmu", sampleRateHz: 8000 }, {}, 160),
      await listen(encodeAlaw(at8), { encoding: "pcma", sampleRateHz: 8000 }, {}, 160),
    ];
    for (const events of others) {
      const { begins, ends } = errorsMs(scene, events);
      for (const error of [...begins, ...ends]) expect(error).toBeLessThanOrEqual(40);
      expect(events.length).toBe(plain.length);
    }
  });

  it("are the same however the bytes are cut, also in the middle of a sample", async () => {
    const [scene] = scenes;
    const bytes = bytesOf(scene!.pcm.subarray(0, 80_000));
    const places = async (frameBytes: number): Promise<unknown> =>
      (await listen(bytes, plainSettings.input, {}, frameBytes)).map((event) => [
        event.type,
        "sample" in event ? event.sample : 0,
      ]);
    const whole = await places(bytes.length);
    for (const frameBytes of [333, 640, 4001]) expect(await places(frameBytes)).toEqual(whole);
  });

  it("are found in gated audio, too", async () => {
    const noisy = addNoise(scenes[0]!, "white", 15, 50);
    const events = await listen(bytesOf(noisy.pcm), plainSettings.input, {
      vadInput: "gated",
      noiseReduction: "near_field",
    });
    const { begins, extra } = errorsMs(noisy, events);
    expect(extra).toBeLessThanOrEqual(1);
    expect(medianOf(begins)).toBeLessThanOrEqual(60);
  });

  it("don't come from silence, clipping, an offset or a click", async () => {
    const silence = new Int16Array(48_000);
    const offset = new Int16Array(48_000).fill(9000);
    const square = Int16Array.from({ length: 48_000 }, (_, i) => (i % 2 === 0 ? 32767 : -32768));
    const click = new Int16Array(48_000);
    click.fill(30_000, 24_000, 24_016);
    for (const pcm of [silence, offset, square, click]) expect(await listen(bytesOf(pcm))).toEqual([]);
  });

  it("are found in clipped speech and speech with an offset", async () => {
    const scene = scenes[0]!;
    const loud = scene.pcm.map((sample) => Math.max(-32768, Math.min(32767, sample * 8)));
    const offset = scene.pcm.map((sample) => Math.max(-32768, Math.min(32767, sample + 8000)));
    for (const pcm of [loud, offset]) {
      const { begins, ends } = errorsMs(scene, await listen(bytesOf(pcm)));
      for (const error of [...begins, ...ends]) expect(error).toBeLessThanOrEqual(48);
    }
  });

  it("obey the durations asked for", async () => {
    const scene = scenes[0]!;
    const count = async (vad: FrontEndSettings["vad"]): Promise<number> =>
      (await listen(bytesOf(scene.pcm), plainSettings.input, { vad })).length;
    expect(await count({ thresholdRatio: 0.5, minPauseMs: 1000 })).toBe(6);
    expect(await count({ thresholdRatio: 0.5, minPauseMs: 2000 })).toBe(1);
    expect(await count({ thresholdRatio: 0.5, minSpeechMs: 10_000 })).toBe(0);
    expect(await count(null)).toBe(0);
  });
});

/** Band-limited interpolation at any moment, by a long windowed sinc: the reference, not the resampler under test. */
function interpolate(pcm: Int16Array, rateHz: number): Int16Array {
  const cutoff = Math.min(1, rateHz / 16000) * 0.95;
  const reach = 32;
  return Int16Array.from({ length: Math.floor((pcm.length * rateHz) / 16000) }, (_, k) => {
    const centre = (k * 16000) / rateHz;
    let sum = 0;
    for (let i = Math.ceil(centre - reach); i <= centre + reach; i++) {
      const x = (i - centre) * cutoff;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
      sum += (pcm[i] ?? 0) * cutoff * sinc * (0.5 + 0.5 * Math.cos((Math.PI * (i - centre)) / reach));
    }
    return Math.max(-32768, Math.min(32767, Math.round(sum)));
  });
}
