/** The journal as others read it. */
import { describe, expect, it } from "vitest";
import type { Drill } from "../../loadtest/drills/drill.ts";
import { drills } from "../../loadtest/drills/drills.ts";
import { experimentOf, writeJournal } from "../../loadtest/drills/journal.ts";
import { atMost, type Probe, probeAnswered, probeTurns } from "../../loadtest/drills/measures.ts";
import type { DrillRun } from "../../loadtest/drills/runner.ts";
import type { Verdict } from "../../loadtest/drills/verdict.ts";
import { complainOfExperiment, complainOfJournal } from "./chaos-toolkit-rules.ts";

const startedAtMs = Date.UTC(2026, 0, 1);

function runOf(drill: Drill): DrillRun {
  const phases = (["before", "during", "after"] as const).map((phase, index) => ({
    phase,
    startedAtMs: startedAtMs + index * 1000,
    endedAtMs: startedAtMs + index * 1000 + 900,
  }));
  const clearedAtMs = startedAtMs + 1950;
  return {
    ...{ drill, seed: 1, sessions: 1, startedAtMs, endedAtMs: startedAtMs + 3000, phases, clearedAtMs },
    faults: [
      { atMs: startedAtMs + 1000, standin: "gemini", fault: { kind: "cut", afterPieces: 4 } },
      { atMs: clearedAtMs, standin: "gemini", fault: null },
    ],
    ...{ turns: [], calls: [], callers: [], errors: [], closedEarly: 0, refusals: [], exit: 0, log: "" },
    health: { healthy: true, latenessP99Ms: 1 } as DrillRun["health"],
  };
}

const well = [atMost("turns lost", 0, "", 0), atMost("first sound, median", 650, "ms", null)];
const ill = [atMost("turns lost", 2, "", 0)];

function journalOf(states: { before?: Probe[]; during?: Probe[]; after?: Probe[] }) {
  const given = { before: well, during: well, after: well, ...states };
  const isDeviated = Object.values(given).some((probes) => probes.some(({ isMet }) => isMet === false));
  const verdict: Verdict = { ...given, failovers: [], isDeviated, isInconclusive: false };
  return writeJournal(runOf(drills.find(({ name }) => name === "ai-cut")!), verdict);
}

describe("the journal of a drill", () => {
  it.each(drills.map((drill) => [drill.name, drill] as const))("%s holds a valid experiment", (_, drill) => {
    expect(complainOfExperiment(experimentOf(drill, 1, 5))).toEqual([]);
  });

  it("is read by Chaos Toolkit's rules, whatever held", () => {
    const numbers = [...probeTurns([], drills[0]!.tolerances), probeAnswered([], 1000, 2)];
    for (const probes of [well, ill, numbers]) {
      expect(complainOfJournal(journalOf({ before: probes }))).toEqual([]);
      expect(complainOfJournal(journalOf({ during: probes }))).toEqual([]);
      expect(complainOfJournal(journalOf({ after: probes }))).toEqual([]);
    }
  });

  it("has deviated when the hypothesis broke under the faults or after them, not before", () => {
    expect(journalOf({}).deviated).toBe(false);
    const before = journalOf({ before: ill });
    expect(before.deviated).toBe(false);
    expect(before.steady_states.before.steady_state_met).toBe(false);
    expect(journalOf({ during: ill }).deviated).toBe(true);
    expect(journalOf({ after: ill }).deviated).toBe(true);
  });

  it("gives bounds as ranges: a number alone would be the only one that is right", () => {
    const least = probeAnswered([], 1000, 2);
    const { run } = journalOf({ during: [atMost("gap", 40, "ms", 500), least] });
    expect(run.map(({ activity }) => activity.tolerance)).toEqual([
      undefined,
      { type: "range", range: [0, 500] },
      { type: "range", range: [2, Number.MAX_SAFE_INTEGER] },
    ]);
  });

  it("holds no number to a hypothesis that is only shown, and keeps it", () => {
    const { steady_states, run, parley } = journalOf({});
    expect(steady_states.before.probes.map(({ activity }) => activity.name)).toEqual(["turns lost"]);
    expect(run.map(({ activity }) => activity.name)).toContain("first sound, median");
    expect(parley.shown).toMatchObject({ before: [{ name: "first sound, median", value: 650, unit: "ms" }] });
  });

  it("tells what was put on, and what was taken off at the end", () => {
    const { run, rollbacks } = journalOf({});
    expect(run[0]).toMatchObject({ activity: { type: "action", name: "gemini: cut" } });
    expect(rollbacks).toMatchObject([{ activity: { name: "gemini: well" }, output: null }]);
  });

  it("counts each pause of the method from the step before", () => {
    const experiment = experimentOf(drills.find(({ name }) => name === "half-open-under-load")!, 1, 5);
    expect(experiment.method.map(({ pauses }) => pauses?.before ?? 0)).toEqual([0, 7, 5]);
  });
});
