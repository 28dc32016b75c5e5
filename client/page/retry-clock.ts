/** Waits between tries, in ms: longer each time; the last one stays. */
export const retryWaitsMs: readonly number[] = [3000, 5000, 10_000, 20_000, 30_000];
/** Nobody looks at the page any more after that many. */
export const maxRetries = 120;
const tickMs = 250;

export interface RetryEvents {
  /** Whole seconds to go. */
  tick: (seconds: number) => void;
  /** Time to try; `false`: it didn't work, wait for the next one. `signal` aborts when nobody waits for it any more. */
  attempt: (signal: AbortSignal) => Promise<boolean>;
  /** That was the last one. */
  givenUp: () => void;
}

/** Counts down to one try after another until one works, or `stop`. */
export class RetryClock {
  readonly #events: RetryEvents;
  #timer: ReturnType<typeof setInterval> | undefined;
  #dueAtMs = 0;
  #tries = 0;
  #run: AbortController | null = null;

  constructor(events: RetryEvents) {
    this.#events = events;
  }

  get running(): boolean {
    return this.#run !== null;
  }

  /** Begins to count down; when it counts already, nothing changes. */
  start(): void {
    if (this.#run !== null) return;
    this.#run = new AbortController();
    this.#tries = 0;
    this.#wait();
  }

  stop(): void {
    this.#run?.abort();
    this.#run = null;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Tries at once: the user can't wait, or the network came back. */
  hurry(): void {
    if (this.#timer !== undefined) void this.#attempt();
  }

  #wait(): void {
    if (this.#tries >= maxRetries) {
      this.stop();
      this.#events.givenUp();
      return;
    }
    const waitMs = retryWaitsMs[Math.min(this.#tries, retryWaitsMs.length - 1)]!;
    this.#tries++;
    this.#dueAtMs = performance.now() + waitMs;
    this.#timer = setInterval(() => this.#tick(), tickMs);
    this.#tick();
  }

  #tick(): void {
    const leftMs = this.#dueAtMs - performance.now();
    if (leftMs <= 0) void this.#attempt();
    else this.#events.tick(Math.ceil(leftMs / 1000));
  }

  async #attempt(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    const run = this.#run;
    if (run === null) return;
    const worked = await this.#events.attempt(run.signal);
    // Stopped meanwhile, and perhaps started anew.
    if (this.#run !== run) return;
    if (worked) this.stop();
    else this.#wait();
  }
}
