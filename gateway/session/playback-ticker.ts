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
    // Set before the work, so that one session's fault can't stop the sound of the others.
    const timer = this.#clock.timer(this.#clock.nowMs() + this.#periodMs, () => this.#tick());
    this.#timer = timer;
    for (const playback of this.#playing) {
      playback.pump();
      if (!playback.active) this.#playing.delete(playback);
    }
    if (this.#playing.size > 0) return;
    timer.cancel();
    this.#timer = null;
  }
}
