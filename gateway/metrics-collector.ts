import type { Worker } from "node:cluster";
import type { Clock } from "./clock.ts";
import type { ToGateway } from "./process-messages.ts";
import type { Metrics, MetricsSnapshot } from "./telemetry/metrics.ts";

/** How long the others are waited for; of who is late what it said last counts. */
const answerWithinMs = 1000;

interface Round {
  missing: Set<Worker>;
  finish(): void;
}

/** Gathers the metrics of all gateway processes in the supervisor, and adds its own. What was counted once is never lost. */
export class MetricsCollector {
  readonly #version: string;
  readonly #clock: Clock;
  readonly #workers: () => Worker[];
  readonly #rounds = new Map<number, Round>();
  /** What each process said last. */
  readonly #last = new Map<Worker, MetricsSnapshot>();
  /** What processes that are gone had counted. */
  #gone: MetricsSnapshot = [];
  #lastRound = 0;
  #running: Promise<{ contentType: string; text: string }> | null = null;
  #own: Promise<Metrics> | null = null;

  constructor(version: string, clock: Clock, workers: () => Worker[]) {
    this.#version = version;
    this.#clock = clock;
    this.#workers = workers;
  }

  /** A process or thread died and is started again. */
  countRestart(worker: string): void {
    void this.#ownMetrics().then((metrics) => metrics.countWorkerRestart(worker));
  }

  /** One process's answer. */
  take(worker: Worker, id: number, metrics: MetricsSnapshot): void {
    this.#last.set(worker, metrics);
    const round = this.#rounds.get(id);
    if (!round?.missing.delete(worker)) return;
    if (round.missing.size === 0) round.finish();
  }

  /** All metrics together; callers at the same time share one round. */
  collect(): Promise<{ contentType: string; text: string }> {
    this.#running ??= this.#collect().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #collect(): Promise<{ contentType: string; text: string }> {
    const [own, { aggregateMetrics, sumCounted }] = await Promise.all([
      this.#ownMetrics().then((metrics) => metrics.snapshot()),
      import("./telemetry/aggregate.ts"),
      this.#ask(),
    ]);
    const alive = new Set(this.#workers());
    for (const [worker, snapshot] of [...this.#last]) {
      if (alive.has(worker)) continue;
      this.#last.delete(worker);
      this.#gone = await sumCounted([this.#gone, snapshot]);
    }
    return aggregateMetrics([...this.#last.values(), this.#gone, own]);
  }

  #ask(): Promise<void> {
    const id = ++this.#lastRound;
    const missing = new Set(this.#workers());
    return new Promise((resolve) => {
      const finish = () => {
        late.cancel();
        this.#rounds.delete(id);
        resolve();
      };
      const round: Round = { missing, finish };
      const late = this.#clock.timer(this.#clock.nowMs() + answerWithinMs, finish);
      this.#rounds.set(id, round);
      const message: ToGateway = { type: "snapshot", id };
      for (const worker of missing) worker.process.send?.(message, undefined, undefined, () => {});
      if (missing.size === 0) finish();
    });
  }

  /** Loaded when it is first needed: the supervisor's start does not wait for it. */
  #ownMetrics(): Promise<Metrics> {
    this.#own ??= import("./telemetry/metrics.ts").then(({ createMetrics }) =>
      createMetrics({ version: this.#version, process: false }),
    );
    return this.#own;
  }
}
