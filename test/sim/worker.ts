import { parentPort } from "node:worker_threads";
import type { ToWorker } from "./run.ts";
import { simulate } from "./simulation.ts";

parentPort?.on("message", (message: ToWorker | null) => {
  // Ends by itself: who is ended while code is compiled may take the whole process along.
  if (message === null) return parentPort?.close();
  const { seed, mutant } = message;
  void simulate(seed, mutant).then((result) => parentPort?.postMessage(result));
});
