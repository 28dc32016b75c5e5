/** Time that stands still until everything that waits on promises has got on: days pass in seconds. */
import type { Clock as FakeTimers } from "@sinonjs/fake-timers";
import { install } from "@sinonjs/fake-timers";
import type { Clock } from "../../gateway/clock.ts";
import type { Dice } from "./dice.ts";

/** The loop's own, taken before anything is faked. */
const nextLoop = globalThis.setImmediate;

export interface VirtualTime {
  readonly clock: Clock;
  /** Runs timers in order until `done()` or until `limitMs` have passed. @returns whether it was done */
  run(done: () => boolean, limitMs: number): Promise<boolean>;
  /** Timers that wait. */
  readonly pending: number;
  uninstall(): void;
}

/** Libraries call `Date.now` and `setTimeout` themselves, so the fakes are global until `uninstall`. */
export function installVirtualTime(dice: Dice, startMs = 1_700_000_000_000): VirtualTime {
  const timers: FakeTimers = install({
    now: startMs,
    toFake: ["Date", "setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"],
    loopLimit: 1_000_000,
  });
  const settle = () => new Promise<void>((resolve) => nextLoop(resolve));
  const clock: Clock = {
    nowMs: () => timers.now - startMs + 1_000,
    epochMs: () => timers.now,
    timer(atMs, fn) {
      const handle = timers.setTimeout(fn, Math.max(0, Math.ceil(atMs - clock.nowMs())));
      return { cancel: () => timers.clearTimeout(handle) };
    },
    random: () => dice.ratio(),
    randomId: (bytes) => dice.id(bytes),
  };
  return {
    clock,
    async run(done, limitMs) {
      const endMs = timers.now + limitMs;
      await settle();
      while (!done()) {
        if (timers.countTimers() === 0 || timers.now > endMs) return false;
        timers.next();
        await settle();
      }
      return true;
    },
    get pending() {
      return timers.countTimers();
    },
    uninstall: () => timers.uninstall(),
  };
}
