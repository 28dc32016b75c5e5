/** One timer for the playback of all sessions. */
import type { Clock, Timer } from "../clock.ts";

export class PlaybackTicker {
  readonly #clock: Clock;
  readonly #periodMs: number;
  readonly #playing = new Set<{ readonly active: boolean; pump(): void }>();
  #timer: Timer | null = null;

  constructor(clock: Clock, periodMs = 20) {
    this.#clock = clock;
    this.#periodMs = periodMs;
  }

  /** Pumps until nothing is left to send. */
  add(playback: { readonly active: boolean; pump(): void }): void {
    this.#playing.add(playback);
    this.#timer ??= this.#clock.timer(this.#clock.nowMs() + this.#periodMs, () => this.#tick());
  }

  #tick(): void {
    this.#timer = null;
    for (const playback of this.#playing) {
      playback.pump();
      if (!playback.active) this.#playing.delete(playback);
    }
    if (this.#playing.size > 0) {
      this.#timer = this.#clock.timer(this.#clock.nowMs() + this.#periodMs, () => this.#tick());
    }
  }
}
