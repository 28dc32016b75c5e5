import type { EngineClock } from "./speech/client.ts";

/** How often a process is looked at within the time that it may stand still. */
const rounds = 5;

export interface HeartbeatOptions {
  clock: EngineClock;
  /** An event loop that stands still for longer is taken for hung. */
  hangTimeoutMs: number;
  /** A process that is not ready by then is taken for hung as well; loading may block it for longer than serving. */
  startTimeoutMs: number;
  /** Asks the process for a sign of life, which `beat` is told of. */
  ask(): void;
  /** Called once. */
  onHang(): void;
}

/**
 * Watches one process (a gateway, a speech engine) for standing still without dying. It counts rounds without an
 * answer, not milliseconds: a supervisor that stood still itself (a suspended machine) makes one round of all that
 * time, and reads the answers that wait for it before the next.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: { cancel(): void };
  #answered = true;
  #missed = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#timer = this.#after(options.startTimeoutMs, options.onHang);
  }

  /** The process serves: from now on it must answer. */
  ready(): void {
    this.#timer.cancel();
    this.#look();
  }

  /** The process answered. */
  beat(): void {
    this.#answered = true;
  }

  /** Ends the watch. Idempotent. */
  stop(): void {
    this.#timer.cancel();
  }

  #look(): void {
    if (this.#answered) {
      this.#missed = 0;
      this.#answered = false;
      this.#options.ask();
    } else if (++this.#missed >= rounds) {
      this.#options.onHang();
      return;
    }
    this.#timer = this.#after(this.#options.hangTimeoutMs / rounds, () => this.#look());
  }

  #after(delayMs: number, fn: () => void): { cancel(): void } {
    const { clock } = this.#options;
    return clock.timer(clock.nowMs() + delayMs, fn);
  }
}
