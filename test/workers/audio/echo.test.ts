import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ManagedAudioBus } from "../../../workers/audio/bus.ts";
import type { BusChannel } from "../../../workers/audio/channel.ts";
import type { FrontEndEvent, FrontEndSettings } from "../../../workers/audio/messages.ts";
import type { FliteVoice } from "../../../workers/speech/flite.ts";
import {
  bytesOf,
  collect,
  heard,
  makeNoise,
  meanSquare,
  nowMs,
  plainSettings,
  speak,
  startBus,
  until,
} from "./signals.ts";

const frameSamples = 256;
/** What the gateway sends ahead, and in pieces of which length. */
const aheadSamples = 28_000;
const pieceFrames = 12;
/** Where the replies begin, 10 s apart. */
const replyStarts = [16_128, 176_128];
const replySamples = 8 * 16_000;
const sceneSamples = 340_992;
/** A small room: delays in samples and how much of each. */
const room: readonly (readonly [number, number])[] = [
  [0, 0.8],
  [137, 0.4],
  [411, -0.3],
  [933, 0.2],
  [1511, 0.15],
  [2401, -0.1],
];

let bus: ManagedAudioBus;
const sentences = new Map<FliteVoice, Float64Array[]>();

beforeAll(async () => {
  bus = await startBus({ restartBackoffMs: 1 });
  for (const voice of ["slt", "rms", "awb"] as const) {
    const said: Float64Array[] = [];
    for (const text of [
      "The quick brown fox jumps over the lazy dog.",
      "I would like a table for two at eight tonight.",
      "Your order left the house this morning and will be with you on Friday.",
    ]) {
      const pcm = await speak(text, voice);
      const scale = 1 / Math.sqrt(meanSquare(pcm));
      said.push(Float64Array.from(pcm, (sample) => sample * scale));
    }
    sentences.set(voice, said);
  }
});

afterAll(() => bus.close());

/** Sentences one after the other, RMS at a level, with short pauses. */
function talk(voice: FliteVoice, samples: number, levelDb: number, first = 0): Float64Array {
  const said = sentences.get(voice)!;
  const speech = new Float64Array(samples);
  const gain = 32768 * 10 ** (levelDb / 20);
  for (let at = 0, i = first; at < samples; i++) {
    const sentence = said[i % said.length]!;
    for (let k = 0; k < sentence.length && at + k < samples; k++) speech[at + k] = sentence[k]! * gain;
    at += sentence.length + 3000;
  }
  return speech;
}

interface EchoScene {
  reply: FliteVoice;
  couplingDb: number;
  delayMs: number;
  noiseDb?: number;
  /** Added to the delay, little by little. */
  driftMs?: number;
  talker?: { voice: FliteVoice; at: number; samples: number; levelDb: number };
  seed?: number;
}

/** What the microphone hears of two replies, and the replies themselves. */
function record(scene: EchoScene): { pcm: Int16Array; played: Float64Array } {
  const played = new Float64Array(sceneSamples);
  for (const [i, start] of replyStarts.entries()) played.set(talk(scene.reply, replySamples, -20, i), start);
  const noise = makeNoise("pink", sceneSamples, scene.seed ?? 1);
  const noiseGain = 32768 * 10 ** ((scene.noiseDb ?? -60) / 20);
  const coupling = 10 ** (scene.couplingDb / 20);
  const { talker } = scene;
  const said = talker === undefined ? null : talk(talker.voice, talker.samples, talker.levelDb, 1);
  const pcm = Int16Array.from({ length: sceneSamples }, (_, i) => {
    const delay = Math.round((scene.delayMs + ((scene.driftMs ?? 0) * i) / sceneSamples) * 16);
    let value = noise[i]! * noiseGain;
    for (const [late, gain] of room) value += (played[i - delay - late] ?? 0) * gain * coupling;
    if (said !== null) value += said[i - talker!.at] ?? 0;
    return Math.max(-32768, Math.min(32767, Math.round(value)));
  });
  return { pcm, played };
}

function levelsOf(played: Float64Array): Float32Array {
  return Float32Array.from({ length: Math.floor(played.length / frameSamples) }, (_, frame) => {
    const at = frame * frameSamples;
    return 10 * Math.log10(meanSquare(played, at, at + frameSamples) / 32768 ** 2 + 1e-12);
  });
}

/** Writes what is heard up to a sample, telling of replies ahead of it as the session does. */
async function hear(
  channel: BusChannel,
  { pcm, played }: { pcm: Int16Array; played: Float64Array },
  from: number,
  to: number,
  told = { frame: 0 },
): Promise<void> {
  const levels = levelsOf(played);
  for (let at = from; at < to; at += 512) {
    const ahead = Math.min(levels.length, Math.floor((at + aheadSamples) / frameSamples));
    for (; told.frame + pieceFrames <= ahead; told.frame += pieceFrames) {
      const piece = levels.subarray(told.frame, told.frame + pieceFrames);
      if (piece.some((level) => level > -100)) channel.reference(told.frame * frameSamples, piece.slice());
    }
    channel.write(bytesOf(pcm.subarray(at, Math.min(to, at + 512))), nowMs());
    if (at % 4096 === 0)
      await until(() => channel.receivedSamples - channel.readableSamples < 4096, "it keeps up");
  }
  await heard(channel, Math.floor(to / 512) * 512);
}

async function listen(scene: EchoScene, settings: Partial<FrontEndSettings> = {}): Promise<FrontEndEvent[]> {
  const channel = bus.open({ ...plainSettings, echoGuard: true, ...settings })!;
  const events = collect(channel);
  await hear(channel, record(scene), 0, sceneSamples);
  channel.close();
  return events;
}

const begins = (events: FrontEndEvent[]): FrontEndEvent[] =>
  events.filter(({ type }) => type === "onset" || type === "resumed");

describe("the gateway's own voice, coming back", () => {
  it("would interrupt it without the guard", async () => {
    const events = await listen({ reply: "slt", couplingDb: -20, delayMs: 150 }, { echoGuard: false });
    expect(begins(events).length).toBeGreaterThan(2);
  });

  for (const [couplingDb, delayMs, noiseDb] of [
    [-20, 150, -60],
    [-10, 50, -70],
    [-10, 400, -50],
    [-30, 50, -50],
    [-30, 400, -70],
  ] as const) {
    it(`is never heard ${-couplingDb} dB down and ${delayMs} ms late, noise at ${noiseDb} dBFS`, async () => {
      const replies = ["slt", "rms", "awb"] as const;
      const all = await Promise.all(
        replies.map((reply, i) => listen({ reply, couplingDb, delayMs, noiseDb, seed: 30 + i })),
      );
      for (const events of all) expect(events).toEqual([]);
    });
  }

  it("is never heard while its delay drifts", async () => {
    expect(await listen({ reply: "rms", couplingDb: -20, delayMs: 150, driftMs: 80 })).toEqual([]);
  });

  it("is never heard though the thread dies in the middle", async () => {
    const channel = bus.open({ ...plainSettings, echoGuard: true })!;
    const events = collect(channel);
    const recording = record({ reply: "slt", couplingDb: -20, delayMs: 150 });
    const told = { frame: 0 };
    const middle = 80 * 1024;
    await hear(channel, recording, 0, middle, told);
    const { restarts } = bus.statistics();
    bus.killThread();
    await until(() => bus.statistics().restarts > restarts && bus.healthy, "it runs again");
    await hear(channel, recording, middle, sceneSamples, told);
    channel.close();
    expect(events).toEqual([]);
  });
});

describe("the noise floor that a client is told of", () => {
  const roomDb = -60;
  const highest = async (couplingDb: number, echoGuard: boolean): Promise<number> => {
    const scene: EchoScene = { reply: "slt", couplingDb, delayMs: 150, noiseDb: roomDb };
    const events = await listen(scene, { echoGuard, levelIntervalMs: 96 });
    return Math.max(...events.flatMap((event) => (event.type === "level" ? event.noiseDb : [])));
  };

  for (const couplingDb of [-20, -10]) {
    it(`stays the room's while a reply comes back ${-couplingDb} dB down`, async () => {
      expect(Math.abs((await highest(couplingDb, true)) - roomDb)).toBeLessThan(3);
    });
  }

  it("would rise with the echo without the guard", async () => {
    expect(await highest(-20, false)).toBeGreaterThan(roomDb + 6);
  });
});

describe("a talker over the reply", () => {
  for (const at of [80_000, 220_000]) {
    it(`is heard, from where the talker began (${at / 16_000} s)`, async () => {
      for (const voice of ["rms", "awb"] as const) {
        const talker = { voice, at, samples: 32_000, levelDb: -24 };
        const events = await listen({ reply: "slt", couplingDb: -20, delayMs: 150, talker });
        const [first] = begins(events);
        expect(events[0]).toBe(first);
        expect(first!.sample).toBeGreaterThan(at - 800);
        expect(first!.sample).toBeLessThan(at + 3200);
        expect(first).toMatchObject({ echoUntilSample: expect.any(Number) });
        const { echoUntilSample } = first as { echoUntilSample: number };
        expect(echoUntilSample).toBeGreaterThan(at - 8000);
        expect(echoUntilSample).toBeLessThanOrEqual(first!.sample);
        const pause = events.findLast(({ type }) => type === "pause")!;
        expect(Math.abs(pause.sample - at - 32_000)).toBeLessThan(8000);
      }
    });
  }

  it("is told of within 300 ms", async () => {
    const at = 220_000;
    const channel = bus.open({ ...plainSettings, echoGuard: true })!;
    const recording = record({
      reply: "slt",
      couplingDb: -20,
      delayMs: 150,
      talker: { voice: "rms", at, samples: 32_000, levelDb: -24 },
    });
    const told = { frame: 0 };
    const events = collect(channel);
    await hear(channel, recording, 0, Math.floor(at / 512) * 512, told);
    expect(events).toEqual([]);
    await hear(channel, recording, Math.floor(at / 512) * 512, Math.floor((at + 4800) / 512) * 512, told);
    expect(begins(events).length).toBe(1);
    channel.close();
  });

  it("is heard as ever where no echo comes at all", async () => {
    const talker = { voice: "awb", at: 220_000, samples: 32_000, levelDb: -30 } as const;
    const [first] = begins(await listen({ reply: "slt", couplingDb: -90, delayMs: 0, talker }));
    expect(Math.abs(first!.sample - talker.at)).toBeLessThan(3200);
  });
});

describe("a reference", () => {
  it("means nothing to a channel without the guard, and is refused where it can't be", () => {
    const channel = bus.open(plainSettings)!;
    channel.reference(-5, new Float32Array(1000));
    channel.configure({ ...plainSettings, echoGuard: true });
    expect(() => channel.reference(-5, new Float32Array(1))).toThrow(RangeError);
    expect(() => channel.reference(0, new Float32Array(1000))).toThrow(RangeError);
    channel.reference(0, Float32Array.of(Number.NaN));
    channel.close();
    channel.reference(0, Float32Array.of(-20));
  });
});
