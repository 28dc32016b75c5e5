import { randomBytes } from "node:crypto";
import type { Clock, Timer } from "./clock.ts";

/** Longest delay that `setTimeout` takes before it silently becomes 1 ms. */
const maxDelayMs = 2 ** 31 - 1;

/**
 * What must be added to `performance.now()` to stand on the line of `process.hrtime`, which all threads share.
 * Both read the same counter; `performance.now()` allocates nothing, so the hot path uses it.
 */
const hrtimeOffsetMs = measureOffsetMs();

function measureOffsetMs(): number {
  let offsetMs = Number.POSITIVE_INFINITY;
  // The smallest of a few readings is the one that was not interrupted between the two clocks.
  for (let reading = 0; reading < 8; reading++) {
    const beforeMs = performance.now();
    offsetMs = Math.min(offsetMs, Number(process.hrtime.bigint()) / 1e6 - beforeMs);
  }
  return offsetMs;
}

class SystemTimer implements Timer {
  #handle: NodeJS.Timeout | null = null;
  readonly #clock: Clock;
  readonly #atMs: number;
  readonly #fn: () => void;

  constructor(clock: Clock, atMs: number, fn: () => void) {
    this.#clock = clock;
    this.#atMs = atMs;
    this.#fn = fn;
    this.#arm();
  }

  #arm(): void {
    const delayMs = Math.min(maxDelayMs, Math.max(0, Math.ceil(this.#atMs - this.#clock.nowMs())));
    this.#handle = setTimeout(() => {
      // A delay can be cut by the platform's limit, and libuv may fire a fraction early.
      if (this.#clock.nowMs() < this.#atMs) return this.#arm();
      this.#handle = null;
      this.#fn();
    }, delayMs);
  }

  cancel(): void {
    if (this.#handle !== null) clearTimeout(this.#handle);
    this.#handle = null;
  }
}

/** Random bytes are drawn this many at a time: a call for each identifier costs more than all that is done with it. */
const drawnBytes = 4096;
let drawn = Buffer.alloc(0);

function randomId(bytes: number): string {
  if (bytes > drawnBytes) return randomBytes(bytes).toString("base64url");
  if (bytes > drawn.length) drawn = randomBytes(drawnBytes);
  const id = drawn.toString("base64url", 0, bytes);
  drawn = drawn.subarray(bytes);
  return id;
}

/** The machine's own time and chance. Timers are `setTimeout`'s: a millisecond coarse, never early. */
export function createSystemClock(): Clock {
  const clock: Clock = {
    nowMs: () => performance.now() + hrtimeOffsetMs,
    epochMs: () => Date.now(),
    timer: (atMs, fn) => new SystemTimer(clock, atMs, fn),
    random: () => Math.random(),
    randomId,
  };
  return clock;
}
