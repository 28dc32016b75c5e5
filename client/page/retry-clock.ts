/** Waits between tries, in ms: longer each time; the last one stays. */
export const retryWaitsMs: readonly number[] = [3000, 5000, 10_000, 20_000, 30_000];
/** Nobody looks at the page any more after that many. */
export const maxRetries = 120;
const tickMs = 250;

export interface RetryEvents {
  /** Whole seconds to go. */
  tick: (seconds: number) => void;
  /** Time to try; `false`: it didn't work, wait for the next one. */
  attempt: () => Promise<boolean>;
  /** That was the last one. */
  givenUp: () => void;
}

/** Counts down to one try after another until one works, or `stop`. */
export class RetryClock {
  readonly #events: RetryEvents;
  #timer: ReturnType<typeof setInterval> | undefined;
  #dueAtMs = 0;
  #tries = 0;
  #running = false;

  constructor(events: RetryEvents) {
    this.#events = events;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Begins to count down; when it counts already, nothing changes. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#tries = 0;
    this.#wait();
  }

  stop(): void {
    this.#running = false;
    clearInterval(this.#timer);
  }

  /** Tries at once: the user can't wait, or the network came back. */
  hurry(): void {
    if (!this.#running || this.#timer === undefined) return;
    void this.#attempt();
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
    const worked = await this.#events.attempt();
    if (!this.#running) return;
    if (worked) this.stop();
    else this.#wait();
  }
}
