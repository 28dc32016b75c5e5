import { describe, expect, it } from "vitest";
import { assumedCouplingDb, EchoGuard, marginDb } from "../../../workers/audio/echo-guard.ts";
import {
  maxReferenceCall,
  ReferenceTrack,
  referenceFrames,
  silentDb,
} from "../../../workers/audio/reference-track.ts";
import { seeded } from "./signals.ts";

const hopSamples = 256;
const noiseDb = -70;

describe("the reference track", () => {
  it("gives back what was put, and silence around it", () => {
    const track = new ReferenceTrack();
    track.put(10 * hopSamples, Float32Array.of(-20, -21, -22));
    expect([9, 10, 11, 12, 13].map((frame) => track.at(frame))).toEqual([silentDb, -20, -21, -22, silentDb]);
    track.put(15 * hopSamples + 100, Float32Array.of(-30));
    expect([12, 13, 14, 15, 16].map((frame) => track.at(frame))).toEqual([
      -22,
      silentDb,
      silentDb,
      -30,
      silentDb,
    ]);
  });

  it("forgets what a flush replaces", () => {
    const track = new ReferenceTrack();
    track.put(0, new Float32Array(100).fill(-20));
    track.put(40 * hopSamples, new Float32Array(0));
    expect([39, 40, 99].map((frame) => track.at(frame))).toEqual([-20, silentDb, silentDb]);
    track.put(60 * hopSamples, Float32Array.of(-25));
    expect([45, 59, 60].map((frame) => track.at(frame))).toEqual([silentDb, silentDb, -25]);
  });

  it("remembers a bounded stretch, however far the next piece lies", () => {
    const track = new ReferenceTrack();
    track.put(0, new Float32Array(200).fill(-20));
    track.put(1_000_000 * hopSamples, Float32Array.of(-25));
    for (let frame = 999_000; frame < 1_000_000; frame++) expect(track.at(frame)).toBe(silentDb);
    expect(track.at(1_000_000)).toBe(-25);
    expect(track.snapshot().framesDb.length).toBe(referenceFrames);
    const copy = new ReferenceTrack();
    copy.restore(track.snapshot());
    expect(copy.at(1_000_000)).toBe(-25);
  });

  it("takes what isn't a level for silence, and refuses what can't be", () => {
    const track = new ReferenceTrack();
    track.put(0, Float32Array.of(Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 12));
    expect([0, 1, 2, 3].map((frame) => track.at(frame))).toEqual([silentDb, silentDb, 0, 0]);
    expect(() => track.put(-1, new Float32Array(1))).toThrow(RangeError);
    expect(() => track.put(Number.NaN, new Float32Array(1))).toThrow(RangeError);
    expect(() => track.put(0, new Float32Array(maxReferenceCall + 1))).toThrow(RangeError);
  });
});

/** Levels of speech: syllables of 200 ms with pauses. */
function syllables(frames: number, levelDb: number, seed: number): Float32Array {
  const random = seeded(seed);
  const levels = new Float32Array(frames).fill(silentDb);
  for (let at = 0; at < frames; ) {
    const length = 8 + Math.floor(random() * 8);
    const loud = levelDb + 8 * (random() - 0.5);
    for (let i = 0; i < length && at + i < frames; i++)
      levels[at + i] = loud - 12 * Math.abs(i / length - 0.5) - 3 * random();
    at += length + Math.floor(random() * 5);
  }
  return levels;
}

const powerSum = (...levels: number[]): number =>
  10 * Math.log10(levels.reduce((sum, level) => sum + 10 ** (level / 10), 0));

interface Room {
  couplingDb: number;
  delayHops: number;
  seed?: number;
}

/** Plays some seconds of speech; what is heard in hop h is its echo, noise, and what `talkerDb` says. */
function play(
  guard: EchoGuard,
  room: Room,
  from: number,
  hops: number,
  talkerDb: (hop: number) => number = () => silentDb,
): { heard: number; firstHeard: number } {
  const levels = syllables(hops, -20, room.seed ?? 1);
  for (let at = 0; at < hops; at += 100)
    guard.track.put((from + at) * hopSamples, levels.subarray(at, at + 100));
  let heard = 0;
  let firstHeard = -1;
  for (let hop = from; hop < from + hops + 60; hop++) {
    const played = levels[hop - from - room.delayHops] ?? silentDb;
    guard.push(hop, powerSum(played + room.couplingDb, noiseDb, talkerDb(hop)), noiseDb, false);
    if (!guard.isNear(hop + 1, false)) continue;
    if (!guard.isPlaying(hop)) continue;
    heard += 1;
    if (firstHeard < 0) firstHeard = hop;
  }
  return { heard, firstHeard };
}

function enabled(): EchoGuard {
  const guard = new EchoGuard();
  guard.enabled = true;
  return guard;
}

describe("the echo guard", () => {
  it("lets no echo pass from the first one on, and learns how loud and how late it comes", () => {
    for (const couplingDb of [-10, -20, -30]) {
      for (const delayHops of [3, 9, 25]) {
        const guard = enabled();
        expect(play(guard, { couplingDb, delayHops }, 100, 400).heard).toBe(0);
        expect(Math.abs(guard.couplingDb! - couplingDb)).toBeLessThanOrEqual(3);
        expect(guard.delayMs).toBe(delayHops * 16);
        expect(play(guard, { couplingDb, delayHops, seed: 2 }, 900, 400).heard).toBe(0);
      }
    }
  });

  it("hears the talker over a known echo within 160 ms", () => {
    const guard = enabled();
    const room = { couplingDb: -20, delayHops: 9 };
    play(guard, room, 100, 400);
    const { firstHeard } = play(guard, { ...room, seed: 3 }, 900, 400, (hop) =>
      hop >= 1100 ? -26 : silentDb,
    );
    expect(firstHeard).toBeGreaterThanOrEqual(1100);
    expect(firstHeard).toBeLessThan(1110);
  });

  it("doesn't take the talker for an echo: what is said over a reply leaves the coupling as it was", () => {
    const guard = enabled();
    const room = { couplingDb: -25, delayHops: 9 };
    play(guard, room, 100, 400);
    const before = guard.couplingDb!;
    const talker = syllables(200, -24, 9);
    play(guard, { ...room, seed: 4 }, 900, 400, (hop) => talker[hop - 1000] ?? silentDb);
    expect(Math.abs(guard.couplingDb! - before)).toBeLessThanOrEqual(3);
  });

  it("never expects more than it assumed where nothing proves an echo", () => {
    const guard = enabled();
    const talker = syllables(400, -18, 11);
    play(guard, { couplingDb: -90, delayHops: 9 }, 100, 400, (hop) => talker[hop - 100] ?? silentDb);
    expect(guard.couplingDb!).toBeLessThanOrEqual(assumedCouplingDb);
    expect(guard.delayMs).toBeNull();
  });

  it("expects nothing while nothing is played, and nothing when it is off", () => {
    const guard = enabled();
    expect(guard.echoDb(500)).toBe(Number.NEGATIVE_INFINITY);
    guard.track.put(500 * hopSamples, new Float32Array(50).fill(-20));
    expect(guard.echoDb(510)).toBeCloseTo(-20 + assumedCouplingDb + marginDb, 3);
    expect(guard.echoDb(700)).toBe(Number.NEGATIVE_INFINITY);
    guard.enabled = false;
    expect(guard.echoDb(510)).toBe(Number.NEGATIVE_INFINITY);
    expect(guard.isNear(510, false)).toBe(true);
  });
});
