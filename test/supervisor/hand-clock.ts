import type { Clock } from "../../gateway/clock.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";

/** Time that passes when the test says so, in one step as on a machine that was suspended, or in small ones. */
export class HandClock implements Clock {
  readonly #pending = new Set<{ atMs: number; fn: () => void }>();
  readonly #system = createSystemClock();
  #now = 0;
  nowMs = () => this.#now;
  epochMs = () => this.#now;
  random = () => this.#system.random();
  randomId = (bytes: number) => this.#system.randomId(bytes);
  timer = (atMs: number, fn: () => void) => {
    const entry = { atMs, fn };
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  };

  jump(byMs: number): void {
    this.#now += byMs;
    for (const entry of [...this.#pending]) {
      if (entry.atMs > this.#now) continue;
      this.#pending.delete(entry);
      entry.fn();
    }
  }

  pass(byMs: number): void {
    for (let passed = 0; passed < byMs; passed += 100) this.jump(100);
  }
}
