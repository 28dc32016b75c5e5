/** How many calls a vendor may have from this process, at once and a minute: the account's quota, kept before it is hit. */
import type { Clock } from "../clock.ts";

export interface CapLimits {
  /** 0 for no limit. */
  inFlight: number;
  /** 0 for no limit. */
  perMinute: number;
}

export interface Cap {
  readonly inFlight: number;
  /** True when a call would be let in now. */
  hasRoom(): boolean;
  /** Lets one call in; false when the vendor is full. Never waits: the next link is asked instead. */
  enter(): boolean;
  /** That call has ended. */
  leave(): void;
}

/** Seconds that a minute's calls are counted in; one more, since the first is only half over when it begins to count. */
const slots = 61;

export function createCap(limits: CapLimits, clock: Clock): Cap {
  const begun = new Uint32Array(slots);
  let inMinute = 0;
  let second = 0;
  let inFlight = 0;

  function turn(): void {
    const now = Math.floor(clock.nowMs() / 1000);
    const passed = Math.min(slots, now - second);
    for (let step = 1; step <= passed; step += 1) {
      const slot = (second + step) % slots;
      inMinute -= begun[slot]!;
      begun[slot] = 0;
    }
    if (passed === slots) {
      begun.fill(0);
      inMinute = 0;
    }
    if (passed > 0) second = now;
  }
  function hasRoom(): boolean {
    if (limits.inFlight > 0 && inFlight >= limits.inFlight) return false;
    if (limits.perMinute === 0) return true;
    turn();
    return inMinute < limits.perMinute;
  }

  return {
    get inFlight() {
      return inFlight;
    },
    hasRoom,
    enter() {
      if (!hasRoom()) return false;
      inFlight += 1;
      if (limits.perMinute > 0) {
        begun[second % slots]! += 1;
        inMinute += 1;
      }
      return true;
    },
    leave() {
      inFlight -= 1;
    },
  };
}
