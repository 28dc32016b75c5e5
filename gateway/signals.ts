import type { Supervisor } from "./supervisor.ts";

/** SIGTERM and SIGINT drain; a second one ends everything at once, with exit code 1. */
export function obeySignals(supervisor: Supervisor): void {
  let signals = 0;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (++signals === 1) return supervisor.stop();
      supervisor.abandon();
      process.exit(1);
    });
  }
}
