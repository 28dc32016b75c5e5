/** One timer for the playback of all sessions. */
import type { Clock, Timer } from "../clock.ts";

/** What is to be pumped. */
export interface Pumped {
  readonly active: boolean;
  pump(): void;
}

export class PlaybackTicker {
  readonly #clock: Clock;
  readonly #periodMs: number;
  readonly #onFault: (error: unknown) => void;
  readonly #playing = new Set<Pumped>();
  #timer: Timer | null = null;

  /** @param onFault a playback broke (a bug of ours): it is pumped no more, the others go on */
  constructor(clock: Clock, periodMs = 20, onFault: (error: unknown) => void = () => undefined) {
    this.#clock = clock;
    this.#periodMs = periodMs;
    this.#onFault = onFault;
  }

  /** Pumps until nothing is left to send. */
  add(playback: Pumped): void {
    this.#playing.add(playback);
    this.#timer ??= this.#clock.timer(this.#clock.nowMs() + this.#periodMs, () => this.#tick());
  }

  #tick(): void {
    this.#timer = null;
    for (const playback of this.#playing) if (!this.#pump(playback)) this.#playing.delete(playback);
    if (this.#playing.size === 0) return;
    this.#timer = this.#clock.timer(this.#clock.nowMs() + this.#periodMs, () => this.#tick());
  }

  /** @returns whether it wants more */
  #pump(playback: Pumped): boolean {
    try {
      playback.pump();
      return playback.active;
    } catch (error) {
      this.#onFault(error);
      return false;
    }
  }
}
