import { describe, expect, it } from "vitest";
import { standinsOf, strict } from "../../loadtest/drills/drill.ts";
import { drills } from "../../loadtest/drills/drills.ts";
import { experimentOf } from "../../loadtest/drills/journal.ts";
import { pairFailovers, percentileOf, probeTurns } from "../../loadtest/drills/measures.ts";
import type { CallRecord } from "../../loadtest/standins/call-record.ts";
import { faultKinds, parseFault } from "../../loadtest/standins/faults.ts";

describe("the drills", () => {
  it("are at least 24, with names of their own and one canary", () => {
    expect(drills.length).toBeGreaterThanOrEqual(25);
    expect(new Set(drills.map((drill) => drill.name)).size).toBe(drills.length);
    expect(drills.filter((drill) => drill.isCanary)).toHaveLength(1);
  });

  it("put only faults on that stand-ins know, and only on those in their chains", () => {
    for (const drill of drills) {
      for (const { standins, fault } of drill.steps) {
        if (fault !== null) expect(parseFault(fault)).toEqual(fault);
        for (const name of standins) expect(standinsOf(drill), drill.name).toContain(name);
      }
    }
  });

  it("have every fault of the stand-ins among them", () => {
    const used = new Set(drills.flatMap((drill) => drill.steps.flatMap(({ fault }) => fault?.kind ?? [])));
    expect(faultKinds.filter((kind) => !used.has(kind))).toEqual([]);
  });

  it("are written down as experiments", () => {
    const experiment = experimentOf(drills[0]!, 7, 5);
    expect(Object.keys(experiment)).toEqual(
      expect.arrayContaining([
        "version",
        "title",
        "description",
        "tags",
        "steady-state-hypothesis",
        "method",
        "rollbacks",
      ]),
    );
    expect(experiment.configuration).toMatchObject({ seed: 7, sessions: 5 });
  });
});

describe("probeTurns", () => {
  it("is not met by a phase in which nobody spoke", () => {
    expect(probeTurns([], strict).some((probe) => probe.isMet === false)).toBe(true);
  });
});

describe("percentileOf", () => {
  it("takes the nearest rank, and nothing of nothing", () => {
    expect(percentileOf([5, 1, 3, 2, 4], 0.5)).toBe(3);
    expect(percentileOf([1, 2], 0.95)).toBe(2);
    expect(percentileOf([], 0.5)).toBeNull();
  });
});

describe("pairFailovers", () => {
  const call = (
    id: number,
    standin: CallRecord["standin"],
    startedAtMs: number,
    more: object,
  ): CallRecord => ({
    ...{ id, standin, startedAtMs, firstMs: null, durationMs: 100, outcome: "completed", fault: null },
    detail: {},
    ...more,
  });

  it("pairs a broken call with the next vendor's for the same words", () => {
    const calls = [
      call(1, "google-tts", 0, {
        fault: "cut",
        outcome: "failed",
        detail: { text: "One two three four five six." },
      }),
      call(2, "elevenlabs", 90, { detail: { text: "Something else altogether, I believe." } }),
      call(3, "elevenlabs", 120, { detail: { text: "three four five six." } }),
    ];
    const [failover, ...more] = pairFailovers(calls);
    expect(failover).toMatchObject({
      standin: "google-tts",
      next: "elevenlabs",
      detectionMs: 100,
      failoverMs: 20,
    });
    expect(more).toEqual([]);
  });

  it("pairs nothing with a call of another kind, or with one long after", () => {
    const broken = call(1, "gemini", 0, { fault: "hang", outcome: "cancelled" });
    expect(pairFailovers([broken, call(2, "elevenlabs", 110, {})])).toEqual([]);
    expect(pairFailovers([broken, call(2, "claude", 9000, {})])).toEqual([]);
  });
});
