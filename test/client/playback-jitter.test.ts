/** The jitter buffer in simulated time: a server that paces in real time, a network that delays by chance. */
import { describe, expect, it } from "vitest";
import { defaultJitter } from "../../client/jitter-target.ts";
import { PlaybackQueue } from "../../client/playback-queue.ts";
import { SeededRandom } from "../support/random.ts";

const rateHz = 24_000;

interface Run {
  /** How long one reply lasts, and how many follow each other. */
  replyMs: number;
  replies: number;
  /** Audio in one message. */
  pieceMs: number;
  /** Each message is late by up to that, in order (it is one TCP stream). */
  jitterMs: number;
  /** How far ahead of real time the server sends. */
  aheadMs?: number;
  seed: number;
}

interface Result {
  /** Samples of silence inside replies. */
  gapSamples: number;
  underruns: number;
  soundingSamples: number;
  /** From the first audio's arrival to its sound, by reply. */
  startDelaysMs: number[];
  jitterMs: number;
}

function simulate(run: Run): Result {
  const random = new SeededRandom(run.seed);
  const queue = new PlaybackQueue({
    sampleRateHz: rateHz,
    jitter: defaultJitter,
    maxBufferedMs: 600_000,
    maxStarvedMs: 15_000,
  });
  const result: Result = { gapSamples: 0, underruns: 0, soundingSamples: 0, startDelaysMs: [], jitterMs: 0 };
  const block = new Float32Array(128);
  let nowMs = 0;
  for (let reply = 0; reply < run.replies; reply++) {
    const itemId = `item_${reply}`;
    const arrivals = arrivalsOf(run, random).map(({ atMs, fromMs }) => ({ atMs: atMs + nowMs, fromMs }));
    const firstAtMs = arrivals[0]!.atMs;
    let begun = false;
    let over = false;
    while (!over) {
      for (let next = arrivals[0]; next && next.atMs <= nowMs; next = arrivals[0]) {
        arrivals.shift();
        const pcm = new Int16Array((run.pieceMs * rateHz) / 1000).fill(1000);
        expect(queue.push({ itemId, contentIndex: 0, fromMs: next.fromMs, pcm })).toBe(true);
        if (arrivals.length === 0) queue.finish(itemId);
      }
      for (const event of queue.read(block)) {
        if (event.type === "started") {
          begun = true;
          result.startDelaysMs.push(nowMs - firstAtMs);
        }
        if (event.type === "underrun") result.underruns++;
        if (event.type === "drained") over = true;
      }
      const sounding = block.reduce((sum, sample) => sum + (sample === 0 ? 0 : 1), 0);
      result.soundingSamples += sounding;
      if (begun && !over) result.gapSamples += block.length - sounding;
      nowMs += (block.length * 1000) / rateHz;
    }
  }
  result.jitterMs = queue.jitterMs;
  return result;
}

function arrivalsOf(run: Run, random: SeededRandom): { atMs: number; fromMs: number }[] {
  const arrivals: { atMs: number; fromMs: number }[] = [];
  let previousMs = 0;
  for (let fromMs = 0; fromMs < run.replyMs; fromMs += run.pieceMs) {
    // A piece is there once all of it was spoken.
    const sentMs = Math.max(0, fromMs + run.pieceMs - (run.aheadMs ?? 0));
    previousMs = Math.max(previousMs, sentMs + random.next() * run.jitterMs);
    arrivals.push({ atMs: previousMs, fromMs });
  }
  return arrivals;
}

describe("PlaybackQueue on a network with 80 ms of jitter", () => {
  it.each([20, 40, 100])("plays 60 s of speech in pieces of %i ms without a gap", (pieceMs) => {
    for (let seed = 1; seed <= 8; seed++) {
      const result = simulate({ replyMs: 60_000, replies: 1, pieceMs, jitterMs: 80, seed });
      expect(result, `seed ${seed}`).toMatchObject({ gapSamples: 0, underruns: 0 });
      expect(result.soundingSamples).toBe(60 * rateHz);
    }
  });

  it("plays many replies in a row without a gap: it doesn't unlearn the jitter", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const result = simulate({ replyMs: 6_000, replies: 20, pieceMs: 20, jitterMs: 80, seed });
      expect(result, `seed ${seed}`).toMatchObject({ gapSamples: 0, underruns: 0 });
    }
  });

  it("holds a reply back by 120 ms at most, and not at all when the server sends ahead", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const slow = simulate({ replyMs: 2_000, replies: 1, pieceMs: 100, jitterMs: 80, seed });
      expect(slow.startDelaysMs[0]).toBeLessThan(defaultJitter.startMs + 12);
      const ahead = simulate({
        replyMs: 10_000,
        replies: 1,
        pieceMs: 100,
        jitterMs: 0,
        aheadMs: 2_000,
        seed,
      });
      expect(ahead.startDelaysMs[0]).toBeLessThan(6);
      expect(ahead.underruns).toBe(0);
    }
  });

  it("learns a jitter that it didn't expect: the gaps stop", () => {
    const seed = 7;
    const result = simulate({ replyMs: 60_000, replies: 1, pieceMs: 20, jitterMs: 240, seed });
    expect(result.underruns).toBeGreaterThan(0);
    expect(result.underruns).toBeLessThan(8);
    expect(result.jitterMs).toBeGreaterThan(200);
    expect(result.jitterMs).toBeLessThanOrEqual(400);
  });
});
