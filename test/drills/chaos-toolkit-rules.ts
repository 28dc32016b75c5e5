/**
 * What Chaos Toolkit's readers want of a journal, as chaoslib 1.44 (`ensure_experiment_is_valid`, `within_tolerance`) and
 * chaostoolkit-reporting 0.18 (`generate_report`) have it.
 */
import type { Activity } from "../../loadtest/drills/activity.ts";
import type { Experiment, Journal } from "../../loadtest/drills/journal.ts";

/** JSON, as a reader meets it. */
type Json = Record<string, unknown>;
const read = <T>(value: T): Json & T => JSON.parse(JSON.stringify(value));

function complainOfActivity(activity: Json, where: string): string[] {
  const problems: string[] = [];
  const name = activity.name;
  if (activity.type !== "probe" && activity.type !== "action") problems.push(`${where}: no known type`);
  if (typeof name !== "string" || name === "") problems.push(`${where}: no name`);
  const provider = (activity.provider ?? {}) as Json;
  if (provider.type === "process") {
    if (typeof provider.path !== "string" || provider.path === "") problems.push(`${where}: no path`);
  } else if (provider.type === "http") {
    if (typeof provider.url !== "string" || !URL.canParse(provider.url)) problems.push(`${where}: no URL`);
    const { headers = {} } = provider;
    if (typeof headers !== "object" || headers === null) problems.push(`${where}: headers are a mapping`);
  } else problems.push(`${where}: no provider`);
  const { before = 0 } = (activity.pauses ?? {}) as Json;
  if (typeof before !== "number" || before < 0) problems.push(`${where}: a pause is a number`);
  return problems;
}

function complainOfTolerance(tolerance: unknown, where: string): string[] {
  const { type, range } = (tolerance ?? {}) as Json;
  // A number alone would be the only value that is right.
  if (type !== "range") return [`${where}: a tolerance is a range`];
  const isPair = Array.isArray(range) && range.length === 2 && range.every((one) => typeof one === "number");
  return isPair && range[0]! <= range[1]! ? [] : [`${where}: a range is two numbers`];
}

/** Everything that is wrong with an experiment. */
export function complainOfExperiment(experiment: Experiment): string[] {
  const { title, description, tags, method, rollbacks, ...more } = read(experiment);
  const hypothesis = more["steady-state-hypothesis"];
  const problems: string[] = [];
  if (!title || !description || !hypothesis.title) problems.push("titles and a description are wanted");
  if (tags.some((tag) => tag === "")) problems.push("a tag is empty");
  for (const activity of [...hypothesis.probes, ...method, ...rollbacks]) {
    problems.push(...complainOfActivity(activity as unknown as Json, activity.name));
  }
  for (const { name, tolerance } of hypothesis.probes) problems.push(...complainOfTolerance(tolerance, name));
  return problems;
}

/** As `within_tolerance`. */
function isWithin({ tolerance }: Activity, output: unknown): boolean {
  const [least, most] = tolerance!.range;
  return typeof output === "number" && output >= least && output <= most;
}

/** Everything that is wrong with a journal, its experiment included. */
export function complainOfJournal(journal: Journal): string[] {
  const { experiment, run, rollbacks, steady_states: states } = read(journal);
  const problems = complainOfExperiment(experiment);
  const held = [states.before, ...states.during, states.after];
  for (const { activity, start, end, duration } of [...run, ...rollbacks, ...held.flatMap((s) => s.probes)]) {
    problems.push(...complainOfActivity(activity as unknown as Json, activity.name));
    if (activity.tolerance !== undefined) {
      problems.push(...complainOfTolerance(activity.tolerance, activity.name));
    }
    const lastsMs = Date.parse(`${end}Z`) - Date.parse(`${start}Z`);
    if (!(Math.abs(lastsMs - duration * 1000) <= 1)) problems.push(`${activity.name}: times don't agree`);
  }
  for (const { steady_state_met, probes } of held) {
    for (const { activity, output, tolerance_met } of probes) {
      if (activity.tolerance === undefined) problems.push(`${activity.name}: a hypothesis has tolerances`);
      else if (isWithin(activity, output) !== tolerance_met)
        problems.push(`${activity.name}: judged otherwise`);
    }
    if (steady_state_met !== probes.every((one) => one.tolerance_met))
      problems.push("a state is not its probes'");
  }
  const isHeld = [...states.during, states.after].every((state) => state.steady_state_met);
  if (journal.deviated === isHeld) problems.push("deviated is what was amiss after the steady state before");
  return problems;
}
