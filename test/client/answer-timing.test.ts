/** What the wait for an answer is measured with: clock, voice and timer. */
import { describe, expect, it } from "vitest";
import { AnswerTimer } from "../../client/answer-timer.ts";
import { AudioClock } from "../../client/audio-clock.ts";
import { FrameCutter } from "../../client/frame-cutter.ts";
import { SpeechEdge } from "../../client/speech-edge.ts";
import { SeededRandom } from "../support/random.ts";
import { sayUtterance } from "../support/speech.ts";

const rateHz = 16_000;

describe("AnswerTimer", () => {
  it("measures from the last voiced moment of the turn to the first sound after it", () => {
    const timer = new AnswerTimer();
    timer.voiced(1000);
    timer.voiced(1020);
    timer.turnEnded();
    // A cough meanwhile belongs to the next turn.
    timer.voiced(1500);
    expect(timer.sounded(1820)).toBe(800);
    expect(timer.sounded(2000)).toBeNull();
  });

  it("says nothing where nobody spoke, or where it can't be", () => {
    const timer = new AnswerTimer();
    timer.turnEnded();
    expect(timer.sounded(500)).toBeNull();
    timer.voiced(1000);
    timer.turnEnded();
    expect(timer.sounded(900)).toBeNull();
    timer.voiced(1000);
    timer.turnEnded();
    expect(timer.sounded(70_000)).toBeNull();
    timer.voiced(1000);
    timer.reset();
    timer.turnEnded();
    expect(timer.sounded(1500)).toBeNull();
  });
});

describe("AudioClock", () => {
  it("finds the true offset behind late observations, and follows a drift", () => {
    const random = new SeededRandom(3);
    const clock = new AudioClock();
    expect(clock.toNowMs(1)).toBeNull();
    for (let atMs = 0; atMs < 60_000; atMs += 20) {
      // 100 ppm fast, and each observation up to 12 ms late.
      clock.observe((atMs * 1.0001) / 1000, 500 + atMs + random.next() * 12);
      if (atMs > 1000)
        expect(Math.abs(clock.toNowMs((atMs * 1.0001) / 1000)! - (500 + atMs))).toBeLessThan(2);
    }
  });

  it("begins anew when the context stood still", () => {
    const clock = new AudioClock();
    clock.observe(1, 1000);
    clock.observe(1.02, 61_000);
    expect(clock.toNowMs(2.02)).toBeCloseTo(62_000);
  });
});

/** Loudest-to-floor noise of that level, from a seed. */
function noise(samples: number, levelDb: number, seed: number): Float32Array {
  const random = new SeededRandom(seed);
  const peak = 10 ** (levelDb / 20) * Math.sqrt(3);
  return Float32Array.from({ length: samples }, () => (random.next() * 2 - 1) * peak);
}

/** The last voiced moment of a signal, in ms; null without one. */
function lastVoicedMs(signal: Float32Array): number | null {
  const edge = new SpeechEdge(rateHz);
  let last: number | null = null;
  for (let at = 0; at + 320 <= signal.length; at += 320) {
    const voiced = edge.push(signal.subarray(at, at + 320));
    if (voiced !== null) last = ((at + voiced) * 1000) / rateHz;
  }
  return last;
}

describe("SpeechEdge", () => {
  it.each([
    [-70, 60],
    [-55, 60],
    // A final stop consonant drowns.
    [-45, 120],
  ])("finds in noise of %i dBFS the end of speech within %i ms", async (noiseDb, withinMs) => {
    for (const [seed, words] of ["What is Parley?", "Tell me more about it.", "Stop."].entries()) {
      const { pcm } = await sayUtterance(words);
      const signal = noise(rateHz * 2 + pcm.length + rateHz, noiseDb, seed + 1);
      for (let i = 0; i < pcm.length; i++) signal[rateHz * 2 + i]! += pcm[i]! / 32768;
      const endMs = 2000 + (pcm.length * 1000) / rateHz;
      const foundMs = lastVoicedMs(signal);
      expect(foundMs, words).not.toBeNull();
      expect(Math.abs(foundMs! - endMs), `${words}: ${foundMs} instead of ${endMs}`).toBeLessThan(withinMs);
    }
  });

  it("hears no voice in silence, in steady noise or in a click", () => {
    expect(lastVoicedMs(new Float32Array(rateHz * 5))).toBeNull();
    expect(lastVoicedMs(noise(rateHz * 10, -40, 9))).toBeNull();
    const click = noise(rateHz * 5, -70, 4);
    click.set(noise(rateHz * 0.03, -10, 5), rateHz * 3);
    expect(lastVoicedMs(click)).toBeNull();
  });
});

describe("FrameCutter", () => {
  it("says how long before a frame's end its last voiced moment lies", () => {
    const cutter = new FrameCutter(48_000, rateHz, 20);
    const voicedMsAgo: (number | null)[] = [];
    const signal = new Float32Array(48_000);
    // 200 ms of a tone that ends 10 ms into a frame.
    for (let i = 0; i < 48 * 210; i++) signal[4800 + i] = 0.3 * Math.sin((2 * Math.PI * 300 * i) / 48_000);
    cutter.push(signal, (frame) => voicedMsAgo.push(frame.voicedMsAgo));
    const last = voicedMsAgo.findLastIndex((ago) => ago !== null);
    expect((last + 1) * 20 - voicedMsAgo[last]!).toBeGreaterThanOrEqual(305);
    expect((last + 1) * 20 - voicedMsAgo[last]!).toBeLessThanOrEqual(320);
    expect(cutter.delayMs).toBeGreaterThan(0);
  });
});
