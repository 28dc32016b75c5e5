/** Runs simulations on worker threads, since the faked time of one is global. */
import { Worker } from "node:worker_threads";
import type { Mutant } from "./mutants.ts";
import type { Counts, SimulationResult } from "./simulation.ts";

export interface RunOptions {
  /** Ends at the seed with which so many turns were held. */
  turns: number;
  fromSeed: number;
  workers: number;
  /** A fault in our own house that must be found. */
  mutant?: Mutant;
  /** Ends early, with the first broken promise of which this is said. */
  until?: RegExp;
  onProgress?(soFar: { turns: number; seeds: number }): void;
}

export interface RunOutcome {
  turns: number;
  seeds: number;
  counts: Counts;
  /** What was looked for (`until`) was said. */
  found: boolean;
  brokenSeeds: number;
  /** The first of them. */
  broken: { seed: number; problems: string[] }[];
}

/** What a worker is told: a seed to run, or nothing more. */
export interface ToWorker {
  seed: number;
  mutant?: Mutant;
}

const brokenKept = 20;
const problemsKept = 5;
const progressEvery = 100;

/** Work goes out to the workers seed by seed; `null` ends one. @throws what a worker threw that is no broken promise but a bug of the simulation */
export async function runSimulations(options: RunOptions): Promise<RunOutcome> {
  const counts = { rescued: 0, retries: 0, hedges: 0, hedgesWon: 0, probes: 0, full: 0, late: 0 };
  const outcome: RunOutcome = { turns: 0, seeds: 0, counts, found: false, brokenSeeds: 0, broken: [] };
  const isOver = () => outcome.turns >= options.turns || outcome.found;
  let nextSeed = options.fromSeed;
  const add = ({ seed, turns, counts: more, problems }: SimulationResult) => {
    outcome.turns += turns;
    outcome.seeds += 1;
    for (const name of Object.keys(counts) as (keyof Counts)[]) counts[name] += more[name];
    if (problems.some((problem) => options.until?.test(problem))) outcome.found = true;
    if (problems.length > 0) {
      outcome.brokenSeeds += 1;
      if (outcome.broken.length < brokenKept) {
        outcome.broken.push({ seed, problems: problems.slice(0, problemsKept) });
      }
    }
    if (outcome.seeds % progressEvery === 0) options.onProgress?.(outcome);
  };
  const work = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL("./worker.ts", import.meta.url));
      const next = () => {
        if (isOver()) return worker.postMessage(null);
        const message: ToWorker = { seed: nextSeed };
        if (options.mutant !== undefined) message.mutant = options.mutant;
        nextSeed += 1;
        worker.postMessage(message);
      };
      worker.on("message", (result: SimulationResult) => {
        add(result);
        next();
      });
      worker.on("error", reject);
      worker.on("exit", () => resolve());
      next();
    });
  await Promise.all(Array.from({ length: options.workers }, work));
  outcome.broken.sort((a, b) => a.seed - b.seed);
  return outcome;
}
