import { beforeEach, describe, expect, it } from "vitest";
import { bandEdges, hopSamples } from "../../../workers/audio/gate.ts";
import { GateBank } from "../../../workers/audio/gate-bank.ts";
import { GateStage, rememberedHops } from "../../../workers/audio/gate-stage.ts";
import { type AudioMemory, blockSamples, createAudioMemory } from "../../../workers/audio/layout.ts";
import type { FrontEndSettings } from "../../../workers/audio/messages.ts";
import { BlockPool, SampleChain } from "../../../workers/audio/sample-chain.ts";
import { meanSquare, plainSettings, seeded } from "./signals.ts";

const kept: FrontEndSettings = { ...plainSettings, noiseReduction: "near_field", keepGated: true };

let memory: AudioMemory;
let pool: BlockPool;
let bank: GateBank;
let chain: SampleChain;
let stage: GateStage;
let written = 0;

beforeEach(() => {
  memory = createAudioMemory({ maxChannels: 2, poolBytes: 1024 * 1024 });
  pool = new BlockPool(memory, new Set());
  bank = new GateBank(2);
  chain = new SampleChain(memory, pool);
  stage = new GateStage(memory, chain, bank);
  written = 0;
});

/** Appends samples as the intake does, in chunks, and lets the bank run after each. */
function append(sample: (index: number) => number, count: number, chunk = 320): void {
  const end = written + count;
  while (written < end) {
    const until = Math.min(end, written + chunk);
    for (; written < until; written++) memory.pool[chain.placeToWrite(written)] = Math.round(sample(written));
    stage.advance(written);
    bank.run();
  }
}

function read(from: number, to: number, signal: "raw" | "gated"): Int16Array {
  return Int16Array.from({ length: to - from }, (_, i) => {
    const at = signal === "raw" ? chain.place(from + i) : chain.placeHeard(from + i);
    return memory.pool[at]!;
  });
}

function noise(seed: number, amplitude: number): () => number {
  const random = seeded(seed);
  return () => (random() - 0.5) * 2 * amplitude;
}

describe("gate of a channel", () => {
  it("rests where nothing needs it, and has no lane then", () => {
    stage.configure({ ...plainSettings, vad: null }, 0);
    append(noise(1, 1000), 4096);
    expect([stage.neededFrom, stage.analysedSample, stage.gatedSample, stage.noiseDb]).toEqual([
      null,
      null,
      null,
      null,
    ]);
    expect(stage.takeGainDb()).toBe(0);
    expect(stage.takeBands()).toBeNull();
    expect(stage.hopSnrDb(3)).toBeNull();
    expect(bank.openLanes).toBe(0);
    stage.configure({ ...plainSettings, preGate: false }, written);
    expect(bank.openLanes).toBe(0);
  });

  it("analyses for the pre-gate without making gated blocks", () => {
    stage.configure(plainSettings, 0);
    append(noise(2, 300), 16_000);
    expect(stage.analysedSample).toBe(Math.floor(16_000 / hopSamples) * hopSamples);
    expect(stage.gatedSample).toBeNull();
    expect(pool.available).toBe(memory.blocks - chain.length);
    expect(stage.takeGainDb()).toBe(0);
    stage.close();
    expect(bank.openLanes).toBe(0);
  });

  it("tells the sub-band SNR of the last hops: low in noise, high in a tone above it, nothing of others", () => {
    stage.configure(plainSettings, 0);
    const hiss = noise(3, 300);
    append(hiss, 120 * hopSamples);
    const quiet = Array.from({ length: 40 }, (_, i) => stage.hopSnrDb(80 + i)!);
    append((i) => hiss() + 2000 * Math.sin((2 * Math.PI * 800 * i) / 16_000), 20 * hopSamples);
    const loud = Array.from({ length: 16 }, (_, i) => stage.hopSnrDb(124 + i)!);
    expect(Math.max(...quiet)).toBeLessThan(9);
    expect(Math.min(...loud)).toBeGreaterThan(15);
    expect(stage.hopSnrDb(140)).toBeNull();
    expect(stage.hopSnrDb(140 - rememberedHops)).not.toBeNull();
    expect(stage.hopSnrDb(139 - rememberedHops)).toBeNull();
  });

  it("asks once a hop whether it may learn, and keeps its noise where it may not", () => {
    const asked: number[] = [];
    stage.mayLearn = (hopIndex) => {
      asked.push(hopIndex);
      return hopIndex < 60;
    };
    stage.configure(plainSettings, 0);
    append(noise(4, 300), 60 * hopSamples);
    const before = stage.noiseDb;
    append(noise(5, 6000), 60 * hopSamples);
    expect(stage.noiseDb).toBe(before);
    expect(asked).toEqual(Array.from({ length: 120 }, (_, i) => i));
  });

  it("gates noise by its floor, further for the far field, one hop behind", () => {
    const levels = (["near_field", "far_field"] as const).map((noiseReduction) => {
      const own = new SampleChain(memory, pool);
      chain = own;
      stage = new GateStage(memory, own, bank);
      written = 0;
      stage.configure({ ...kept, noiseReduction }, 0);
      append(noise(6, 2000), 32_000);
      const until = stage.gatedSample!;
      expect(until).toBe((Math.floor(32_000 / hopSamples) - 1) * hopSamples);
      expect(stage.neededFrom).toBe(until);
      const ratio =
        meanSquare(read(until - 8000, until, "raw")) / meanSquare(read(until - 8000, until, "gated"));
      stage.close();
      return 10 * Math.log10(ratio);
    });
    expect(levels[0]).toBeGreaterThan(11);
    expect(levels[0]).toBeLessThan(15.1);
    expect(levels[1]).toBeGreaterThan(levels[0]! + 2);
  });

  it("opens in the middle of a stream without a fade, and leaves what came before as it was", () => {
    stage.configure({ ...plainSettings, vad: null }, 0);
    const tone = (i: number) => 8000 * Math.sin((2 * Math.PI * 500 * i) / 16_000);
    append(tone, 5000);
    stage.configure(kept, written);
    const from = stage.gatedSample!;
    expect(from).toBe(Math.floor(5000 / hopSamples) * hopSamples);
    append(tone, 3000);
    expect(read(0, from, "gated")).toEqual(read(0, from, "raw"));
    // The tone is all that was ever heard, so the gate takes it for noise: lower, but no hole.
    const first = meanSquare(read(from, from + hopSamples, "gated"));
    const later = meanSquare(read(from + hopSamples, from + 4 * hopSamples, "gated"));
    expect(first / later).toBeGreaterThan(0.7);
    expect(first / later).toBeLessThan(1.5);
  });

  it("ends in the middle of a block with raw samples to the block's end", () => {
    stage.configure(kept, 0);
    append(noise(7, 3000), 3 * blockSamples + 700);
    const until = stage.gatedSample!;
    stage.configure({ ...plainSettings, vad: null }, written);
    append(noise(8, 3000), 3 * blockSamples);
    expect(stage.gatedSample).toBeNull();
    expect(read(until, written, "gated")).toEqual(read(until, written, "raw"));
    expect(read(until - 2000, until, "gated")).not.toEqual(read(until - 2000, until, "raw"));
  });

  it("shows a tone in its mel band before and after the gate, and begins anew with each take", () => {
    stage.configure({ ...kept, levelIntervalMs: 100 }, 0);
    append(() => 0, 32 * hopSamples);
    stage.takeBands();
    const hz = 1000;
    append((i) => 16_384 * Math.sin((2 * Math.PI * hz * i) / 16_000), 16 * hopSamples);
    const bands = stage.takeBands()!;
    const bin = hz / 31.25;
    const band = bandEdges.findIndex((edge, i) => edge <= bin && bin < bandEdges[i + 1]!);
    // Half of full scale is -6 dB, a sine's mean square 3 below its peak.
    expect(bands.rawDb[band]).toBeGreaterThan(-9.5);
    expect(bands.rawDb[band]).toBeLessThan(-8.8);
    expect(bands.gatedDb[band]).toBeGreaterThan(bands.rawDb[band]! - 1);
    expect(bands.rawDb).toHaveLength(16);
    expect(Math.max(...bands.rawDb.filter((_, i) => Math.abs(i - band) > 1))).toBeLessThan(-30);
    append(() => 0, 32 * hopSamples);
    stage.takeBands();
    append(() => 0, hopSamples);
    expect(Math.max(...stage.takeBands()!.rawDb)).toBeLessThan(-90);
  });

  it("shows bands also where it only listens, and none where nobody asked", () => {
    stage.configure({ ...plainSettings, levelIntervalMs: 100 }, 0);
    append(noise(9, 1000), 8000);
    const bands = stage.takeBands()!;
    expect(bands.gatedDb).toEqual(bands.rawDb);
    stage.configure(plainSettings, written);
    expect(stage.takeBands()).toBeNull();
  });
});
