/** Limits of the jitter buffer, in ms of delay before a reply begins. */
export interface JitterLimits {
  /** Before anything is known of the network. */
  startMs: number;
  minMs: number;
  maxMs: number;
}

/** Enough for 80 ms of jitter and a busy browser; a server that sends ahead makes nobody wait for it. */
export const defaultJitter: Readonly<JitterLimits> = { startMs: 120, minMs: 40, maxMs: 400 };

/** The jitter is the spread of arrivals within windows of that much audio. */
const windowMs = 1_000;
/** A wider spread is no jitter: a server that sends ahead fills the buffer. */
const maxSpreadMs = 300;
/** Beyond the jitter itself: audio is taken in blocks, and messages wait for their turn. */
const marginMs = 20;
/** How fast a jitter that isn't seen any more is forgotten: ms for each second of audio. */
const forgetMsPerSecond = 2;
/** After an underrun the delay grows by the gap, at least by that. */
const minGrowthMs = 20;

/**
 * How long replies are held back before they begin, so that jitter is not heard: grows at once by what an underrun
 * lacked or arrivals show, and shrinks slowly while less would do. Pure.
 */
export class JitterTarget {
  readonly #limits: JitterLimits;
  /** The widest jitter of late. */
  #jitterMs: number;
  #windowAudioMs = 0;
  #lowestMs = Number.POSITIVE_INFINITY;
  #highestMs = Number.NEGATIVE_INFINITY;

  /** @throws {RangeError} if the limits contradict each other */
  constructor(limits: JitterLimits) {
    if (!(limits.minMs >= 0 && limits.minMs <= limits.startMs && limits.startMs <= limits.maxMs))
      throw new RangeError("the jitter buffer needs minMs ≤ startMs ≤ maxMs");
    this.#limits = limits;
    this.#jitterMs = limits.startMs - marginMs;
  }

  get valueMs(): number {
    return Math.min(this.#limits.maxMs, Math.max(this.#limits.minMs, this.#jitterMs + marginMs));
  }

  /**
   * Audio of `durationMs` came.
   *
   * @param transitMs - when it came less its media time, on any clock that runs evenly
   */
  arrived(transitMs: number, durationMs: number): void {
    this.#lowestMs = Math.min(this.#lowestMs, transitMs);
    this.#highestMs = Math.max(this.#highestMs, transitMs);
    this.#windowAudioMs += durationMs;
    if (this.#windowAudioMs < windowMs) return;
    const spreadMs = this.#highestMs - this.#lowestMs;
    if (spreadMs <= maxSpreadMs) {
      const forgottenMs = (forgetMsPerSecond * this.#windowAudioMs) / 1000;
      this.#jitterMs = Math.max(spreadMs, this.#limits.minMs - marginMs, this.#jitterMs - forgottenMs);
    }
    this.restart();
  }

  /** Nothing was left to play for `gapMs` in the middle of a reply. */
  underran(gapMs: number): void {
    this.#jitterMs = Math.min(this.#limits.maxMs, this.valueMs + Math.max(minGrowthMs, gapMs)) - marginMs;
    this.restart();
  }

  /** What arrives from now on can't be compared with what came before: another reply, or a gap. */
  restart(): void {
    this.#windowAudioMs = 0;
    this.#lowestMs = Number.POSITIVE_INFINITY;
    this.#highestMs = Number.NEGATIVE_INFINITY;
  }
}
