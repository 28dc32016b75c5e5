import { describe, expect, it } from "vitest";
import { measureActiveLevel } from "./active-level.ts";

function makeTone(seconds: number, amplitude: number): Float64Array {
  return Float64Array.from(
    { length: seconds * 16_000 },
    (_, i) => amplitude * Math.sin((2 * Math.PI * 440 * i) / 16_000),
  );
}

function join(...pieces: Float64Array[]): Float64Array {
  return Float64Array.from(pieces.flatMap((piece) => [...piece]));
}

const quiet = (seconds: number) => new Float64Array(seconds * 16_000);

describe("the active speech level", () => {
  it("is the level of a tone that never stops", () => {
    const { levelDb, activityRatio } = measureActiveLevel(makeTone(10, 3276.8), 16_000);
    expect(levelDb).toBeCloseTo(-23.01, 1);
    expect(activityRatio).toBeGreaterThan(0.98);
  });

  it("does not fall where somebody is silent for long", () => {
    const { levelDb, activityRatio } = measureActiveLevel(join(makeTone(10, 3276.8), quiet(30)), 16_000);
    // 200 ms of hangover, and the envelope's own fall.
    expect(Math.abs(levelDb + 23.01)).toBeLessThan(0.3);
    expect(Math.abs(activityRatio - 0.26)).toBeLessThan(0.01);
  });

  it("counts pauses shorter than the hangover as speech", () => {
    const words = Array.from({ length: 20 }, () => [makeTone(0.5, 3276.8), quiet(0.125)]).flat();
    const { activityRatio } = measureActiveLevel(join(...words), 16_000);
    expect(activityRatio).toBeGreaterThan(0.97);
  });

  it("moves with the gain, decibel for decibel", () => {
    const loud = measureActiveLevel(join(makeTone(5, 10_000), quiet(5)), 16_000);
    const low = measureActiveLevel(join(makeTone(5, 1000), quiet(5)), 16_000);
    expect(loud.levelDb - low.levelDb).toBeCloseTo(20, 0);
  });

  it("is nowhere for silence", () => {
    expect(measureActiveLevel(quiet(1), 16_000)).toEqual({
      levelDb: Number.NEGATIVE_INFINITY,
      activityRatio: 0,
    });
  });
});
