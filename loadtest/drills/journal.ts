/** What is left of a drill: a journal in the shape that Chaos Toolkit writes, so that its readers read ours. */
import { hostname } from "node:os";
import type { Drill } from "./drill.ts";
import type { Failover, Probe } from "./measures.ts";
import { type DrillRun, firstVendors } from "./runner.ts";
import type { Verdict } from "./verdict.ts";

interface Activity {
  type: "action" | "probe";
  name: string;
  [more: string]: unknown;
}

export interface Journal {
  "chaoslib-version": string;
  platform: string;
  node: string;
  experiment: Record<string, unknown>;
  start: string;
  status: "completed" | "aborted";
  /** The hypothesis did not hold after the method. */
  deviated: boolean;
  steady_states: { before: unknown; during: unknown[]; after: unknown };
  run: unknown[];
  rollbacks: unknown[];
  end: string;
  /** Seconds. */
  duration: number;
  /** Ours: what the page and later tools need beside. */
  parley: Record<string, unknown>;
}

const shape = "1.0.0";

/** Timestamps as Chaos Toolkit writes them: UTC without a zone. */
function stamp(unixMs: number): string {
  return new Date(unixMs).toISOString().replace("Z", "000");
}

/** The experiment as it was run. */
export function experimentOf(drill: Drill, seed: number, sessions: number): Record<string, unknown> {
  const probes = Object.entries(drill.tolerances).map(([name, tolerance]) => ({
    type: "probe",
    name,
    tolerance: tolerance === null ? null : { type: "range", range: rangeOf(name, tolerance) },
    provider: { type: "process", path: "npm", arguments: ["run", "drill", "--", drill.name] },
  }));
  return {
    version: shape,
    title: drill.title,
    description: drill.hypothesis,
    tags: [...firstVendors(drill).map(({ stage, link }) => `${stage}:${link}`), drill.talk],
    configuration: { seed, sessions, chains: drill.chains, settings: drill.settings },
    "steady-state-hypothesis": { title: drill.hypothesis, probes },
    method: drill.steps.map(actionOf),
    rollbacks: [
      { type: "action", name: "take all faults off", provider: { type: "http", method: "DELETE" } },
    ],
  };
}

/** Tolerances are what may be at most, but for what must be answered at least. */
function rangeOf(name: string, tolerance: number): [number, number] {
  return name === "answeredPerSecond" ? [tolerance, Number.MAX_SAFE_INTEGER] : [0, tolerance];
}

function actionOf({ atMs, standins, fault }: Drill["steps"][number]): Activity {
  return {
    type: "action",
    name: `${fault === null ? "well again" : fault.kind}: ${standins.join(", ")}`,
    pauses: { before: atMs / 1000 },
    provider: { type: "http", method: fault === null ? "DELETE" : "PUT", arguments: { standins, fault } },
  };
}

function probed(probes: readonly Probe[], span: { startedAtMs: number; endedAtMs: number }): unknown[] {
  return probes.map((one) => ({
    activity: { type: "probe", name: one.name, tolerance: one.tolerance },
    output: one.value,
    unit: one.unit,
    status: "succeeded",
    tolerance_met: one.isMet !== false,
    start: stamp(span.startedAtMs),
    end: stamp(span.endedAtMs),
    duration: (span.endedAtMs - span.startedAtMs) / 1000,
  }));
}

/** Writes down a run and its verdict. */
export function writeJournal(run: DrillRun, verdict: Verdict): Journal {
  const span = (phase: string) =>
    run.phases.find((one) => one.phase === phase) ?? {
      startedAtMs: run.startedAtMs,
      endedAtMs: run.endedAtMs,
    };
  const state = (probes: readonly Probe[], phase: string) => ({
    steady_state_met: probes.every((one) => one.isMet !== false),
    probes: probed(probes, span(phase)),
  });
  const during = span("during");
  const actions = run.faults.map((change) => ({
    activity: {
      type: "action",
      name: `${change.standin}: ${change.fault === null ? "well" : String(change.fault.kind)}`,
      provider: { type: "http", arguments: change },
    },
    status: "succeeded",
    output: change.fault,
    start: stamp(change.atMs),
    end: stamp(change.atMs),
    duration: 0,
  }));
  const isRollback = (_: unknown, index: number) => run.faults[index]!.atMs >= run.clearedAtMs;
  return {
    "chaoslib-version": shape,
    platform: `${process.platform}-${process.arch}`,
    node: hostname(),
    experiment: experimentOf(run.drill, run.seed, run.sessions),
    start: stamp(run.startedAtMs),
    status: verdict.isInconclusive ? "aborted" : "completed",
    deviated: verdict.isDeviated,
    steady_states: {
      before: state(verdict.before, "before"),
      during: [state(verdict.during, "during")],
      after: state(verdict.after, "after"),
    },
    run: [...actions.filter((_, index) => !isRollback(_, index)), ...probed(verdict.during, during)],
    rollbacks: actions.filter(isRollback),
    end: stamp(run.endedAtMs),
    duration: (run.endedAtMs - run.startedAtMs) / 1000,
    parley: {
      turns: run.turns,
      failovers: verdict.failovers satisfies Failover[],
      calls: run.calls.map(({ detail: { pcm, words: _, ...detail }, ...call }) => ({
        ...call,
        ...detail,
        ...(pcm === undefined ? {} : { samples: pcm.length }),
      })),
      errors: run.errors,
      refusals: run.refusals,
      callers: run.health,
    },
  };
}
