import { type RunningGateway, scriptedEngines, startGateway } from "../support/gateway.ts";
import {
  gatewayPids,
  inspectableEnvironment,
  type MemoryReading,
  ProcessInspector,
} from "../support/inspector.ts";
import { RealtimeClient } from "../support/realtime-client.ts";
import type { Bench } from "./report.ts";

const sessions = 500;
const openedAtOnce = 25;
/** One tenth of a second of audio, so that buffers are really there. */
const warmAudioSamples = 1600;
const settleWaitMs = 30_000;
const mebibyte = 1024 * 1024;

async function openSessions(gateway: RunningGateway, count: number): Promise<RealtimeClient[]> {
  const clients: RealtimeClient[] = [];
  for (let from = 0; from < count; from += openedAtOnce) {
    const batch = Array.from({ length: openedAtOnce }, () =>
      RealtimeClient.session(
        gateway.wsUrl,
        {
          audio: {
            input: { format: { type: "audio/pcm", rate: 16000 } },
            output: { format: { type: "audio/pcm", rate: 16000 } },
          },
        },
        { query: { audio: "binary" } },
      ),
    );
    clients.push(...(await Promise.all(batch)));
  }
  for (const client of clients) client.sendRaw(new Uint8Array(warmAudioSamples * 2));
  await Promise.all(clients.map((client) => client.probe(settleWaitMs)));
  return clients;
}

/** Closes all, and waits until the gateway itself counts none. */
async function closeSessions(gateway: RunningGateway, clients: readonly RealtimeClient[]): Promise<void> {
  for (const client of clients) client.close();
  await Promise.all(clients.map((client) => client.closed(settleWaitMs)));
  const untilMs = performance.now() + settleWaitMs;
  while ((await liveSessions(gateway)) > 0) {
    if (performance.now() > untilMs) throw new Error("sessions are still counted after their sockets closed");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function liveSessions(gateway: RunningGateway): Promise<number> {
  const text = await (await fetch(`${gateway.url}metrics`)).text();
  if (!text.includes("# TYPE parley_sessions gauge"))
    throw new Error("/metrics does not count live sessions");
  const lines = text.matchAll(/^parley_sessions(?:\{[^}]*\})? (\d+)$/gm);
  return [...lines].reduce((sum, line) => sum + Number(line[1]), 0);
}

function keptBytes(reading: MemoryReading): number {
  // Node counts array buffers inside `external` too; the promise names both, and both must come back.
  return reading.heapBytes + reading.externalBytes;
}

async function measureRound(
  gateway: RunningGateway,
  inspector: ProcessInspector,
): Promise<{ open: MemoryReading; after: MemoryReading }> {
  const clients = await openSessions(gateway, sessions);
  const open = await inspector.read();
  await closeSessions(gateway, clients);
  return { open, after: await inspector.read() };
}

export const bench: Bench = {
  description: "500 open sessions: memory of each, and what stays after they closed",
  async run() {
    const gateway = await startGateway({
      env: {
        ...scriptedEngines,
        ...(await inspectableEnvironment()),
        PARLEY_MAX_SESSIONS: "600",
        PARLEY_MAX_HANDSHAKES_PER_SECOND: "10000",
      },
    });
    try {
      const pids = gatewayPids(gateway);
      if (pids.length !== 1) throw new Error(`one gateway process was expected, ${pids.length} run`);
      const inspector = await ProcessInspector.attach(gateway, pids[0]!);
      // A few sessions before the start counts: code that is loaded and compiled once is not counted as kept.
      await closeSessions(gateway, await openSessions(gateway, openedAtOnce));
      const start = await inspector.read();
      const one = await measureRound(gateway, inspector);
      const two = await measureRound(gateway, inspector);
      inspector.close();
      const eachKib = (two.open.rssBytes - start.rssBytes) / sessions / 1024;
      const grownPercent = (from: number, to: number) => (100 * (to - from)) / from;
      return {
        rows: [
          { name: "RSS a session", measured: eachKib, unit: "KiB", atMost: 150 },
          {
            name: "heap + external kept after closing",
            measured: grownPercent(keptBytes(start), keptBytes(one.after)),
            unit: "%",
            atMost: 5,
          },
          {
            name: "the same after the second round",
            measured: grownPercent(keptBytes(start), keptBytes(two.after)),
            unit: "%",
            atMost: 5,
          },
          {
            name: "array buffers kept after two rounds",
            measured: grownPercent(start.arrayBuffersBytes, two.after.arrayBuffersBytes),
            unit: "%",
            atMost: 5,
          },
          {
            name: "RSS open, second round over first",
            measured: grownPercent(one.open.rssBytes, two.open.rssBytes),
            unit: "%",
            atMost: 5,
          },
          { name: "RSS at the start", measured: start.rssBytes / mebibyte, unit: "MiB" },
          { name: "RSS with 500 open", measured: two.open.rssBytes / mebibyte, unit: "MiB" },
          { name: "heap with 500 open", measured: two.open.heapBytes / mebibyte, unit: "MiB" },
        ],
        notes: ["one gateway process; after a full collection, read through Node's inspector"],
        veto: null,
      };
    } finally {
      await gateway.stop();
    }
  },
};
