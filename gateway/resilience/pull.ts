/**
 * Reads an async iterable with a deadline and a cancellation. `iterator.return()` does not interrupt a pending
 * `next()`, so every wait ends at the first of: an event, the deadline, the abort. One timer at most, moved
 * lazily: a stream of a thousand events costs one timer, not a thousand.
 */
import type { Clock, Timer } from "../clock.ts";

export type Pulled<E> =
  | { kind: "event"; event: E }
  /** The deadline passed; `dueAtMs` says which moment was meant. */
  | { kind: "overdue"; dueAtMs: number }
  | { kind: "aborted" }
  /** The stream ended, or threw (which no provider may). */
  | { kind: "closed" };

export interface Pull<E> {
  /** Waits for the next event until `dueAtMs` (Infinity: no deadline). One call at a time. */
  next(dueAtMs: number): Promise<Pulled<E>>;
  /** Moves the deadline of the wait that is under way. */
  setDue(dueAtMs: number): void;
  /** Ends the timer and the listener; asks the iterator to return, without waiting for it. */
  close(): void;
}

/** A timer that fires so much too late tells that the process stood still, … */
const standstillMs = 20;
/** … and for so long what came meanwhile is read before anybody is blamed: timers come before sockets. */
const readMs = 20;

/**
 * @param signal - ends a wait with "aborted" once, at the moment of the abort; later waits go on (to drain)
 */
export function openPull<E>(source: AsyncIterable<E>, clock: Clock, signal: AbortSignal): Pull<E> {
  const iterator = source[Symbol.asyncIterator]();
  let settle: ((pulled: Pulled<E>) => void) | null = null;
  let late: Pulled<E> | null = null;
  let inFlight = false;
  let ended = false;
  let dueAtMs = Number.POSITIVE_INFINITY;
  let timer: Timer | null = null;
  let timerAtMs = Number.POSITIVE_INFINITY;
  let isReading = false;

  function finish(pulled: Pulled<E>): boolean {
    const waiting = settle;
    settle = null;
    isReading = false;
    waiting?.(pulled);
    return waiting !== null;
  }
  function arm(): void {
    if (settle === null || dueAtMs >= timerAtMs || dueAtMs === Number.POSITIVE_INFINITY) return;
    timer?.cancel();
    timerAtMs = Math.max(dueAtMs, clock.nowMs());
    timer = clock.timer(timerAtMs, onTimer);
  }
  function onTimer(): void {
    const nowMs = clock.nowMs();
    const lateMs = nowMs - timerAtMs;
    timer = null;
    timerAtMs = Number.POSITIVE_INFINITY;
    if (nowMs < dueAtMs) return arm();
    if (lateMs <= standstillMs || isReading || settle === null)
      return void finish({ kind: "overdue", dueAtMs });
    isReading = true;
    timerAtMs = nowMs + readMs;
    timer = clock.timer(timerAtMs, onTimer);
  }
  function arrive(pulled: Pulled<E>): void {
    inFlight = false;
    if (pulled.kind === "closed") ended = true;
    if (!finish(pulled)) late = pulled;
  }
  // Made once: a stream has hundreds of events.
  const onResult = (result: IteratorResult<E>) =>
    arrive(result.done ? { kind: "closed" } : { kind: "event", event: result.value });
  const onThrow = () => arrive({ kind: "closed" });
  const onAbort = () => finish({ kind: "aborted" });
  signal.addEventListener("abort", onAbort, { once: true });

  return {
    next(due) {
      dueAtMs = due;
      if (late !== null) {
        const pulled = late;
        late = null;
        return Promise.resolve(pulled);
      }
      return new Promise((resolve) => {
        settle = resolve;
        arm();
        if (inFlight) return;
        inFlight = true;
        iterator.next().then(onResult, onThrow);
      });
    },
    setDue(due) {
      dueAtMs = due;
      arm();
    },
    close() {
      signal.removeEventListener("abort", onAbort);
      timer?.cancel();
      timer = null;
      settle = null;
      if (!ended) iterator.return?.().then(undefined, () => undefined);
    },
  };
}
