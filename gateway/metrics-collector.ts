import type { Worker } from "node:cluster";
import type { Clock } from "./clock.ts";
import type { ToGateway } from "./process-messages.ts";
import type { Metrics, MetricsSnapshot } from "./telemetry/metrics.ts";

/** How long the others are waited for; who is late is left out of this answer. */
const answerWithinMs = 1000;

interface Round {
  missing: Set<Worker>;
  snapshots: MetricsSnapshot[];
  finish(): void;
}

/** Gathers the metrics of all gateway processes in the supervisor, and adds its own. */
export class MetricsCollector {
  readonly #version: string;
  readonly #clock: Clock;
  readonly #workers: () => Worker[];
  readonly #rounds = new Map<number, Round>();
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
    const round = this.#rounds.get(id);
    if (!round?.missing.delete(worker)) return;
    round.snapshots.push(metrics);
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
    const [snapshots, own, { aggregateMetrics }] = await Promise.all([
      this.#ask(),
      this.#ownMetrics().then((metrics) => metrics.snapshot()),
      import("./telemetry/aggregate.ts"),
    ]);
    return aggregateMetrics([...snapshots, own]);
  }

  #ask(): Promise<MetricsSnapshot[]> {
    const id = ++this.#lastRound;
    const missing = new Set(this.#workers());
    return new Promise((resolve) => {
      const finish = () => {
        late.cancel();
        this.#rounds.delete(id);
        resolve(round.snapshots);
      };
      const round: Round = { missing, snapshots: [], finish };
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
