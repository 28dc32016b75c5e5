import { parentPort } from "node:worker_threads";
import type { ToWorker } from "./run.ts";
import { simulate } from "./simulation.ts";

parentPort?.on("message", ({ seed, mutant }: ToWorker) => {
  void simulate(seed, mutant).then((result) => parentPort?.postMessage(result));
});
