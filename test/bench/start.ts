import { startGateway } from "../support/gateway.ts";
import { type Bench, percentile } from "./report.ts";

const runs = 7;
const readyWaitMs = 30_000;
const pollMs = 5;

/** From spawn to the first 200 of /readyz. */
async function measureOnce(): Promise<{ listeningMs: number; readyMs: number }> {
  const spawnedAtMs = performance.now();
  const gateway = await startGateway();
  try {
    const listeningMs = performance.now() - spawnedAtMs;
    while ((await fetch(`${gateway.url}readyz`)).status !== 200) {
      if (performance.now() - spawnedAtMs > readyWaitMs)
        throw new Error(`not ready within ${readyWaitMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    return { listeningMs, readyMs: performance.now() - spawnedAtMs };
  } finally {
    await gateway.stop();
  }
}

export const bench: Bench = {
  description: "process start to the first 200 of /readyz, embedded engines",
  async run() {
    const measured = [];
    for (let run = 0; run < runs; run++) measured.push(await measureOnce());
    const ready = measured.map(({ readyMs }) => readyMs);
    return {
      rows: [
        { name: "ready, median", measured: percentile(ready, 0.5), unit: "ms", atMost: 2000 },
        { name: "ready, slowest", measured: Math.max(...ready), unit: "ms" },
        {
          name: "listening, median",
          measured: percentile(
            measured.map((one) => one.listeningMs),
            0.5,
          ),
          unit: "ms",
        },
      ],
      notes: [`${runs} starts, one after another; each with an empty data folder`],
      veto: null,
    };
  },
};
