import { describe, expect, it } from "vitest";
import { capsOf, standinsOf, strict } from "../../loadtest/drills/drill.ts";
import { drills } from "../../loadtest/drills/drills.ts";
import { impossibleFaults } from "../../loadtest/drills/fault-matrix.ts";
import { experimentOf } from "../../loadtest/drills/journal.ts";
import {
  type JudgedTurn,
  mostAtOnce,
  nearlyWorstOf,
  pairFailovers,
  percentileOf,
  probeAnswered,
  probeTurns,
} from "../../loadtest/drills/measures.ts";
import { chooseListened } from "../../loadtest/drills/runner.ts";
import type { CallRecord } from "../../loadtest/standins/call-record.ts";
import { faultKinds, parseFault } from "../../loadtest/standins/faults.ts";
import { registry } from "../../loadtest/standins/registry.ts";

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

  describe.each(["stt", "ai", "tts"] as const)("on the %s stage", (stage) => {
    const drilled = new Set(
      drills
        .flatMap(({ steps }) => steps)
        .filter(({ standins }) => standins.some((name) => registry[name].capability === stage))
        .flatMap(({ fault }) => fault?.kind ?? []),
    );
    const impossible = new Map(
      impossibleFaults.filter((one) => one.stage === stage).map(({ kind, why }) => [kind, why]),
    );

    it.each(faultKinds)("have %s, or say why it can't be", (kind) => {
      expect(drilled.has(kind)).toBe(!impossible.has(kind));
      if (impossible.has(kind)) expect(impossible.get(kind)).toMatch(/\w+ \w+ \w+/);
    });
  });

  it("tell each stage's usual deaths by the names that documents and checks use", () => {
    const names = drills.map(({ name }) => name);
    for (const name of ["ai-cut", "ai-hang", "tts-cut", "tts-stall", "stt-cut", "stt-empty", "region"]) {
      expect(names).toContain(name);
    }
  });

  it("know the caps that they set", () => {
    const crowd = drills.find(({ name }) => name === "tts-capped-crowd")!;
    expect(capsOf(crowd)).toEqual([{ standin: "google-tts", inFlight: 20 }]);
    expect(capsOf(drills[0]!)).toEqual([]);
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

const turnOf = (more: Partial<JudgedTurn>): JudgedTurn => ({
  ...{ question: "", transcript: "", reply: "", heard: "", status: "completed", providers: [], voices: [] },
  ...{ parts: [], startedAtMs: 0, isSilent: false, isLost: false, missing: [], repeated: [], fragments: [] },
  ...{ missingOfAnswer: [], repeatedOfAnswer: [], unheard: [], gapMs: 0, firstSoundMs: 500, switches: 0 },
  ...{ foreignOfAnswer: [], misunderstood: [], isHistoryUnread: false, forgotten: [], interruption: null },
  ...{ caller: 0, phase: "during", toolCalls: 0, isNewcomer: false, isListenedTo: true },
  ...more,
});
const isMet = (turns: JudgedTurn[], name: string, tolerances = strict) =>
  probeTurns(turns, tolerances).find((probe) => probe.name.startsWith(name))?.isMet;

describe("of a crowd's turns", () => {
  it("so many of each phase are listened to, evenly spread, and all of the callers whose sound is kept", () => {
    const crowd = Array.from({ length: 900 }, (_, index) => {
      return { phase: index < 300 ? "before" : "during", caller: index % 300 };
    });
    const listened = chooseListened(crowd, 60);
    const counted = (phase: string) =>
      crowd.filter((turn, index) => listened[index] && turn.phase === phase && turn.caller >= 10).length;
    expect(listened.slice(0, 10)).toEqual(new Array(10).fill(true));
    expect([counted("before"), counted("during")].every((count) => count > 50 && count <= 60)).toBe(true);
    expect(chooseListened(crowd.slice(0, 40), 60)).toEqual(new Array(40).fill(true));
  });

  it("those that were not listened to say nothing of gaps, and the report tells how many were", () => {
    const turns = [turnOf({ gapMs: 40 }), turnOf({ isListenedTo: false, isSilent: true })];
    const probes = probeTurns(turns, strict);
    expect(probes.find(({ name }) => name === "turns listened to")?.value).toBe(1);
    expect(probes.find(({ name }) => name === "silent turns")?.value).toBe(1);
    expect(probes.find(({ name }) => name === "gap in a reply, median")?.value).toBe(40);
  });
});

describe("probeTurns", () => {
  it("is not met by a phase in which nobody spoke", () => {
    expect(probeTurns([], strict).some((probe) => probe.isMet === false)).toBe(true);
  });

  it("judges the median gap", () => {
    expect(isMet([turnOf({}), turnOf({}), turnOf({ gapMs: 400 })], "gap in a reply, median")).toBe(true);
    expect(isMet([turnOf({}), turnOf({ gapMs: 90 }), turnOf({ gapMs: 90 })], "gap in a reply, median")).toBe(
      false,
    );
  });

  it("permits a repeated word for a change of voice only", () => {
    const tolerances = { ...strict, repeatedWordsPerSwitch: 1 };
    const failedEar = { stage: "stt", provider: "google", outcome: "failed" };
    const repeated = { repeated: ["word"], providers: [failedEar] };
    expect(isMet([turnOf({ ...repeated, switches: 1 })], "repeated words", tolerances)).toBe(true);
    expect(isMet([turnOf({ ...repeated, switches: 0 })], "repeated words", tolerances)).toBe(false);
  });
});

describe("what a turn must not do", () => {
  it.each([
    ["histories that could not be read", { isHistoryUnread: true }],
    ["heard words that the history lacks", { forgotten: ["river"] }],
    ["words of no answer", { foreignOfAnswer: ["sorry"] }],
    ["words misunderstood by vendors", { misunderstood: ["what"] }],
    ["interruptions ignored", { interruption: { isObeyed: false, afterMs: null } }],
    ["interruption obeyed after", { interruption: { isObeyed: true, afterMs: 16_000 } }],
  ])("is seen: %s", (name, more) => {
    expect(isMet([turnOf(more)], name)).toBe(false);
    const well = { interruption: { isObeyed: true, afterMs: 700 } };
    expect(isMet([turnOf(well)], name)).toBe(true);
  });

  it("is to interrupt nothing where nobody spoke over a reply", () => {
    expect(isMet([turnOf({})], "interruptions ignored")).toBeUndefined();
  });
});

describe("probeAnswered", () => {
  it("wants at least so many answers a second", () => {
    const turns = [turnOf({}), turnOf({}), turnOf({ isLost: true }), turnOf({ isSilent: true })];
    expect(probeAnswered(turns, 1000, 2)).toMatchObject({ value: 2, isMet: true });
    expect(probeAnswered(turns, 2000, 2)).toMatchObject({ value: 1, isMet: false });
    expect(probeAnswered([], 1000, 2).isMet).toBe(false);
  });
});

describe("percentileOf", () => {
  it("takes the nearest rank, and nothing of nothing", () => {
    expect(percentileOf([5, 1, 3, 2, 4], 0.5)).toBe(3);
    expect(percentileOf([1, 2], 0.95)).toBe(2);
    expect(percentileOf([], 0.5)).toBeNull();
    const fifteen = Array.from({ length: 15 }, (_, at) => at);
    expect(percentileOf(fifteen, 0.95)).toBe(14);
    expect(percentileOf([...fifteen, 15, 16, 17, 18, 19], 0.95)).toBe(18);
  });
});

describe("nearlyWorstOf", () => {
  it("leaves out one of few values and says so", () => {
    expect(nearlyWorstOf("gap", [3, 9, 1])).toEqual({ name: "gap, all but the worst", value: 3 });
    expect(nearlyWorstOf("gap", [3, 9])).toEqual({ name: "gap, worst", value: 9 });
    expect(nearlyWorstOf("gap", [])).toEqual({ name: "gap, worst", value: null });
  });

  it("calls a percentile only what is one", () => {
    const values = Array.from({ length: 40 }, (_, at) => at + 1);
    expect(nearlyWorstOf("gap", values)).toEqual({ name: "gap, p95", value: 38 });
  });
});

const call = (
  id: number,
  standin: CallRecord["standin"],
  startedAtMs: number,
  more: object = {},
): CallRecord => ({
  ...{ id, standin, startedAtMs, firstMs: null, durationMs: 100, outcome: "completed", fault: null },
  detail: {},
  ...more,
});

describe("mostAtOnce", () => {
  it("counts one vendor's calls that overlap, not those that follow", () => {
    const calls = [call(1, "google-tts", 0), call(2, "google-tts", 50), call(3, "google-tts", 100)];
    expect(mostAtOnce([...calls, call(4, "elevenlabs", 50)], "google-tts")).toBe(2);
    expect(mostAtOnce([...calls, call(5, "google-tts", 40, { durationMs: null })], "google-tts")).toBe(3);
    expect(mostAtOnce([], "google-tts")).toBe(0);
  });
});

describe("pairFailovers", () => {
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
