import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { ProviderFault } from "../../gateway/providers/provider.ts";
import { createBreaker } from "../../gateway/resilience/breaker.ts";
import type { VendorHealthStore } from "../../gateway/state/vendor-health.ts";
import {
  cacheMs,
  createVendorHealthStore,
  openingMaxMs,
  retryMs,
} from "../../gateway/state/vendor-health.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import type { FakeClock } from "../turn/fake-clock.ts";
import { createFakeClock } from "../turn/fake-clock.ts";

const home = mkdtempSync(join(tmpdir(), "parley-health-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

let files = 0;
let path = "";
let clock: FakeClock = createFakeClock();
const lines: string[] = [];
const log = {
  warn: (_: object, words: string) => void lines.push(`warn ${words}`),
  info: (_: object, words: string) => void lines.push(`info ${words}`),
};
let seed = 0;

beforeEach(() => {
  files += 1;
  path = join(home, `${files}.sqlite`);
  clock = createFakeClock();
  lines.length = 0;
});

/** One process's view: ids are drawn from its own seed. */
function openStore(): VendorHealthStore {
  seed += 1;
  const { randomId } = createFakeClock(0, seed);
  return createVendorHealthStore({ path, clock: { ...clock, randomId }, log });
}

const until = (ms: number) => clock.epochMs() + ms;

describe("the machine's knowledge of vendors", () => {
  it("tells every process of an opening, a little later at most, and of the closing", async () => {
    const [a, b] = [openStore(), openStore()];
    expect(b.read("ai/x")).toBeNull();
    a.open("ai/x", { reason: "failures", untilEpochMs: until(5000) });
    expect(a.read("ai/x")).toMatchObject({ reason: "failures" });
    await clock.advance(cacheMs);
    expect(b.read("ai/x")).toEqual({ reason: "failures", untilEpochMs: until(5000 - cacheMs) });
    expect(b.read("tts/x")).toBeNull();
    b.close("ai/x");
    await clock.advance(cacheMs);
    expect(a.read("ai/x")).toBeNull();
  });

  it("answers from memory in between", () => {
    const a = openStore();
    expect(a.read("ai/x")).toBeNull();
    openStore().open("ai/x", { reason: "key", untilEpochMs: until(5000) });
    expect(a.read("ai/x")).toBeNull();
  });

  it("keeps the later end of two openings, with its reason", async () => {
    const [a, b] = [openStore(), openStore()];
    a.open("ai/x", { reason: "key", untilEpochMs: until(600_000) });
    b.open("ai/x", { reason: "failures", untilEpochMs: until(5000) });
    expect(b.read("ai/x")).toEqual({ reason: "key", untilEpochMs: until(600_000) });
  });

  it("does not believe an end that only a jumping clock can have written", async () => {
    const [a, b] = [openStore(), openStore()];
    a.open("ai/x", { reason: "key", untilEpochMs: until(10 * openingMaxMs) });
    expect(a.read("ai/x")).toEqual({ reason: "key", untilEpochMs: until(0) });
    await clock.advance(60_000);
    expect(b.read("ai/x")).toEqual({ reason: "key", untilEpochMs: until(0) });
    expect([b.claimProbe("ai/x", 500), a.claimProbe("ai/x", 500)]).toEqual(["mine", "taken"]);
    b.open("ai/x", { reason: "failures", untilEpochMs: until(1000) });
    expect(b.read("ai/x")).toEqual({ reason: "failures", untilEpochMs: until(1000) });
    await clock.advance(1000);
    expect(a.claimProbe("ai/x", 500)).toBe("mine");
  });

  it("does not wait for a probe that was claimed before the clock was set back", () => {
    const [a, b] = [openStore(), openStore()];
    a.open("ai/x", { reason: "failures", untilEpochMs: until(-1) });
    expect(a.claimProbe("ai/x", 10 * openingMaxMs)).toBe("mine");
    expect(b.claimProbe("ai/x", 500)).toBe("mine");
  });

  it("leaves a vendor alone for as long as it can be set to", () => {
    const a = openStore();
    a.open("ai/x", { reason: "failures", untilEpochMs: until(60 * 60_000) });
    expect(a.read("ai/x")).toEqual({ reason: "failures", untilEpochMs: until(60 * 60_000) });
    expect(a.claimProbe("ai/x", 500)).toBe("taken");
  });

  it("hinders no process by a claim of its own that it could not give back", async () => {
    const [a, b] = [openStore(), openStore()];
    a.open("ai/x", { reason: "failures", untilEpochMs: until(-1) });
    expect(a.claimProbe("ai/x", 30_000)).toBe("mine");
    expect([b.claimProbe("ai/x", 30_000), a.claimProbe("ai/x", 30_000)]).toEqual(["taken", "mine"]);
  });

  it("gives the probe to one process, until it is given back, has expired or the vendor opens anew", async () => {
    const [a, b] = [openStore(), openStore()];
    const opening = { reason: "failures", untilEpochMs: until(1000) };
    a.open("ai/x", opening);
    expect(a.claimProbe("ai/x", 500)).toBe("taken");
    await clock.advance(1000);
    expect([a.claimProbe("ai/x", 500), b.claimProbe("ai/x", 500)]).toEqual(["mine", "taken"]);
    b.releaseProbe("ai/x");
    expect(b.claimProbe("ai/x", 500)).toBe("taken");
    a.releaseProbe("ai/x");
    expect(b.claimProbe("ai/x", 500)).toBe("mine");
    await clock.advance(501);
    expect(a.claimProbe("ai/x", 500)).toBe("mine");
    a.open("ai/x", { ...opening, untilEpochMs: until(1000) });
    await clock.advance(1000);
    expect(b.claimProbe("ai/x", 500)).toBe("mine");
  });

  it("lets one real process of eight have the probe", async () => {
    openStore().open("ai/x", { reason: "failures", untilEpochMs: Date.now() - 1 });
    const children = Array.from({ length: 8 }, () =>
      fork(new URL("vendor-health-process.ts", import.meta.url), [path]),
    );
    await Promise.all(children.map((child) => once(child, "message")));
    const claims = children.map(async (child) => {
      const answer = once(child, "message");
      child.send("claim");
      return (await answer)[0] as string;
    });
    const got = await Promise.all(claims);
    expect(got.filter((claim) => claim === "mine")).toHaveLength(1);
    expect(got.filter((claim) => claim === "taken")).toHaveLength(7);
  });

  it("says that it does not know while the file is locked, complains once, and knows again afterwards", async () => {
    const a = openStore();
    expect(a.read("ai/x")).toBeNull();
    const other = new DatabaseSync(path);
    other.exec("BEGIN EXCLUSIVE");
    for (let round = 0; round < 3; round += 1) {
      expect(a.open("ai/x", { reason: "failures", untilEpochMs: until(5000) })).toBe(false);
      expect(a.read("ai/x")).toBeUndefined();
      expect(a.claimProbe("ai/x", 500)).toBe("unknown");
      await clock.advance(retryMs);
    }
    expect(lines).toHaveLength(1);
    other.exec("ROLLBACK");
    other.close();
    await clock.advance(retryMs);
    expect(a.open("ai/x", { reason: "failures", untilEpochMs: until(5000) })).toBe(true);
    expect(a.read("ai/x")).toMatchObject({ reason: "failures" });
    expect(lines).toHaveLength(2);
  });

  it("says that it does not know when the file is none, or its folder isn't there", () => {
    writeFileSync(path, "this is no database, whatever its name says ".repeat(200));
    const broken = openStore();
    expect(broken.read("ai/x")).toBeUndefined();
    expect(broken.close("ai/x")).toBe(false);
    path = join(home, "nowhere", "x.sqlite");
    expect(openStore().read("ai/x")).toBeUndefined();
    expect(lines.every((line) => line.startsWith("warn"))).toBe(true);
    broken.shutdown();
  });
});

describe("breakers of two processes", () => {
  const resetMs = 10_000;
  const down: ProviderFault = { code: "provider_unavailable", message: "down", retryable: true };
  const badKey: ProviderFault = { ...down, code: "provider_rejected", blame: "key" };
  const settle = () => clock.settle();
  function openBreaker(shared: VendorHealthStore) {
    return createBreaker({
      ...{ name: "ai/x", clock, shared, windowMs: 30_000, resetMs, probeMs: 30_000 },
      onChange: () => undefined,
    });
  }
  async function failThrice(breaker: ReturnType<typeof openBreaker>) {
    for (let call = 0; call < 3; call += 1) {
      breaker.enter()?.fail(down);
      await settle();
    }
  }

  it("open together: who has not failed itself calls no longer", async () => {
    const [a, b] = [openBreaker(openStore()), openBreaker(openStore())];
    expect(b.ready()).toBe(true);
    await failThrice(a);
    await clock.advance(cacheMs);
    expect([b.state, b.enter(), b.state, b.reason]).toEqual(["closed", null, "open", "failures"]);
    a.shutdown();
    b.shutdown();
  });

  it("share one word on a key", async () => {
    const [a, b] = [openBreaker(openStore()), openBreaker(openStore())];
    a.enter()?.fail(badKey);
    await clock.advance(cacheMs);
    expect([b.enter(), b.reason]).toEqual([null, "key"]);
    a.shutdown();
    b.shutdown();
  });

  it("a process that comes new while a vendor waits for its probe does not call freely", async () => {
    const a = openStore();
    a.open("ai/x", { reason: "failures", untilEpochMs: until(-1) });
    const late = openBreaker(openStore());
    expect(late.enter()).toBeNull();
    expect(late.state).not.toBe("closed");
    late.shutdown();
  });

  it("send one probe a machine, time after time; its success closes all", async () => {
    vi.useFakeTimers();
    const system = createSystemClock();
    const open = () =>
      createBreaker({
        ...{ name: "ai/x", clock: system, windowMs: 30_000, resetMs, probeMs: 30_000 },
        shared: createVendorHealthStore({ path, clock: system, log }),
        onChange: () => undefined,
      });
    const breakers = Array.from({ length: 4 }, open);
    try {
      for (let call = 0; call < 3; call += 1) {
        breakers[0]!.enter()?.fail(down);
        await vi.advanceTimersByTimeAsync(0);
      }
      let calls = 0;
      for (let ms = 0; ms < 5 * resetMs; ms += 50) {
        for (const breaker of breakers) {
          const pass = breaker.enter();
          if (pass === null) continue;
          // Somebody may still believe for a moment what was read before the opening.
          if (ms <= cacheMs && !pass.probe) {
            pass.end();
            continue;
          }
          calls += 1;
          expect(pass.probe).toBe(true);
          setTimeout(() => pass.fail(down), 700);
        }
        await vi.advanceTimersByTimeAsync(50);
      }
      // One each reset time (and the 700 ms that a probe takes).
      expect(calls).toBe(4);
      await vi.advanceTimersByTimeAsync(2 * resetMs);
      const passes = breakers.map((breaker) => breaker.enter()).filter((pass) => pass !== null);
      expect(passes).toHaveLength(1);
      passes[0]!.useful();
      await vi.advanceTimersByTimeAsync(2 * cacheMs);
      expect(breakers.map((breaker) => breaker.enter()?.probe)).toEqual([false, false, false, false]);
    } finally {
      for (const breaker of breakers) breaker.shutdown();
      vi.useRealTimers();
    }
  });

  it("work without the file, each for itself", async () => {
    writeFileSync(path, "no database ".repeat(500));
    const [a, b] = [openBreaker(openStore()), openBreaker(openStore())];
    await failThrice(a);
    await clock.advance(cacheMs);
    expect([a.state, b.state, b.enter()?.probe]).toEqual(["open", "closed", false]);
    a.shutdown();
    b.shutdown();
  });
});
