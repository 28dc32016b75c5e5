/** The primary process: starts the speech engines and the gateways, restarts what dies, stops them in order. */

import type { Worker } from "node:cluster";
import cluster from "node:cluster";
import type { Clock } from "./clock.ts";
import type { Config } from "./config.ts";
import { GatewayError } from "./errors.ts";
import { MetricsCollector } from "./metrics-collector.ts";
import type { FromGateway, GatewayStart, SpeechSockets, ToGateway } from "./process-messages.ts";
import type { Log } from "./telemetry/log.ts";

const firstBackoffMs = 100;
const maxBackoffMs = 10_000;
/** A gateway that lived that long starts over with the first backoff. */
const healthyAfterMs = 30_000;
/** Deaths in a row, with no gateway ever ready, after which the start is given up. */
const maxDeathsBeforeReady = 5;
/** What a gateway may take beyond the drain's own time before it is killed. */
const exitGraceMs = 5000;

/** The speech engines, as far as the supervisor knows them. */
export interface Speech {
  readonly sockets: SpeechSockets;
  close(): Promise<void>;
}

export interface SupervisorOptions {
  config: Config;
  version: string;
  secret: string;
  /** The module that gateway processes run. */
  entry: string;
  log: Log;
  clock: Clock;
  /** One plain line for people, on stdout. */
  say(line: string): void;
  /** Starts the speech engines; called only when a chain names them. `onRestart` tells of each that died. */
  startSpeech(onRestart: (engine: string) => void): Promise<Speech>;
}

interface Slot {
  index: number;
  worker: Worker | null;
  startedAtMs: number;
  backoffMs: number;
}

/** Runs gateways until `stop` or a fault that no restart would mend. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #slots: Slot[];
  readonly #collector: MetricsCollector;
  #speech: Speech | null = null;
  #port: number;
  #everReady = false;
  #deathsBeforeReady = 0;
  #stopping = false;
  #finish: (exitCode: number) => void = () => {};
  #fault: GatewayError | null = null;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#port = options.config.port;
    this.#slots = Array.from({ length: options.config.processes }, (_, index) => ({
      index,
      worker: null,
      startedAtMs: 0,
      backoffMs: firstBackoffMs,
    }));
    this.#collector = new MetricsCollector(options.version, options.clock, () =>
      this.#slots.flatMap(({ worker }) => (worker?.isConnected() ? [worker] : [])),
    );
  }

  /**
   * @returns when everything has ended: after `stop`
   * @throws {GatewayError} what kept the gateways from starting
   */
  async run(): Promise<void> {
    const { config, entry } = this.#options;
    cluster.setupPrimary({ exec: entry, args: [] });
    const ended = new Promise<number>((resolve) => {
      this.#finish = resolve;
    });
    // Forked before the engines, so that both come up side by side; a gateway waits for its start message.
    const workers = this.#slots.map(() => cluster.fork());
    const wantsSpeech = [...config.stt, ...config.ai, ...config.tts].includes("embedded");
    if (wantsSpeech) {
      this.#speech = await this.#options.startSpeech((engine) => this.#collector.countRestart(engine));
    }
    for (const [index, slot] of this.#slots.entries()) this.#adopt(slot, workers[index]!);
    await ended;
    await this.#speech?.close();
    if (this.#fault !== null) throw this.#fault;
  }

  /** Drains: gateways take no more sessions, let turns at work end (bounded), close and exit. Idempotent. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    const { clock, config, log } = this.#options;
    log.info("stopping: turns at work may end");
    for (const { worker } of this.#slots) if (worker?.isConnected()) tell(worker, { type: "drain" });
    const untilMs = clock.nowMs() + config.drainTimeoutMs + exitGraceMs;
    const late = clock.timer(untilMs, () => this.#kill());
    const finish = this.#finish;
    this.#finish = (code) => {
      late.cancel();
      finish(code);
    };
    this.#finishIfEmpty();
  }

  /** Ends everything at once; for a second signal. */
  abandon(): void {
    this.#stopping = true;
    this.#kill();
    void this.#speech?.close();
  }

  #kill(): void {
    for (const { worker } of this.#slots) worker?.process.kill("SIGKILL");
  }

  #adopt(slot: Slot, worker: Worker): void {
    const { clock, config, secret, version } = this.#options;
    slot.worker = worker;
    slot.startedAtMs = clock.nowMs();
    worker.on("message", (message: FromGateway) => this.#hear(worker, message));
    worker.on("error", (err) => this.#options.log.error({ err }, "gateway process could not be reached"));
    worker.once("exit", (exitCode, signal) => this.#bury(slot, worker, exitCode, signal));
    if (worker.isDead()) {
      this.#bury(slot, worker, worker.process.exitCode, null);
      return;
    }
    const start: GatewayStart = {
      config,
      port: this.#port,
      secret,
      version,
      speechSockets: this.#speech?.sockets ?? null,
    };
    tell(worker, this.#stopping ? { type: "drain" } : { type: "start", ...start });
  }

  #hear(worker: Worker, message: FromGateway): void {
    switch (message.type) {
      case "ready":
        this.#greet(message.port);
        break;
      case "failed":
        if (this.#everReady) return;
        this.#fault ??= new GatewayError(message.code, { message: message.message });
        this.stop();
        break;
      case "snapshot":
        this.#collector.take(worker, message.id, message.metrics);
        break;
      case "collect":
        void this.#answerScrape(worker, message.id);
    }
  }

  async #answerScrape(worker: Worker, id: number): Promise<void> {
    try {
      const { contentType, text } = await this.#collector.collect();
      if (worker.isConnected()) tell(worker, { type: "collected", id, contentType, text });
    } catch (err) {
      // The gateway that asked gives up by itself, in time.
      this.#options.log.error({ err }, "the metrics could not be gathered");
    }
  }

  #greet(port: number): void {
    // With port 0 the first one's choice becomes everybody's, also of those that are restarted later.
    this.#port = port;
    if (this.#everReady) return;
    this.#everReady = true;
    const { host, tlsCert } = this.#options.config;
    const named = host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
    this.#options.say(`Parley is at ${tlsCert === null ? "http" : "https"}://${named}:${port}/`);
  }

  #bury(slot: Slot, worker: Worker, exitCode: number | null, signal: string | null): void {
    if (slot.worker !== worker) return;
    const { clock, log } = this.#options;
    slot.worker = null;
    if (this.#stopping) {
      this.#finishIfEmpty();
      return;
    }
    this.#collector.countRestart("gateway");
    if (!this.#everReady && ++this.#deathsBeforeReady >= maxDeathsBeforeReady) {
      this.#fault ??= new GatewayError("internal_error", {
        message: "The gateway process dies before it is ready; the log above says why.",
      });
      this.stop();
      return;
    }
    if (clock.nowMs() - slot.startedAtMs >= healthyAfterMs) slot.backoffMs = firstBackoffMs;
    log.error(
      { worker: slot.index, exitCode, signal, inMs: slot.backoffMs },
      "gateway process died; it is started again",
    );
    clock.timer(clock.nowMs() + slot.backoffMs, () => {
      if (!this.#stopping) this.#adopt(slot, cluster.fork());
    });
    slot.backoffMs = Math.min(maxBackoffMs, slot.backoffMs * 2);
  }

  #finishIfEmpty(): void {
    if (this.#slots.every(({ worker }) => worker === null)) this.#finish(0);
  }
}

function tell(worker: Worker, message: ToGateway): void {
  // The callback takes the fault of a process that is gone already; its exit is handled where it is heard of.
  worker.process.send?.(message, undefined, undefined, () => {});
}
