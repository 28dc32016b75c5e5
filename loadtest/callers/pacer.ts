/**
 * One clock for all callers. A frame is due when the schedule says so, never some time after the last send: a
 * stall of the machine makes frames late (and is recorded), it doesn't shift the schedule and hide itself.
 */
import { build, type Histogram } from "hdr-histogram-js";

/** Length of a frame on the wire. */
export const frameMs = 20;
/** Frames that one caller may catch up in one go after a stall: 2 s. More means that the run is worthless. */
const maxCatchUpFrames = 100;
/** Lateness at p99 beyond which no result counts: the generator, not the gateway, was measured. */
export const maxLatenessP99Ms = 10;

/** Sends frame `index`, which was due at `dueMs` (performance.now). Must not throw. */
export type SendFrame = (index: number, dueMs: number) => void;

interface Line {
  startMs: number;
  nextIndex: number;
  send: SendFrame;
}

/** What the generator did to its own schedule. */
export interface PacerHealth {
  frames: number;
  latenessP50Ms: number;
  latenessP99Ms: number;
  latenessMaxMs: number;
  /** False vetoes the result. */
  healthy: boolean;
}

/** Paces any number of callers from one timer. */
export class Pacer {
  readonly #lines = new Set<Line>();
  readonly #lateness: Histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000 });
  #timer: NodeJS.Timeout | null = null;
  #overrun = false;

  /**
   * Adds a line of frames, the first due `frameMs` after `startMs` (a frame is sent when it is full).
   *
   * @returns a function that takes the line away; idempotent
   */
  add(startMs: number, send: SendFrame): () => void {
    const line: Line = { startMs, nextIndex: 0, send };
    this.#lines.add(line);
    this.#arm();
    return () => {
      this.#lines.delete(line);
    };
  }

  /** Stops the timer; lines are forgotten. */
  stop(): void {
    this.#lines.clear();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  health(): PacerHealth {
    const p99 = this.#lateness.getValueAtPercentile(99) / 1000;
    return {
      frames: this.#lateness.totalCount,
      latenessP50Ms: this.#lateness.getValueAtPercentile(50) / 1000,
      latenessP99Ms: p99,
      latenessMaxMs: this.#lateness.maxValue / 1000,
      healthy: !this.#overrun && p99 <= maxLatenessP99Ms,
    };
  }

  #arm(): void {
    if (this.#timer !== null || this.#lines.size === 0) return;
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const line of this.#lines) earliestMs = Math.min(earliestMs, dueMs(line));
    const waitMs = Math.max(0, earliestMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#work();
      this.#arm();
    }, waitMs);
  }

  #work(): void {
    const nowMs = performance.now();
    for (const line of this.#lines) {
      for (let sent = 0; dueMs(line) <= nowMs && this.#lines.has(line); sent++) {
        if (sent === maxCatchUpFrames) {
          this.#overrun = true;
          break;
        }
        const due = dueMs(line);
        this.#lateness.recordValue(Math.max(0, Math.round((performance.now() - due) * 1000)));
        line.send(line.nextIndex, due);
        line.nextIndex++;
      }
    }
  }
}

function dueMs(line: Line): number {
  return line.startMs + (line.nextIndex + 1) * frameMs;
}
