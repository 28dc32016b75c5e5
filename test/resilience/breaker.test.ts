import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ProviderFault } from "../../gateway/providers/provider.ts";
import type { Breaker, BreakerState, OpeningReason } from "../../gateway/resilience/breaker.ts";
import {
  createBreaker,
  keyOpenMs,
  quotaOpenMs,
  retryAfterLeastMs,
  retryAfterMostMs,
} from "../../gateway/resilience/breaker.ts";
import { createCircuit } from "../../gateway/resilience/opossum-circuit.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";

const resetMs = 10_000;
const windowMs = 30_000;
const down: ProviderFault = { code: "provider_unavailable", message: "down", retryable: true };
const quota = (retryAfterMs?: number): ProviderFault => ({
  ...{ code: "provider_overloaded", message: "429", retryable: true, blame: "quota" },
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});
const badKey: ProviderFault = { code: "provider_rejected", message: "401", retryable: false, blame: "key" };
const badRequest: ProviderFault = { ...badKey, message: "413", blame: "request" };
const full: ProviderFault = { ...down, code: "provider_overloaded", message: "no place", blame: "full" };

type Change = [BreakerState, OpeningReason | null];
const opened: Breaker[] = [];

function open(changes: Change[] = []): Breaker {
  const breaker = createBreaker({
    ...{ name: "ai/a", clock: createSystemClock(), shared: null, windowMs, resetMs, probeMs: 30_000 },
    onChange: (state, reason) => changes.push([state, reason]),
  });
  opened.push(breaker);
  return breaker;
}

/** Votes are counted once promises had their turn. */
const settle = async () => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

async function failTimes(breaker: Breaker, times: number, fault = down): Promise<void> {
  for (let call = 0; call < times; call += 1) {
    breaker.enter()?.fail(fault);
    await settle();
  }
}

async function succeed(breaker: Breaker): Promise<void> {
  const pass = breaker.enter();
  pass?.useful();
  pass?.end();
  await settle();
}

beforeEach(() => {
  // opossum reads Date.now and sets timers itself: only a global virtual clock moves it.
  vi.useFakeTimers();
});
afterEach(() => {
  for (const breaker of opened.splice(0)) breaker.shutdown();
  expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
  vi.useRealTimers();
});

describe("a breaker, and what opossum would do by itself", () => {
  it("1. does not open at the first failure, but at the third of three", async () => {
    const breaker = open();
    await failTimes(breaker, 2);
    expect(breaker.state).toBe("closed");
    await failTimes(breaker, 1);
    expect(breaker.state).toBe("open");
    expect(breaker.enter()).toBeNull();
  });

  it("2. half-open admits one probe, and another when that one told nothing", async () => {
    const breaker = open();
    await failTimes(breaker, 3);
    await vi.advanceTimersByTimeAsync(resetMs);
    expect(breaker.state).toBe("half_open");
    const probe = breaker.enter();
    expect(probe?.probe).toBe(true);
    expect(Array.from({ length: 50 }, () => breaker.enter())).toEqual(Array(50).fill(null));
    probe?.end();
    expect(breaker.state).toBe("half_open");
    expect(breaker.enter()?.probe).toBe(true);
    expect(breaker.enter()).toBeNull();
  });

  it("3. is not closed by a late success, nor opened by a late failure, of a call from before its opening", async () => {
    const breaker = open();
    const [late, later] = [breaker.enter(), breaker.enter()];
    await failTimes(breaker, 3);
    await vi.advanceTimersByTimeAsync(resetMs);
    late?.useful();
    late?.end();
    await settle();
    expect(breaker.state).toBe("half_open");
    await succeed(breaker);
    expect(breaker.state).toBe("closed");
    later?.fail(down);
    await settle();
    expect(breaker.state).toBe("closed");
  });

  it("4. takes a request that is itself to blame for no vote: it neither closes nor opens", async () => {
    const breaker = open();
    await failTimes(breaker, 20, badRequest);
    expect(breaker.state).toBe("closed");
    await failTimes(breaker, 3);
    await vi.advanceTimersByTimeAsync(resetMs);
    await failTimes(breaker, 1, badRequest);
    expect(breaker.state).toBe("half_open");
    await failTimes(breaker, 1, quota(1000));
    expect([breaker.state, breaker.reason]).toEqual(["open", "quota"]);
  });

  it("5. has no signal of its own that could abort a sibling, and no deadline", async () => {
    const circuit = createCircuit({ name: "a", windowMs, resetMs, votesLeast: 3, failurePercent: 49 });
    const options = circuit.options as unknown as Record<string, unknown>;
    expect(options.abortController).toBeUndefined();
    expect(options.timeout).toBe(false);
    circuit.shutdown();
    const breaker = open();
    const slow = breaker.enter();
    await failTimes(breaker, 1, { ...down, code: "provider_timeout" });
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    slow?.useful();
    slow?.end();
    await settle();
    expect(breaker.state).toBe("closed");
  });

  it("6. hears of a failure after the first output: three streams that broke off open it", async () => {
    const breaker = open();
    for (let call = 0; call < 3; call += 1) {
      const pass = breaker.enter();
      pass?.useful();
      await settle();
      pass?.fail(down);
      await settle();
    }
    expect(breaker.state).toBe("open");
  });

  it("6. hears of a probe that breaks off after it was believed", async () => {
    const breaker = open();
    await failTimes(breaker, 3);
    await vi.advanceTimersByTimeAsync(resetMs);
    const probe = breaker.enter();
    probe?.useful();
    await settle();
    expect(breaker.state).toBe("closed");
    probe?.fail(down);
    await settle();
    // The failures from before are still in the window: a relapse opens at once.
    expect(breaker.state).toBe("open");
  });

  it("7. keeps neither percentiles nor snapshots", () => {
    const circuit = createCircuit({ name: "a", windowMs, resetMs, votesLeast: 3, failurePercent: 49 });
    const options = circuit.options as unknown as Record<string, unknown>;
    expect(options.rollingPercentilesEnabled).toBe(false);
    expect(options.enableSnapshots).toBe(false);
    // One timer: the one that turns the buckets.
    expect(vi.getTimerCount()).toBe(1);
    circuit.shutdown();
  });

  it("8. is not thinned by calls that it turned away", async () => {
    const breaker = open();
    await failTimes(breaker, 3);
    for (let call = 0; call < 1000; call += 1) expect(breaker.enter()).toBeNull();
    await vi.advanceTimersByTimeAsync(resetMs);
    await succeed(breaker);
    expect(breaker.state).toBe("closed");
    // Three failures and one success in the window: one more failure is four of five, not four of a thousand.
    await failTimes(breaker, 1);
    expect(breaker.state).toBe("open");
  });

  it("9. keeps its times by the global clock, and forgets failures after its window", async () => {
    const breaker = open();
    await failTimes(breaker, 2);
    await vi.advanceTimersByTimeAsync(windowMs + windowMs / 10);
    await failTimes(breaker, 1);
    expect(breaker.state).toBe("closed");
    await failTimes(breaker, 2);
    await vi.advanceTimersByTimeAsync(resetMs - 1);
    expect(breaker.state).toBe("open");
    await vi.advanceTimersByTimeAsync(1);
    expect(breaker.state).toBe("half_open");
  });
});

describe("a breaker", () => {
  it("counts half of the calls failing as ill, and fewer as well", async () => {
    const well = open();
    for (let round = 0; round < 20; round += 1) {
      await succeed(well);
      await succeed(well);
      await failTimes(well, 1);
    }
    expect(well.state).toBe("closed");
    const ill = open();
    await succeed(ill);
    await succeed(ill);
    await failTimes(ill, 2);
    expect(ill.state).toBe("open");
  });

  it("never counts a caller's barge-in", async () => {
    const breaker = open();
    await failTimes(breaker, 2);
    for (let call = 0; call < 100; call += 1) breaker.enter()?.end();
    await settle();
    expect(breaker.state).toBe("closed");
    await failTimes(breaker, 1);
    expect(breaker.state).toBe("open");
  });

  it("never counts a call that got no place on our own connections, and asks again for a probe that got none", async () => {
    const breaker = open();
    await failTimes(breaker, 100, full);
    expect(breaker.state).toBe("closed");
    await failTimes(breaker, 3);
    await vi.advanceTimersByTimeAsync(resetMs);
    await failTimes(breaker, 1, full);
    expect(breaker.state).toBe("half_open");
    await succeed(breaker);
    expect(breaker.state).toBe("closed");
  });

  it("opens at once and for long when the key is refused; then one probe", async () => {
    const changes: Change[] = [];
    const breaker = open(changes);
    await failTimes(breaker, 1, badKey);
    expect([breaker.state, breaker.reason]).toEqual(["open", "key"]);
    await vi.advanceTimersByTimeAsync(keyOpenMs - 1);
    expect(breaker.enter()).toBeNull();
    await vi.advanceTimersByTimeAsync(1);
    await failTimes(breaker, 1, badKey);
    expect(breaker.state).toBe("open");
    expect(changes).toEqual([
      ["open", "key"],
      ["half_open", "key"],
      ["open", "key"],
    ]);
  });

  it.each([
    ["as it says", 7000, 7000],
    ["but not longer than ten minutes", 86_400_000, retryAfterMostMs],
    ["but not shorter than half a second", 0, retryAfterLeastMs],
  ])("obeys Retry-After, %s", async (_, saidMs, obeyedMs) => {
    const breaker = open();
    await failTimes(breaker, 1, quota(saidMs));
    await vi.advanceTimersByTimeAsync(obeyedMs - 1);
    expect(breaker.enter()).toBeNull();
    await vi.advanceTimersByTimeAsync(1);
    expect(breaker.enter()?.probe).toBe(true);
  });

  it("doubles the wait for quota in a row without Retry-After, until a call goes well", async () => {
    const breaker = open();
    for (const waitMs of [quotaOpenMs, 2 * quotaOpenMs, 4 * quotaOpenMs]) {
      await failTimes(breaker, 1, quota());
      await vi.advanceTimersByTimeAsync(waitMs - 1);
      expect(breaker.enter()).toBeNull();
      await vi.advanceTimersByTimeAsync(1);
      expect(breaker.state).toBe("half_open");
    }
    await succeed(breaker);
    await failTimes(breaker, 1, quota());
    await vi.advanceTimersByTimeAsync(quotaOpenMs);
    expect(breaker.state).toBe("half_open");
  });

  it("goes back to its own reset time after an opening that had another", async () => {
    const breaker = open();
    await failTimes(breaker, 1, quota(1000));
    await vi.advanceTimersByTimeAsync(1000);
    await failTimes(breaker, 1);
    expect(breaker.state).toBe("open");
    await vi.advanceTimersByTimeAsync(resetMs - 1);
    expect(breaker.state).toBe("open");
  });

  it("lets no second probe in while the first one's vote is being counted", async () => {
    const breaker = open();
    await failTimes(breaker, 3);
    await vi.advanceTimersByTimeAsync(resetMs);
    breaker.enter()?.fail(down);
    expect(breaker.enter()).toBeNull();
    await settle();
    expect(breaker.state).toBe("open");
  });
});
