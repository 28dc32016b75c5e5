/** A gateway process: hears the supervisor, runs one gateway, ends in order. */
import { fileURLToPath } from "node:url";
import { freezeConfig } from "./config.ts";
import { errorTable, toGatewayError } from "./errors.ts";
import type { Gateway } from "./gateway.ts";
import { createGateway } from "./gateway.ts";
import type { FromGateway, GatewayStart, ToGateway } from "./process-messages.ts";
import { createSystemClock } from "./system-clock.ts";
import type { Log } from "./telemetry/log.ts";
import { createLog } from "./telemetry/log.ts";
import type { Metrics } from "./telemetry/metrics.ts";
import { createMetrics } from "./telemetry/metrics.ts";

/** How long a gateway waits for the supervisor to answer a scrape. */
const collectWithinMs = 3000;

type Collected = { contentType: string; text: string };

/** Runs until it is drained or dies. Must be called in a process that was forked by the supervisor. */
export function runGatewayProcess(): void {
  const clock = createSystemClock();
  const scrapes = new Map<number, (collected: Collected) => void>();
  let lastScrape = 0;
  let metrics: Metrics | null = null;
  let running: Promise<Gateway | null> = Promise.resolve(null);
  let stopping = false;

  const tell = (message: FromGateway) => process.send?.(message, undefined, undefined, () => {});

  const collectMetrics = () =>
    new Promise<Collected>((resolve, reject) => {
      const id = ++lastScrape;
      const late = clock.timer(clock.nowMs() + collectWithinMs, () => {
        scrapes.delete(id);
        reject(toGatewayError(new Error("the supervisor did not answer a scrape in time")));
      });
      scrapes.set(id, (collected) => {
        late.cancel();
        scrapes.delete(id);
        resolve(collected);
      });
      tell({ type: "collect", id });
    });

  const start = async (given: GatewayStart): Promise<Gateway | null> => {
    const config = freezeConfig(given.config);
    const log = createLog({ level: config.logLevel, content: config.logContent, process: "gateway" });
    dieLoudly(log);
    metrics = createMetrics({ version: given.version, process: true });
    try {
      const gateway = await createGateway({
        ...given,
        ...{ config, clock, log, metrics, collectMetrics },
        modelsDir: fileURLToPath(new URL("../models/", import.meta.url)),
        onLost: () => process.exit(1),
        createEndpoint: async (parts) => (await import("./realtime.ts")).createRealtime(parts),
        loadPage: async () => (await import("./http/page.ts")).loadPage(),
      });
      tell({ type: "ready", host: gateway.host, port: gateway.port });
      log.info(
        { host: gateway.host, port: gateway.port, upMs: Math.round(process.uptime() * 1000) },
        "the gateway is ready",
      );
      return gateway;
    } catch (thrown) {
      const error = toGatewayError(thrown);
      log.fatal({ err: thrown }, "the gateway could not start");
      if (error.code === "internal_error" || errorTable[error.code].retryable) process.exit(1);
      tell({ type: "failed", code: error.code, message: error.message });
      return null;
    }
  };

  const drain = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    await (await running)?.drain();
    process.exit(0);
  };

  process.on("message", (message: ToGateway) => {
    switch (message.type) {
      case "start":
        running = start(message);
        return;
      case "beat":
        tell({ type: "beat" });
        return;
      case "reach":
        void running.then((gateway) => gateway?.setReach(message));
        return;
      case "drain":
        void drain();
        return;
      case "snapshot":
        void metrics
          ?.snapshot()
          .then((values) => tell({ type: "snapshot", id: message.id, metrics: values }));
        return;
      case "collected":
        scrapes.get(message.id)?.(message);
    }
  });
  // A terminal's interrupt reaches the whole group; the supervisor decides what follows from it.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => void drain());
}

function dieLoudly(log: Log): void {
  const die = (err: unknown) => {
    log.fatal({ err }, "the gateway met a fault that it can't go on from");
    process.exit(1);
  };
  process.on("uncaughtException", die);
  process.on("unhandledRejection", die);
}
