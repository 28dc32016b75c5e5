import { describe, expect, it } from "vitest";
import { createHedges, mayHedge } from "../../gateway/resilience/hedge.ts";
import { createLatencyWindow, samplesForTail, samplesMax } from "../../gateway/resilience/latency-window.ts";
import { createFakeClock } from "../turn/fake-clock.ts";

describe("hedges", () => {
  const hundredCalls = (hedges: ReturnType<typeof createHedges>) => {
    for (let call = 0; call < 100; call += 1) hedges.earn();
  };

  it("are five of a hundred calls", () => {
    const hedges = createHedges({ enabled: true, limitUsdPerHour: null, clock: createFakeClock() });
    expect(hedges.take()).toBe(false);
    hundredCalls(hedges);
    expect(Array.from({ length: 6 }, () => hedges.take())).toEqual([true, true, true, true, true, false]);
  });

  it("are none when they are switched off", () => {
    const hedges = createHedges({ enabled: false, limitUsdPerHour: null, clock: createFakeClock() });
    hundredCalls(hedges);
    expect(hedges.take()).toBe(false);
  });

  it("stop at the cost of an hour, and go on when that hour is over", async () => {
    const clock = createFakeClock();
    const hedges = createHedges({ enabled: true, limitUsdPerHour: 1, clock });
    hundredCalls(hedges);
    hedges.spend(0.6);
    await clock.advance(30 * 60_000);
    expect(hedges.take()).toBe(true);
    hedges.spend(0.5);
    expect(hedges.spentUsd).toBeCloseTo(1.1);
    expect(hedges.take()).toBe(false);
    await clock.advance(31 * 60_000);
    expect(hedges.spentUsd).toBeCloseTo(0.5);
    expect(hedges.take()).toBe(true);
    await clock.advance(1_000 * 60_000);
    expect(hedges.spentUsd).toBe(0);
  });

  it("are never made of calls whose tools could run twice", () => {
    const tools = [{ name: "f" }];
    expect(mayHedge({ tools, toolChoice: "auto" })).toBe(false);
    expect(mayHedge({ tools, toolChoice: { name: "f" } })).toBe(false);
    expect(mayHedge({ tools, toolChoice: "none" })).toBe(true);
    expect(mayHedge({ tools: [], toolChoice: "auto" })).toBe(true);
    expect(mayHedge({ text: "a sentence" })).toBe(true);
  });
});

describe("a window of latencies", () => {
  it("says nothing before it can know a tail", () => {
    const window = createLatencyWindow();
    for (let call = 1; call < samplesForTail; call += 1) window.add(100);
    expect(window.quantileMs(0.95)).toBeNull();
    window.add(100);
    expect(window.quantileMs(0.95)).toBe(100);
  });

  it("knows its quantiles and forgets what is old", () => {
    const window = createLatencyWindow();
    for (let ms = 1; ms <= 100; ms += 1) window.add(ms);
    expect([window.quantileMs(0.5), window.quantileMs(0.95)]).toEqual([50, 95]);
    for (let call = 0; call < samplesMax; call += 1) window.add(7);
    expect([window.quantileMs(0.5), window.quantileMs(1)]).toEqual([7, 7]);
  });
});
