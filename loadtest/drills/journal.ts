/** What is left of a drill: a journal in the shape that Chaos Toolkit writes, so that its readers read ours. */
import { hostname } from "node:os";
import { type Activity, actionOf, probeOf, rollback } from "./activity.ts";
import type { Drill, Tolerances } from "./drill.ts";
import type { Failover, Probe } from "./measures.ts";
import { type DrillRun, firstVendors } from "./runner.ts";
import type { Verdict } from "./verdict.ts";

/** An activity as it went. Timestamps as Chaos Toolkit writes them. */
interface Entry {
  activity: Activity;
  output: unknown;
  status: "succeeded";
  start: string;
  end: string;
  /** Seconds. */
  duration: number;
  /** Of a probe that has a tolerance. */
  tolerance_met?: boolean;
  /** Of a probe's output; ours. */
  unit?: string;
}

interface SteadyState {
  steady_state_met: boolean;
  probes: Entry[];
}

export interface Journal {
  "chaoslib-version": string;
  platform: string;
  node: string;
  experiment: Experiment;
  start: string;
  status: "completed" | "aborted";
  /** The hypothesis did not hold under the faults or after them. What was amiss before is no effect of theirs. */
  deviated: boolean;
  steady_states: { before: SteadyState; during: SteadyState[]; after: SteadyState };
  run: Entry[];
  rollbacks: Entry[];
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

export interface Experiment {
  version: string;
  title: string;
  description: string;
  tags: string[];
  configuration: Record<string, unknown>;
  "steady-state-hypothesis": { title: string; probes: Activity[] };
  method: Activity[];
  rollbacks: Activity[];
}

/** The experiment as it was run. */
export function experimentOf(drill: Drill, seed: number, sessions: number): Experiment {
  const probes = Object.entries(drill.tolerances)
    .filter(([, tolerance]) => tolerance !== null)
    .map(([name, tolerance]) =>
      probeOf(drill.name, { name, tolerance, ...(name === mustBeReached ? { isLeast: true } : {}) }),
    );
  return {
    version: shape,
    title: drill.title,
    description: drill.hypothesis,
    tags: [...firstVendors(drill).map(({ stage, link }) => `${stage}:${link}`), drill.talk],
    configuration: { seed, sessions, chains: drill.chains, settings: drill.settings },
    "steady-state-hypothesis": { title: drill.hypothesis, probes },
    method: methodOf(drill),
    rollbacks: [rollback],
  };
}

/** The other tolerances are what may be at most. */
const mustBeReached: keyof Tolerances = "answeredPerSecond";

/** Each pause counts from the step before. */
function methodOf({ steps }: Drill): Activity[] {
  return steps.flatMap(({ atMs, standins, fault }, index) => {
    const before = (atMs - (steps[index - 1]?.atMs ?? 0)) / 1000;
    return standins.map((standin, at) => ({
      ...actionOf(standin, fault),
      ...(at === 0 && before > 0 ? { pauses: { before } } : {}),
    }));
  });
}

interface Span {
  startedAtMs: number;
  endedAtMs: number;
}

function entryOf(activity: Activity, output: unknown, { startedAtMs, endedAtMs }: Span): Entry {
  return {
    activity,
    output,
    status: "succeeded",
    start: stamp(startedAtMs),
    end: stamp(endedAtMs),
    duration: (endedAtMs - startedAtMs) / 1000,
  };
}

function probed(drill: Drill, probes: readonly Probe[], span: Span): Entry[] {
  return probes.map((one) => ({
    ...entryOf(probeOf(drill.name, one), one.value, span),
    unit: one.unit,
    ...(one.tolerance === null ? {} : { tolerance_met: one.isMet !== false }),
  }));
}

const isTolerated = ({ tolerance }: Probe) => tolerance !== null;
const isMet = (probes: readonly Probe[]) => probes.every((one) => one.isMet !== false);

/** Writes down a run and its verdict. */
export function writeJournal(run: DrillRun, verdict: Verdict): Journal {
  const span = (phase: string) =>
    run.phases.find((one) => one.phase === phase) ?? {
      startedAtMs: run.startedAtMs,
      endedAtMs: run.endedAtMs,
    };
  const { drill } = run;
  // A hypothesis is made of what has a tolerance; the other numbers are among what was run, or in our own part.
  const state = (probes: readonly Probe[], phase: string) => ({
    steady_state_met: isMet(probes),
    probes: probed(drill, probes.filter(isTolerated), span(phase)),
  });
  const actions = run.faults.map(({ atMs, standin, fault }) =>
    entryOf(actionOf(standin, fault), fault, { startedAtMs: atMs, endedAtMs: atMs }),
  );
  const isRollback = (_: unknown, index: number) => run.faults[index]!.atMs >= run.clearedAtMs;
  const shown = (probes: readonly Probe[]) =>
    probes.filter((one) => !isTolerated(one)).map(({ name, value, unit }) => ({ name, value, unit }));
  return {
    "chaoslib-version": shape,
    platform: `${process.platform}-${process.arch}`,
    node: hostname(),
    experiment: experimentOf(drill, run.seed, run.sessions),
    start: stamp(run.startedAtMs),
    status: verdict.isInconclusive ? "aborted" : "completed",
    deviated: !isMet([...verdict.during, ...verdict.after]),
    steady_states: {
      before: state(verdict.before, "before"),
      during: [state(verdict.during, "during")],
      after: state(verdict.after, "after"),
    },
    run: [
      ...actions.filter((_, index) => !isRollback(_, index)),
      ...probed(drill, verdict.during, span("during")),
    ],
    rollbacks: actions.filter(isRollback),
    end: stamp(run.endedAtMs),
    duration: (run.endedAtMs - run.startedAtMs) / 1000,
    parley: {
      shown: { before: shown(verdict.before), after: shown(verdict.after) },
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
