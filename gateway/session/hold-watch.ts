/** Watches a session for speakers who have waited too long for a sound: one timer, only while somebody waits. */
import type { Clock, Timer } from "../clock.ts";
import { type HoldSettings, holdAgainMs, soundDueAtMs } from "./holding.ts";
import type { SessionState } from "./state.ts";

export interface HoldWatch {
  /** To be called after every step. */
  look(): void;
  close(): void;
}

/** A sentence that is there at this rate is there at all of them. */
const anyRateHz = 24_000;

/** @param onOverdue - the engines are crowded and there is a sentence to be heard */
export function createHoldWatch(
  clock: Clock,
  hold: HoldSettings,
  session: () => SessionState,
  onOverdue: () => void,
): HoldWatch {
  let timer: Timer | null = null;
  let lookedAtMs = Number.NEGATIVE_INFINITY;

  function look(): void {
    const dueAtMs = soundDueAtMs(session(), hold.afterMs);
    if (dueAtMs === null) close();
    else timer ??= clock.timer(Math.max(dueAtMs, lookedAtMs + holdAgainMs), onTimer);
  }
  function onTimer(): void {
    timer = null;
    const nowMs = clock.nowMs();
    const dueAtMs = soundDueAtMs(session(), hold.afterMs);
    if (dueAtMs !== null && dueAtMs <= nowMs) {
      lookedAtMs = nowMs;
      if (hold.crowded() && hold.sentence(anyRateHz, false) !== null) onOverdue();
    }
    look();
  }
  function close(): void {
    timer?.cancel();
    timer = null;
  }
  return { look, close };
}
