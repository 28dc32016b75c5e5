/**
 * Parts broken on purpose: the suite must notice. A mutant is a module that Node loads before everything else, in the
 * main thread as in the audio thread, and that changes a class there; the product knows nothing of it.
 */
import { spawn } from "node:child_process";

/** Where each is; null: the part of the suite that it belongs to breaks it itself. */
const preloads: Readonly<Record<string, string | null>> = {
  "silero-without-context": "./silero-without-context.ts",
  "gate-that-subtracts-nothing": "./gate-that-subtracts-nothing.ts",
  "endpointing-on-the-wall-clock": null,
};

/** All that there are. */
export const mutantNames: readonly string[] = Object.keys(preloads);

const mark = Symbol.for("parley.bench.mutant");

/** For a mutant's own module: it is in place. */
export function markMutated(): void {
  (globalThis as Record<symbol, unknown>)[mark] = true;
}

/** Whether this process was started with a mutant in it. */
export function isMutated(): boolean {
  return (globalThis as Record<symbol, unknown>)[mark] === true;
}

/**
 * Whether this very process can run with the mutant: it is loaded, or needs no loading.
 *
 * @throws {RangeError} for a mutant that isn't
 */
export function isReadyFor(name: string): boolean {
  const preload = preloads[name];
  if (preload === undefined)
    throw new RangeError(`no such mutant: ${name}; there are ${mutantNames.join(", ")}`);
  return preload === null || isMutated();
}

/** Runs the same command again with the mutant loaded first. @returns its exit code */
export function runMutated(name: string): Promise<number> {
  const preload = new URL(preloads[name]!, import.meta.url).href;
  const args = [...process.execArgv, "--import", preload, ...process.argv.slice(1)];
  const child = spawn(process.execPath, args, { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
