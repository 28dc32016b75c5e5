/** The one bounded queue of an engine: tenants take turns, what is late or cancelled is never served. */
import type { EngineFaultCode } from "./frames.ts";

/** A piece of work in the queue. */
export interface Job {
  tenant: string;
  /** On the queue's clock. */
  deadlineMs: number;
  /** Serves it; must not reject. */
  run(): Promise<void>;
  /** Told instead of `run` if it isn't served. */
  refuse(code: EngineFaultCode): void;
}

export interface WorkQueue {
  /** Takes a job, or refuses it at once with `overloaded`. */
  add(job: Job): void;
  /** Takes a waiting job out (it is told nothing). @returns false if it isn't waiting */
  remove(job: Job): boolean;
  /** Begins to serve (jobs wait until then: the model loads). */
  open(): void;
  /** Refuses all that wait and all that come with this code. */
  refuseAll(code: EngineFaultCode): void;
  readonly waiting: number;
  readonly running: number;
}

export interface WorkQueueOptions {
  /** How many jobs may wait (beside those that run). */
  queueLimit: number;
  /** A job that would wait longer, by what jobs took lately, is refused at once; default: never. */
  waitMaxMs?: number;
  /** How many jobs run at once. */
  concurrency: number;
  nowMs: () => number;
}

/** Weight of the newest job in what one takes. */
const learningRatio = 0.2;

/** An empty queue, closed until `open()`. */
export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { queueLimit, concurrency, nowMs, waitMaxMs = Number.POSITIVE_INFINITY } = options;
  const jobs: Job[] = [];
  let running = 0;
  /** Time between two jobs that were done while others waited. */
  let jobMs = 0;
  let doneAtMs = 0;
  let isOpen = false;
  let refusal: EngineFaultCode | null = null;
  let lastTenant: string | null = null;

  /** The next tenant in line after the last one served, so that one with many jobs doesn't hold up the others. */
  const takeNext = (): Job | undefined => {
    const tenants = [...new Set(jobs.map((job) => job.tenant))].sort();
    if (tenants.length === 0) return undefined;
    const tenant = tenants.find((name) => lastTenant !== null && name > lastTenant) ?? tenants[0]!;
    lastTenant = tenant;
    const index = jobs.findIndex((job) => job.tenant === tenant);
    return jobs.splice(index, 1)[0];
  };
  const learn = (startedAtMs: number): void => {
    const tookMs = nowMs() - Math.max(startedAtMs, doneAtMs);
    doneAtMs = nowMs();
    jobMs += (tookMs - jobMs) * learningRatio;
  };
  const isFull = () => jobs.length >= queueLimit || jobs.length * jobMs > waitMaxMs;
  const pump = (): void => {
    while (isOpen && running < concurrency) {
      const job = takeNext();
      if (!job) return;
      if (job.deadlineMs <= nowMs()) {
        job.refuse("expired");
        continue;
      }
      running++;
      const startedAtMs = nowMs();
      void job.run().finally(() => {
        running--;
        learn(startedAtMs);
        pump();
      });
    }
  };
  const dropExpired = (): void => {
    const now = nowMs();
    for (const job of jobs.filter((waiting) => waiting.deadlineMs <= now)) {
      jobs.splice(jobs.indexOf(job), 1);
      job.refuse("expired");
    }
  };

  return {
    add(job) {
      if (refusal) return job.refuse(refusal);
      const served = isOpen && running < concurrency;
      if (!served && isFull()) dropExpired();
      if (!served && isFull()) return job.refuse("overloaded");
      jobs.push(job);
      pump();
    },
    remove(job) {
      const index = jobs.indexOf(job);
      if (index >= 0) jobs.splice(index, 1);
      return index >= 0;
    },
    open() {
      isOpen = true;
      pump();
    },
    refuseAll(code) {
      refusal = code;
      for (const job of jobs.splice(0)) job.refuse(code);
    },
    get waiting() {
      return jobs.length;
    },
    get running() {
      return running;
    },
  };
}
