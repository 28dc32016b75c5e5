import { describe, expect, it } from "vitest";
import {
  addScores,
  areaUnderCurve,
  decidedDelaysMs,
  edgeDelaysMs,
  errorRatios,
  findStretches,
  labelWindows,
  rocCurve,
  type Scores,
  windowSamples,
  withCollar,
} from "./detection.ts";

/** A tone from one sample to another in a recording of `windows` windows. */
function makeRecording(windows: number, from: number, until: number): Float64Array {
  return Float64Array.from({ length: windows * windowSamples }, (_, i) =>
    i >= from && i < until ? 3000 * Math.sin(i / 5) : 0,
  );
}

const scoresOf = (speech: number[], others: number[]): Scores => ({ speech, others });

describe("labels", () => {
  it("say speech where at least half of a window is voiced", () => {
    const clean = makeRecording(8, 2 * windowSamples + 256, 5 * windowSamples + 128);
    expect([...labelWindows(clean, -24)]).toEqual([0, 0, 1, 1, 1, 0, 0, 0]);
  });

  it("aren't scored within two windows of a change", () => {
    const labels = Int8Array.from([0, 0, 0, 1, 1, 1, 1, 1, 1, 0]);
    expect([...withCollar(labels)]).toEqual([0, -1, -1, -1, -1, 1, 1, -1, -1, -1]);
  });

  it("find stretches, pauses of less than the gap inside", () => {
    const clean = makeRecording(60, 0, 0);
    for (const [from, until] of [
      [1280, 2560],
      [5120, 6400],
      [20_480, 21_760],
    ] as const) {
      clean.set(makeRecording(60, from, until).subarray(from, until), from);
    }
    expect(findStretches(clean, -24, 500)).toEqual([
      { from: 1280, until: 6400 },
      { from: 20_480, until: 21_760 },
    ]);
  });
});

describe("the area under the curve", () => {
  it("is 1 where all speech scores higher, 0 the other way round, a half for equal scores", () => {
    expect(areaUnderCurve(scoresOf([0.9, 0.8], [0.1, 0.2]))).toBe(1);
    expect(areaUnderCurve(scoresOf([0.1], [0.2, 0.3]))).toBe(0);
    expect(areaUnderCurve(scoresOf([0.5, 0.5], [0.5]))).toBe(0.5);
  });

  it("counts pairs in the right order", () => {
    // Of six pairs four are right and one is even.
    expect(areaUnderCurve(scoresOf([0.3, 0.7], [0.2, 0.3, 0.6]))).toBeCloseTo(4.5 / 6, 12);
  });

  it("is what the points of the curve enclose", () => {
    const speech = Array.from({ length: 400 }, (_, i) => ((i * 37) % 400) / 400);
    const others = Array.from({ length: 300 }, (_, i) => (((i * 61) % 300) / 300) ** 2);
    const points = rocCurve(scoresOf(speech, others), 2000);
    let area = 0;
    for (let i = 1; i < points.length; i++) {
      const width = points[i]!.falseRatio - points[i - 1]!.falseRatio;
      area += (width * (points[i]!.hitRatio + points[i - 1]!.hitRatio)) / 2;
    }
    expect(area).toBeCloseTo(areaUnderCurve(scoresOf(speech, others)), 2);
  });
});

describe("errors at a threshold", () => {
  it("count speech under it and the rest at or above it", () => {
    const scores = scoresOf([], []);
    addScores(scores, Int8Array.from([1, 1, -1, 0, 0, 0, 0, 1]), [0.9, 0.4, 0.9, 0.5, 0.1, 0.1, 0.1]);
    expect(errorRatios(scores, 0.5)).toEqual({ missRatio: 2 / 3, falseRatio: 0.25 });
  });
});

describe("edges", () => {
  const stretch = { from: 1000, until: 3000 };
  const hysteresis = { on: 0.5, off: 0.35 };

  it("are known at the end of the window that tells", () => {
    const ratios = [0.1, 0.2, 0.6, 0.9, 0.9, 0.9, 0.4, 0.3, 0.1];
    expect(edgeDelaysMs(stretch, ratios, hysteresis)).toEqual({
      onsetMs: (3 * 512 - 1000) / 16,
      offsetMs: (8 * 512 - 3000) / 16,
    });
  });

  it("are missing where nothing was noticed or nothing ended", () => {
    const never = edgeDelaysMs(stretch, new Array(60).fill(0.1), hysteresis);
    expect(never.onsetMs).toBeNull();
    expect(edgeDelaysMs(stretch, new Array(60).fill(0.9), hysteresis).offsetMs).toBeNull();
  });

  it("are the detector's own where it says so", () => {
    const edges = [
      { type: "onset", decidedAtSample: 2048 },
      { type: "pause", decidedAtSample: 5120 },
    ] as const;
    expect(decidedDelaysMs(stretch, edges)).toEqual({
      onsetMs: (2048 - 1000) / 16,
      offsetMs: (5120 - 3000) / 16,
    });
    // It held on over the pause before: nothing new begins.
    expect(decidedDelaysMs({ from: 4000, until: 4500 }, edges).onsetMs).toBeNull();
    expect(decidedDelaysMs({ from: 90_000, until: 91_000 }, edges)).toEqual({
      onsetMs: null,
      offsetMs: null,
    });
  });
});
