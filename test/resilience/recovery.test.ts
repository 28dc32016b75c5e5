import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AiRequest, SttEvent, SttRequest } from "../../gateway/providers/provider.ts";
import type { AiChainEvent } from "../../gateway/resilience/ai-policy.ts";
import { aiPolicy } from "../../gateway/resilience/ai-policy.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import type { Guards } from "../../gateway/resilience/guard.ts";
import { createGuards } from "../../gateway/resilience/guard.ts";
import { sttPolicy } from "../../gateway/resilience/stt-policy.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import type { Step } from "./fake-providers.ts";
import { aiRequest, collect, createFakeProvider, openContext, text } from "./fake-providers.ts";

const resetMs = 10_000;

let guards: Guards;
let probes: string[] = [];

beforeEach(() => {
  // Breakers read the global clock: it is virtual here, and the gateway's clock goes by it.
  vi.useFakeTimers();
  probes = [];
  guards = createGuards({
    ...{
      clock: createSystemClock(),
      shared: null,
      breakerWindowMs: 30_000,
      breakerResetMs: resetMs,
      caps: {},
    },
    hedge: { enabled: true, limitUsdPerHour: null },
    observer: {
      changed: () => undefined,
      probed: (_, name, outcome) => void probes.push(`${name} ${outcome}`),
    },
  });
});
afterEach(() => {
  guards.shutdown();
  vi.useRealTimers();
});

async function finish<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  promise.finally(() => {
    settled = true;
  });
  for (let step = 0; !settled && step < 10_000; step += 1) await vi.advanceTimersByTimeAsync(10);
  return promise;
}

describe("an outage", () => {
  it.each<[string, Step<AiChainEvent>]>([
    ["refuses", { fail: "provider_unavailable" }],
    ["hangs", { hang: true }],
  ])(
    "in which the vendor %s costs it no more than its probes, and the first turn after it is its own again",
    async (_, fault) => {
      let dead = true;
      const a = createFakeProvider<AiRequest, AiChainEvent>("a", () =>
        dead ? [fault] : [{ wait: 20 }, text("a")],
      );
      const spare = createFakeProvider<AiRequest, AiChainEvent>("embedded", [text("spare")]);
      const clock = createSystemClock();
      const chain = createChain([a, spare], aiPolicy, { guards });
      const turn = async () => {
        const events = await finish(collect(chain.stream(aiRequest, openContext(clock))));
        const end = events.at(-1);
        return end?.type === "end" ? end.provider : null;
      };
      for (let call = 0; call < 3; call += 1) expect(await turn()).toBe("embedded");
      expect(guards.of("ai", "a").state).toBe("open");
      const openedAtMs = clock.nowMs();
      const before = a.calls.length;
      while (clock.nowMs() < openedAtMs + 60_000) {
        expect(await turn()).toBe("embedded");
        await vi.advanceTimersByTimeAsync(200);
      }
      expect(a.calls.length - before).toBeLessThanOrEqual(60_000 / resetMs);
      expect(a.calls.length - before).toBe(probes.length);
      dead = false;
      const wellAtMs = clock.nowMs();
      while ((await turn()) !== "a") await vi.advanceTimersByTimeAsync(200);
      expect(clock.nowMs() - wellAtMs).toBeLessThanOrEqual(resetMs + 1000);
      expect(guards.of("ai", "a").state).toBe("closed");
      expect(probes.at(-1)).toBe("a well");
      for (let call = 0; call < 20; call += 1) expect(await turn()).toBe("a");
    },
  );

  it("is probed by one call while many are waiting", async () => {
    const fault: Step<AiChainEvent>[] = [{ wait: 50 }, { fail: "provider_unavailable" }];
    const a = createFakeProvider<AiRequest, AiChainEvent>("a", fault);
    const spare = createFakeProvider<AiRequest, AiChainEvent>("embedded", [text("spare")]);
    const clock = createSystemClock();
    const chain = createChain([a, spare], aiPolicy, { guards });
    const crowd = () =>
      finish(
        Promise.all(Array.from({ length: 300 }, () => collect(chain.stream(aiRequest, openContext(clock))))),
      );
    await crowd();
    expect(a.calls).toHaveLength(300);
    await vi.advanceTimersByTimeAsync(resetMs);
    const served = await crowd();
    expect(a.calls).toHaveLength(301);
    expect(served.every((events) => events.at(-1)?.type === "end")).toBe(true);
  });
});

describe("a hedged recogniser", () => {
  /** Speech of `ms`, from now on; what was said can be heard again. */
  function speak(ms: number): SttRequest {
    const endAtMs = performance.now() + ms;
    return {
      audio: {
        sampleRateHz: 16000,
        fromSample: 0,
        async *read() {
          yield { type: "samples", fromSample: 0, pcm: new Int16Array(320) };
          const waitMs = endAtMs - performance.now();
          if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
          yield { type: "end", atSample: 320 };
        },
      },
    };
  }
  function ear(name: string, waitMs: number) {
    const after = createFakeProvider<SttRequest, SttEvent>(name, [
      { wait: waitMs },
      { give: { type: "final", text: name, untilSample: 320 } },
    ]);
    const heard: number[] = [];
    return {
      ...after,
      heard,
      async *stream(asked: SttRequest, context: Parameters<typeof after.stream>[1]) {
        let pieces = 0;
        for await (const _ of asked.audio.read(0, context.signal)) pieces += 1;
        heard.push(pieces);
        yield* after.stream(asked, context);
      },
    };
  }

  it.each([3000, 600])(
    "counts from the end of an utterance of %i ms, and the second one hears it from the start",
    async (ms) => {
      for (let call = 0; call < 40; call += 1) guards.of("stt", "a").latency.add(200);
      for (let call = 0; call < 40; call += 1) guards.hedges.earn();
      const [a, b] = [ear("a", 900), ear("b", 50)];
      const clock = createSystemClock();
      const chain = createChain([a, b], sttPolicy, { guards });
      const startMs = clock.nowMs();
      const events = await finish(
        collect(chain.stream(speak(ms), { ...openContext(clock), deadlineMs: 1e12 })),
      );
      expect(events).toMatchObject([
        { type: "final", text: "b" },
        { type: "end", provider: "b" },
      ]);
      expect(b.heard).toEqual([2]);
      expect(clock.nowMs() - startMs).toBeLessThan(ms + 200 + 50 + 30);
      expect(guards.of("stt", "a").state).toBe("closed");
    },
  );
});
