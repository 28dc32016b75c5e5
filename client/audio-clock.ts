/** Observations of one bucket are replaced after that long: the two clocks drift apart by up to 0.1 ms a second. */
const bucketMs = 5_000;
/** The context stood still for longer than that (a device that slept): what was observed before is worthless. */
const maxJumpMs = 500;

/**
 * Tells when something of an audio context's clock happens on `performance.now()`'s. A context's time moves in steps of the
 * hardware's buffers, so of many observations the one that lies furthest ahead is the truest. Pure.
 */
export class AudioClock {
  #olderMs = Number.POSITIVE_INFINITY;
  #newerMs = Number.POSITIVE_INFINITY;
  #bucketFromMs = Number.NEGATIVE_INFINITY;

  /** At `nowMs` the context's time was `contextSeconds`. */
  observe(contextSeconds: number, nowMs: number): void {
    const offsetMs = nowMs - contextSeconds * 1000;
    const jumped = offsetMs > Math.min(this.#olderMs, this.#newerMs) + maxJumpMs;
    if (jumped) this.#newerMs = Number.POSITIVE_INFINITY;
    if (jumped || nowMs - this.#bucketFromMs >= bucketMs) {
      this.#olderMs = this.#newerMs;
      this.#newerMs = offsetMs;
      this.#bucketFromMs = nowMs;
    } else {
      this.#newerMs = Math.min(this.#newerMs, offsetMs);
    }
  }

  /** @returns null before the first observation */
  toNowMs(contextSeconds: number): number | null {
    const offsetMs = Math.min(this.#olderMs, this.#newerMs);
    return Number.isFinite(offsetMs) ? contextSeconds * 1000 + offsetMs : null;
  }
}
