import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { maxRetries, RetryClock, retryWaitsMs } from "../../client/page/retry-clock.ts";

describe("RetryClock", () => {
  let answers: ((worked: boolean) => void)[];
  let signals: AbortSignal[];
  let ticks: number[];
  let givenUp: number;
  let clock: RetryClock;

  beforeEach(() => {
    vi.useFakeTimers();
    [answers, signals, ticks, givenUp] = [[], [], [], 0];
    clock = new RetryClock({
      tick: (seconds) => ticks.push(seconds),
      attempt: (signal) => {
        signals.push(signal);
        return new Promise((resolve) => answers.push(resolve));
      },
      givenUp: () => {
        givenUp++;
      },
    });
  });
  afterEach(() => {
    clock.stop();
    vi.useRealTimers();
  });

  async function answer(worked: boolean): Promise<void> {
    answers.at(-1)!(worked);
    await vi.advanceTimersByTimeAsync(0);
  }

  it("waits longer after each try in vain, up to its last wait, and stops after one that worked", async () => {
    clock.start();
    for (const waitMs of [...retryWaitsMs, retryWaitsMs.at(-1)!]) {
      const before = answers.length;
      expect(ticks.at(-1)).toBe(waitMs / 1000);
      await vi.advanceTimersByTimeAsync(waitMs - 1);
      expect(answers).toHaveLength(before);
      await vi.advanceTimersByTimeAsync(250);
      expect(answers).toHaveLength(before + 1);
      await answer(false);
    }
    clock.hurry();
    await answer(true);
    expect(clock.running).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("gives up after its last try", async () => {
    clock.start();
    for (let tries = 0; tries < maxRetries; tries++) {
      clock.hurry();
      await answer(false);
    }
    expect([givenUp, clock.running, answers.length]).toEqual([1, false, maxRetries]);
  });

  it("leaves a try alone that was begun before it was stopped, also when it runs anew by then", async () => {
    clock.start();
    clock.hurry();
    expect(signals[0]!.aborted).toBe(false);
    clock.stop();
    expect(signals[0]!.aborted).toBe(true);
    clock.start();
    await answer(false);
    expect(vi.getTimerCount()).toBe(1);
    answers[0]!(true);
    await vi.advanceTimersByTimeAsync(retryWaitsMs[0]!);
    expect(answers).toHaveLength(2);
    expect(signals[1]!.aborted).toBe(false);
  });
});
