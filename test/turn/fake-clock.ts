import type { Clock, Timer } from "../../gateway/clock.ts";

/** A clock that stands still until it is told to go on. */
export interface FakeClock extends Clock {
  /**
   * Moves to `nowMs() + ms`, running due timers in order of time; between two of them everything that waits on
   * promises gets its turn. Also settles before and after.
   */
  advance(ms: number): Promise<void>;
  /** Lets everything that waits on promises get on; time stands still. */
  settle(): Promise<void>;
  /** Advances from timer to timer until `promise` is settled. Throws when time would pass `limitMs`. */
  until<T>(promise: Promise<T>, limitMs?: number): Promise<T>;
  /** Timers not yet run or cancelled. */
  readonly pendingTimers: number;
}

interface FakeTimer {
  atMs: number;
  order: number;
  fn: () => void;
}

/**
 * @param startMs - first `nowMs()`
 * @param seed - of `random` and `randomId`
 */
export function createFakeClock(startMs = 1_000, seed = 1): FakeClock {
  let nowMs = startMs;
  let state = seed >>> 0;
  let order = 0;
  const timers = new Set<FakeTimer>();

  const random = () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  // All microtasks run before the next turn of the loop.
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const nextTimer = () => {
    let next: FakeTimer | null = null;
    for (const timer of timers) {
      if (next === null || timer.atMs < next.atMs || (timer.atMs === next.atMs && timer.order < next.order))
        next = timer;
    }
    return next;
  };
  const run = (timer: FakeTimer) => {
    timers.delete(timer);
    nowMs = Math.max(nowMs, timer.atMs);
    timer.fn();
  };

  return {
    nowMs: () => nowMs,
    epochMs: () => 1_700_000_000_000 + nowMs,
    timer(atMs, fn): Timer {
      const timer = { atMs, order: order++, fn };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    random,
    randomId: (bytes) =>
      Buffer.from(Array.from({ length: bytes }, () => Math.floor(random() * 256))).toString("base64url"),
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (let timer = nextTimer(); timer !== null && timer.atMs <= untilMs; timer = nextTimer()) {
        run(timer);
        await settle();
      }
      nowMs = untilMs;
      await settle();
    },
    settle,
    async until(promise, limitMs = 3_600_000) {
      let settled = false;
      const done = () => {
        settled = true;
      };
      promise.then(done, done);
      const endMs = nowMs + limitMs;
      await settle();
      while (!settled) {
        const timer = nextTimer();
        if (timer === null || timer.atMs > endMs)
          throw new Error("nothing that is due would settle the promise");
        run(timer);
        await settle();
      }
      return promise;
    },
    get pendingTimers() {
      return timers.size;
    },
  };
}
