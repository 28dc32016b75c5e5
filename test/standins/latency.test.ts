import { describe, expect, it } from "vitest";
import { createChance } from "../../loadtest/standins/chance.ts";
import { defaultLatency, drawLatencyMs, latencyOf } from "../../loadtest/standins/latency.ts";

function percentileOf(values: number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * share)]!;
}

describe("drawLatencyMs", () => {
  it("has the percentiles that were given", () => {
    const random = createChance(7, "latency");
    const drawn = Array.from({ length: 20_000 }, () => drawLatencyMs(defaultLatency.first, random));
    expect(percentileOf(drawn, 0.5)).toBeGreaterThan(240);
    expect(percentileOf(drawn, 0.5)).toBeLessThan(260);
    expect(percentileOf(drawn, 0.95)).toBeGreaterThan(475);
    expect(percentileOf(drawn, 0.95)).toBeLessThan(525);
  });

  it("is constant when both percentiles are the same, and none when they are 0", () => {
    const random = createChance(1);
    expect(drawLatencyMs({ p50Ms: 30, p95Ms: 30 }, random)).toBe(30);
    expect(drawLatencyMs({ p50Ms: 0, p95Ms: 0 }, random)).toBe(0);
  });

  it("stays under 1.6 times p95", () => {
    const random = createChance(3);
    const drawn = Array.from({ length: 20_000 }, () => drawLatencyMs({ p50Ms: 10, p95Ms: 1000 }, random));
    expect(Math.max(...drawn)).toBeLessThanOrEqual(1600);
  });

  it("refuses percentiles that no distribution has", () => {
    const random = createChance(1);
    expect(() => drawLatencyMs({ p50Ms: 20, p95Ms: 10 }, random)).toThrow(RangeError);
    expect(() => drawLatencyMs({ p50Ms: Number.NaN, p95Ms: 10 }, random)).toThrow(RangeError);
    expect(() => drawLatencyMs({ p50Ms: 1, p95Ms: Number.POSITIVE_INFINITY }, random)).toThrow(RangeError);
  });
});

describe("latencyOf", () => {
  it("fills in what a vendor was not given", () => {
    const first = { p50Ms: 1, p95Ms: 2 };
    expect(latencyOf({ gemini: { first } }, "gemini")).toEqual({ first, piece: defaultLatency.piece });
    expect(latencyOf({ gemini: { first } }, "claude")).toEqual(defaultLatency);
  });
});
