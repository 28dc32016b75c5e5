import { Buffer } from "node:buffer";
import { beforeAll, describe, expect, it } from "vitest";
import { type GateBands, type GateWork, hopSamples, SpectralGate } from "../../../workers/audio/gate.ts";
import { GateBank, type HopFeed, type HopResult } from "../../../workers/audio/gate-bank.ts";
import { isGateFresh } from "../../../workers/audio/kernel/build.ts";
import { addNoise, layOut, meanSquare, seeded, speak } from "./signals.ts";

const floorDb = -15;
const hopInts = hopSamples / 2;

/** What a gate said of a signal, hop by hop. */
interface Outcome {
  /** Gated; as long as the signal less its last hop. */
  pcm: Int16Array;
  snrDb: number[];
  gainDb: number[];
  noiseDb: number[];
}

/** A signal on a lane of the bank. */
class SignalFeed implements HopFeed {
  isWaiting = false;
  work: GateWork;
  readonly lane: number;
  readonly hops: number;
  readonly outcome: Outcome;
  learns: (hopIndex: number) => boolean = () => true;
  next = 0;
  ready = 0;
  private readonly ints: Int32Array;

  constructor(bank: GateBank, signal: Int16Array, work: GateWork = "process") {
    this.work = work;
    this.lane = bank.openLane();
    bank.setFloor(this.lane, floorDb);
    this.hops = Math.floor(signal.length / hopSamples);
    this.ints = new Int32Array(signal.slice(0, this.hops * hopSamples).buffer);
    this.outcome = {
      pcm: new Int16Array((this.hops - 1) * hopSamples),
      snrDb: [],
      gainDb: [],
      noiseDb: [],
    };
  }

  get hasHop(): boolean {
    return this.next < this.ready;
  }

  giveHop(bank: GateBank): void {
    const hop = this.next++;
    bank.takeHop(this, this.lane, this.ints, hop * hopInts, hop, this.learns(hop), true);
  }

  takeResult(hopIndex: number, result: HopResult): void {
    const { pcm, snrDb, gainDb, noiseDb } = this.outcome;
    snrDb.push(10 * Math.log10(result.snrRatio));
    gainDb.push(10 * Math.log10(result.energyRatio));
    noiseDb.push(result.noiseDb);
    if (this.work !== "process" || hopIndex === 0) return;
    const gated = result.gated.slice(result.gatedAt, result.gatedAt + hopInts);
    pcm.set(new Int16Array(gated.buffer), (hopIndex - 1) * hopSamples);
  }
}

/** Lets feeds have one hop more, or as many as `amount` says, until all are through. */
function runAll(bank: GateBank, feeds: SignalFeed[], amount: () => number = () => 1): void {
  while (feeds.some((feed) => feed.next < feed.hops)) {
    for (const feed of feeds) {
      feed.ready = Math.min(feed.hops, feed.ready + amount());
      if (feed.hasHop) bank.enqueue(feed);
    }
    bank.run();
  }
}

function runKernel(signal: Int16Array): { outcome: Outcome; bands: GateBands } {
  const bank = new GateBank(1);
  const feed = new SignalFeed(bank, signal);
  runAll(bank, [feed]);
  return { outcome: feed.outcome, bands: bank.takeBands(feed.lane) };
}

function runTwin(signal: Int16Array): { outcome: Outcome; bands: GateBands } {
  const gate = new SpectralGate(floorDb);
  const hops = Math.floor(signal.length / hopSamples);
  const outcome: Outcome = {
    pcm: new Int16Array((hops - 1) * hopSamples),
    snrDb: [],
    gainDb: [],
    noiseDb: [],
  };
  for (let hop = 0; hop < hops; hop++) {
    const target = hop === 0 ? undefined : outcome.pcm;
    gate.push(signal, hop * hopSamples, { work: "process", sumsBands: true }, target, (hop - 1) * hopSamples);
    outcome.snrDb.push(10 * Math.log10(gate.snrRatio));
    outcome.gainDb.push(10 * Math.log10(gate.energyRatio));
    outcome.noiseDb.push(gate.noiseDb);
  }
  return { outcome, bands: gate.takeBands() };
}

/** To the bit; typed arrays compared as bytes, which is a hundred times faster. */
function expectSame(actual: Outcome, expected: Outcome, what?: string): void {
  const { pcm, ...heard } = actual;
  const { pcm: expectedPcm, ...expectedHeard } = expected;
  expect(heard, what).toEqual(expectedHeard);
  const bytes = (samples: Int16Array) => Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  expect(bytes(pcm).equals(bytes(expectedPcm)), what).toBe(true);
}

function furthest(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

const signals = new Map<string, Int16Array>();

beforeAll(async () => {
  const scene = layOut([await speak("The quick brown fox jumps over the lazy dog.")], 700);
  const random = seeded(21);
  const length = 48_000;
  signals.set("speech alone", scene.pcm);
  signals.set("speech in white noise", addNoise(scene, "white", 5, 3).pcm);
  signals.set("speech in pink noise", addNoise(scene, "pink", 10, 4).pcm);
  signals.set("digital silence", new Int16Array(length));
  signals.set("a constant", new Int16Array(length).fill(12_000));
  signals.set(
    "a square of full scale",
    Int16Array.from({ length }, (_, i) => (i % 40 < 20 ? 32_767 : -32_768)),
  );
  signals.set(
    "random samples of full scale",
    Int16Array.from({ length }, () => Math.floor(random() * 65_536) - 32_768),
  );
  signals.set(
    "a whisper after a shout",
    Int16Array.from({ length }, (_, i) => Math.round((random() - 0.5) * (i < 16_000 ? 60_000 : 6))),
  );
});

describe("gate kernel", () => {
  it("is what its source makes", async () => {
    expect(await isGateFresh()).toBe(true);
  }, 60_000);

  it.each([
    "speech alone",
    "speech in white noise",
    "speech in pink noise",
    "digital silence",
    "a constant",
    "a square of full scale",
    "random samples of full scale",
    "a whisper after a shout",
  ])("agrees with its twin on %s", (name) => {
    const signal = signals.get(name)!;
    const kernel = runKernel(signal);
    const twin = runTwin(signal);
    let error = 0;
    for (let i = 0; i < twin.outcome.pcm.length; i++) {
      error += (twin.outcome.pcm[i]! - kernel.outcome.pcm[i]!) ** 2;
    }
    // Both round to whole samples: one of them may do so the other way where a value lies just between two.
    const meanError = error / twin.outcome.pcm.length;
    const allowed = Math.max(meanSquare(twin.outcome.pcm) * 1e-7, 2e-3);
    expect(meanError, "mean square of the difference").toBeLessThan(allowed);
    expect(furthest(kernel.outcome.snrDb, twin.outcome.snrDb), "sub-band SNR").toBeLessThan(0.01);
    expect(furthest(kernel.outcome.gainDb, twin.outcome.gainDb), "gain").toBeLessThan(0.01);
    expect(furthest(kernel.outcome.noiseDb, twin.outcome.noiseDb), "noise").toBeLessThan(0.01);
    expect(furthest(kernel.bands.rawDb, twin.bands.rawDb), "bands before").toBeLessThan(0.01);
    expect(furthest(kernel.bands.gatedDb, twin.bands.gatedDb), "bands after").toBeLessThan(0.01);
  });

  it("gives each lane the same, to the bit, alone and among others that come and go", () => {
    const all = [...signals.values()];
    const alone = all.map((signal) => runKernel(signal).outcome);
    for (const seed of [1, 2, 3]) {
      const random = seeded(seed);
      const bank = new GateBank(all.length);
      const feeds = all.map((signal) => new SignalFeed(bank, signal));
      runAll(bank, feeds, () => (random() < 0.4 ? 0 : Math.floor(random() * 4)));
      feeds.forEach((feed, i) => {
        expectSame(feed.outcome, alone[i]!, `seed ${seed}, lane ${i}`);
      });
    }
  });

  it("gives the same for many hops of one session at once, more than it takes in one go", () => {
    const signal = signals.get("speech in pink noise")!;
    const bank = new GateBank(2);
    const feeds = [new SignalFeed(bank, signal), new SignalFeed(bank, signal)];
    runAll(bank, feeds, () => 75);
    const { outcome } = runKernel(signal);
    for (const feed of feeds) expectSame(feed.outcome, outcome);
  });

  it("hears the same SNR and noise whether or not it also gates", () => {
    const signal = signals.get("speech in white noise")!;
    const bank = new GateBank(3);
    const [analysed, measured, processed] = (["analyse", "measure", "process"] as const).map(
      (work) => new SignalFeed(bank, signal, work),
    );
    runAll(bank, [analysed!, measured!, processed!]);
    const { pcm, ...heard } = processed!.outcome;
    expect(measured!.outcome).toMatchObject(heard);
    expect(analysed!.outcome.snrDb).toEqual(heard.snrDb);
    expect(analysed!.outcome.noiseDb).toEqual(heard.noiseDb);
    expect(analysed!.outcome.gainDb.every((gainDb) => gainDb === 0)).toBe(true);
    expect(measured!.outcome.pcm.every((sample) => sample === 0)).toBe(true);
    expect(meanSquare(pcm)).toBeGreaterThan(0);
  });

  it("learns nothing from hops that it may not learn from", () => {
    const random = seeded(31);
    const frozen = (hop: number) => hop >= 100 && hop < 260;
    const signal = Int16Array.from({ length: 400 * hopSamples }, (_, i) =>
      Math.round((random() - 0.5) * (frozen(Math.floor(i / hopSamples)) ? 20_000 : 200)),
    );
    const gate = new SpectralGate(floorDb);
    const bank = new GateBank(2);
    const held = new SignalFeed(bank, signal);
    held.learns = (hop) => !frozen(hop);
    const free = new SignalFeed(bank, signal);
    runAll(bank, [held, free]);
    const before = held.outcome.noiseDb[99]!;
    expect(held.outcome.noiseDb.slice(100, 260).every((noiseDb) => noiseDb === before)).toBe(true);
    expect(Math.min(...held.outcome.snrDb.slice(104, 260))).toBeGreaterThan(35);
    expect(Math.abs(held.outcome.noiseDb[399]! - before)).toBeLessThan(1);
    expect(free.outcome.noiseDb[259]!).toBeGreaterThan(before + 20);
    for (let hop = 0; hop < 400; hop++) {
      gate.push(signal, hop * hopSamples, { work: "analyse", learns: !frozen(hop) });
      expect(10 * Math.log10(gate.snrRatio)).toBeCloseTo(held.outcome.snrDb[hop]!, 3);
    }
  });

  it("forgets a first hop that it may not learn from", () => {
    const signal = signals.get("a whisper after a shout")!;
    const bank = new GateBank(1);
    const feed = new SignalFeed(bank, signal);
    feed.learns = (hop) => hop >= 64;
    runAll(bank, [feed]);
    expect(feed.outcome.noiseDb[70]!).toBeLessThan(-70);
  });

  it("starts a lane afresh when it is opened again", () => {
    const bank = new GateBank(1);
    const loud = new SignalFeed(bank, signals.get("random samples of full scale")!);
    runAll(bank, [loud]);
    expect(() => bank.openLane()).toThrow(RangeError);
    bank.closeLane(loud.lane);
    expect(bank.openLanes).toBe(0);
    const signal = signals.get("speech in white noise")!;
    const feed = new SignalFeed(bank, signal);
    expect(feed.lane).toBe(loud.lane);
    runAll(bank, [feed]);
    expectSame(feed.outcome, runKernel(signal).outcome);
  });

  it("grows with its lanes, keeps what they know, and stops at its limit", () => {
    const signal = signals.get("speech in pink noise")!;
    const bank = new GateBank(200);
    const first = new SignalFeed(bank, signal);
    const bytes = bank.memoryBytes;
    first.ready = 40;
    bank.enqueue(first);
    bank.run();
    const lanes = Array.from({ length: 199 }, () => bank.openLane());
    expect(new Set([...lanes, first.lane]).size).toBe(200);
    expect(bank.memoryBytes).toBeGreaterThan(bytes);
    expect(bank.memoryBytes).toBeLessThan(200 * 11_000 + 200_000);
    expect(() => bank.openLane()).toThrow(/200 lanes/);
    runAll(bank, [first]);
    expectSame(first.outcome, runKernel(signal).outcome);
  });
});
