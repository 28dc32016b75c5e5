/** The primary process: starts the speech engines and the gateways, restarts what dies, stops them in order. */

import type { Worker } from "node:cluster";
import cluster from "node:cluster";
import { Heartbeat } from "../workers/heartbeat.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config.ts";
import { GatewayError } from "./errors.ts";
import { MetricsCollector } from "./metrics-collector.ts";
import type { FromGateway, GatewayStart, SpeechSockets, ToGateway } from "./process-messages.ts";
import { greetingLines, renewalLine } from "./supervisor-greeting.ts";
import type { Surroundings } from "./supervisor-reach.ts";
import { ReachWatch } from "./supervisor-reach.ts";
import type { Log } from "./telemetry/log.ts";

const firstBackoffMs = 100;
const maxBackoffMs = 10_000;
/** A gateway that lived that long starts over with the first backoff. */
const healthyAfterMs = 30_000;
/** Deaths in a row, with no gateway ever ready, after which the start is given up. */
const maxDeathsBeforeReady = 5;
/** What a gateway may take beyond the drain's own time before it is killed. */
const exitGraceMs = 5000;
/** What a gateway may take to be ready. */
const startTimeoutMs = 60_000;
/** Audio dies young. With V8's own small nursery it grows old instead, and each second of a hundred calls costs a full collection. */
const gatewayFlags = ["--min-semi-space-size=32", "--max-semi-space-size=32"];

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
  /** Plain lines for people, on stdout. */
  say(text: string): void;
  /** Starts the speech engines; called only when a chain names one. `onRestart` tells of each that died. */
  startSpeech(onRestart: (engine: string) => void): Promise<Speech>;
  surroundings: Surroundings;
}

interface Slot {
  index: number;
  worker: Worker | null;
  heartbeat: Heartbeat | null;
  startedAtMs: number;
  backoffMs: number;
}

/** Runs gateways until `stop` or a fault that no restart would mend. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #slots: Slot[];
  readonly #collector: MetricsCollector;
  #speech: Speech | null = null;
  #watch: ReachWatch | null = null;
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
      heartbeat: null,
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
    const { config, clock, entry, log, surroundings } = this.#options;
    this.#watch = await ReachWatch.begin({
      ...{ config, clock, log, surroundings },
      onChange: (watch, renewed) => this.#tellReach(watch, renewed),
    });
    cluster.setupPrimary({ exec: entry, args: [], execArgv: [...process.execArgv, ...gatewayFlags] });
    const ended = new Promise<number>((resolve) => {
      this.#finish = resolve;
    });
    // Forked before the engines, so that both come up side by side; a gateway waits for its start message.
    const workers = this.#slots.map(() => cluster.fork());
    const named = [...config.stt, ...config.ai, ...config.tts];
    const wantsSpeech = named.includes("embedded") || named.includes("local");
    if (wantsSpeech) {
      this.#speech = await this.#options.startSpeech((engine) => this.#collector.countRestart(engine));
    }
    for (const [index, slot] of this.#slots.entries()) this.#adopt(slot, workers[index]!);
    await ended;
    this.#watch.stop();
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
    slot.heartbeat = this.#listenTo(slot, worker);
    worker.on("message", (message: FromGateway) => this.#hear(slot, worker, message));
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
      reach: this.#watch!.reach,
    };
    tell(worker, this.#stopping ? { type: "drain" } : { type: "start", ...start });
  }

  /** A process that stands still takes connections and answers none: better dead, and replaced. */
  #listenTo(slot: Slot, worker: Worker): Heartbeat {
    const { clock, config, log } = this.#options;
    return new Heartbeat({
      clock,
      ...{ hangTimeoutMs: config.hangTimeoutMs, startTimeoutMs },
      ask: () => {
        if (worker.isConnected()) tell(worker, { type: "beat" });
      },
      onHang: () => {
        log.error({ worker: slot.index, pid: worker.process.pid }, "gateway process hangs; it is killed");
        worker.process.kill("SIGKILL");
      },
    });
  }

  #tellReach(watch: ReachWatch, renewed: boolean): void {
    const { log, say } = this.#options;
    log.info({ renewed }, "this machine's addresses or the gateway's own certificate changed");
    for (const { worker } of this.#slots)
      if (worker?.isConnected()) tell(worker, { type: "reach", ...watch.reach });
    if (renewed && watch.certificate !== null) say(renewalLine(watch.certificate));
  }

  #hear(slot: Slot, worker: Worker, message: FromGateway): void {
    switch (message.type) {
      case "ready":
        slot.heartbeat?.ready();
        this.#greet(message.port);
        break;
      case "beat":
        slot.heartbeat?.beat();
        break;
      case "failed":
        // It was well before: another start is tried, a little later each time.
        if (this.#everReady) return void worker.process.kill("SIGKILL");
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
    const { config, say } = this.#options;
    const { names, certificate } = this.#watch!;
    // In one piece: who reads our output up to the address has the rest, too.
    say(greetingLines({ config, port, names, certificate }).join("\n"));
  }

  #bury(slot: Slot, worker: Worker, exitCode: number | null, signal: string | null): void {
    if (slot.worker !== worker) return;
    const { clock, log } = this.#options;
    slot.worker = null;
    slot.heartbeat?.stop();
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
