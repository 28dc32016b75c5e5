import { describe, expect, it } from "vitest";
import type { ProviderFault } from "../../gateway/providers/provider.ts";
import type { AiChainEvent } from "../../gateway/resilience/ai-policy.ts";
import { aiDeadlines, aiPolicy } from "../../gateway/resilience/ai-policy.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import type { Step } from "./fake-providers.ts";
import { aiRequest, collect, openContext, text } from "./fake-providers.ts";
import {
  ai,
  callAi,
  callAiNow,
  openMemory,
  openWorld,
  openWorldLike,
  remember,
  withTools,
} from "./guarded-world.ts";

describe("a guarded chain", () => {
  it("asks the spare at once, without waiting, when every vendor's breaker is open", async () => {
    const world = openWorld();
    const links = [
      ai("a", [{ fail: "provider_unavailable" }]),
      ai("b", [{ wait: 5 }, { fail: "provider_overloaded" }]),
      ai("embedded", [text("I am the spare.")]),
    ];
    for (let call = 0; call < 3; call += 1) await callAi(world, links);
    const { said, tookMs, end } = await callAi(world, links);
    expect([said, tookMs]).toEqual(["I am the spare.", 0]);
    expect(end).toMatchObject({ outcome: "completed", provider: "embedded" });
    expect(links.map(({ calls }) => calls.length)).toEqual([3, 3, 4]);
    expect(world.told.passedOver).toEqual([
      ["a", "open"],
      ["b", "open"],
    ]);
  });

  it("fails honestly, without a call, when no link may be asked", async () => {
    const world = openWorld({ "ai/b": { inFlight: 0, perMinute: 1 } });
    const a = ai("a", [
      { failWith: { code: "provider_rejected", message: "401", retryable: false, blame: "key" } },
    ]);
    const b = ai("b", [text("Hello.")]);
    await callAi(world, [a]);
    const { end } = await callAi(world, [a]);
    expect(end).toMatchObject({ outcome: "failed", error: { code: "provider_unavailable" } });
    await callAi(world, [b]);
    expect((await callAi(world, [b])).end).toMatchObject({ error: { code: "provider_overloaded" } });
    expect([a.calls.length, b.calls.length]).toEqual([1, 1]);
  });

  it("passes a full vendor over at once, and counts that as no failure", async () => {
    const world = openWorld({ "ai/a": { inFlight: 1, perMinute: 0 } });
    const links = [ai("a", [{ wait: 100 }, text("slowly")]), ai("b", [text("at once")])];
    const chain = createChain(links, aiPolicy, world.options);
    const first = collect(chain.stream(aiRequest, openContext(world.clock)));
    await world.clock.settle();
    for (let call = 0; call < 5; call += 1)
      expect((await callAiNow(chain, world)).at(-1)).toMatchObject({ provider: "b" });
    expect((await world.clock.until(first)).at(-1)).toMatchObject({ provider: "a" });
    expect(world.guards.of("ai", "a")).toMatchObject({ state: "closed", inFlight: 0 });
    expect(world.told.attempts.every(({ outcome }) => outcome === "completed")).toBe(true);
  });

  it("passes a vendor over whose connections are all in use, and counts that as no failure either", async () => {
    const world = openWorld();
    const noPlace = {
      code: "provider_overloaded",
      message: "no place",
      retryable: true,
      blame: "full",
    } as const;
    const { end } = await callAi(world, [ai("a", [{ failWith: noPlace }]), ai("b", [text("at once")])]);
    expect(end).toMatchObject({ outcome: "completed", provider: "b" });
    expect(world.told.passedOver).toEqual([["a", "full"]]);
    expect(world.told.attempts).toMatchObject([{ provider: "b", outcome: "completed" }]);
    expect(world.told.failovers).toEqual([]);
    expect(world.guards.of("ai", "a").state).toBe("closed");
  });

  it("gives its place back however a call ends", async () => {
    const world = openWorld({ "ai/a": { inFlight: 1, perMinute: 0 } });
    const ends: Step<AiChainEvent>[][] = [
      [text("Hello.")],
      [{ fail: "provider_rejected" }],
      [{ breakOff: true }],
      [{ throw: true }],
      [{ hang: true }],
      [text("Hello "), { hang: true }],
      [text("Hello "), { deaf: true }],
    ];
    for (const steps of ends) {
      const fresh = openWorld({ "ai/a": { inFlight: 1, perMinute: 0 } });
      await callAi(fresh, [ai("a", steps), ai("embedded", [text("x")])]);
      expect(fresh.guards.of("ai", "a").inFlight).toBe(0);
    }
    const abort = new AbortController();
    const chain = createChain([ai("a", [{ hang: true }])], aiPolicy, world.options);
    const running = collect(chain.stream(aiRequest, openContext(world.clock, abort.signal)));
    await world.clock.settle();
    expect(world.guards.of("ai", "a").inFlight).toBe(1);
    abort.abort();
    await world.clock.until(running);
    expect(world.guards.of("ai", "a").inFlight).toBe(0);
  });

  it("never blames a vendor for a barge-in, or for the end of the turn's time", async () => {
    const world = openWorld();
    const chain = createChain(
      [ai("a", [{ wait: 20 }, text("Hello "), { hang: true }])],
      aiPolicy,
      world.options,
    );
    for (let call = 0; call < 10; call += 1) {
      const abort = new AbortController();
      const running = collect(chain.stream(aiRequest, openContext(world.clock, abort.signal)));
      await world.clock.advance(call % 2 === 0 ? 10 : 30);
      abort.abort();
      await world.clock.until(running);
    }
    for (let call = 0; call < 10; call += 1) {
      const context = { ...openContext(world.clock), deadlineMs: world.clock.nowMs() + 15 };
      await world.clock.until(collect(chain.stream(aiRequest, context)));
    }
    expect(world.guards.of("ai", "a").state).toBe("closed");
  });

  it("waits less for the next vendor when one has hung already", async () => {
    const world = openWorld();
    const links = [ai("a", [{ hang: true }]), ai("b", [{ hang: true }]), ai("embedded", [text("Hello.")])];
    remember(world, "ai", "b", 450);
    const { tookMs } = await callAi(world, links, { request: withTools });
    expect(tookMs).toBe(aiDeadlines.usefulMs + Math.max(800, 2 * 450));
  });

  it("gives a vendor that writes a function's arguments the time for it, and hands on the call alone", async () => {
    const world = openWorld();
    const parts = Array.from({ length: 5 }, () => [{ wait: 1_000 }, { give: { type: "writing" } as const }]);
    const call = { type: "toolCall", callId: "c", name: "f", arguments: '{"a":1}' } as const;
    const preamble = { give: { type: "text", delta: "I will book that. " } as const };
    const links = [ai("a", [preamble, ...parts.flat(), { give: call }]), ai("b", [text("Hello.")])];
    const context = { unplayedMs: () => 0 };
    const { events, end } = await callAi(world, links, { request: withTools, context });
    expect(events.slice(0, -1)).toEqual([{ type: "text", delta: "I will book that. " }, call]);
    expect(end).toMatchObject({ outcome: "completed", provider: "a" });
    expect(world.told.attempts).toMatchObject([{ provider: "a", outcome: "completed" }]);
  });

  it("gives up a vendor that stops in the middle of a function's arguments, or ends there", async () => {
    for (const stop of [{ hang: true }, { wait: 0 }] as const) {
      const world = openWorld();
      const links = [ai("a", [{ give: { type: "writing" } }, stop]), ai("b", [text("Hello.")])];
      const { said, end } = await callAi(world, links, { request: withTools });
      expect([said, end]).toMatchObject(["Hello.", { provider: "b" }]);
      expect(world.told.attempts[0]).toMatchObject({ provider: "a", outcome: "failed" });
    }
  });

  it("waits for one deadline a turn: in the stages after it, the spare stands beside a vendor that says nothing", async () => {
    const world = openWorld();
    const conversation = openMemory();
    const hanging = () => ai("a", [{ hang: true }]);
    const spare = ai("embedded", [text("I am the spare.")]);
    const first = await callAi(world, [hanging(), spare], { context: { conversation } });
    expect([first.said, first.tookMs]).toEqual(["I am the spare.", aiDeadlines.connectMs]);
    const second = await callAi(world, [hanging(), spare], { context: { conversation } });
    expect([second.said, second.tookMs]).toEqual(["I am the spare.", 500]);
    // Two that hung are no accident.
    const third = await callAi(world, [hanging(), spare], { context: { conversation } });
    expect([third.said, third.tookMs]).toEqual(["I am the spare.", 0]);
  });

  it("does not blame a vendor who had no time to answer because the spare did so at once", async () => {
    const world = openWorld();
    const conversation = { ...openMemory(), waitedAtMs: world.clock.nowMs(), waits: 2 };
    const vendor = ai("a", [{ wait: 250 }, text("Well.")]);
    for (let call = 0; call < 8; call += 1) {
      const { said } = await callAi(
        world,
        [vendor, ai("embedded", [{ wait: 50 }, text("I am the spare.")])],
        {
          context: { conversation },
        },
      );
      expect(said).toBe("I am the spare.");
    }
    expect(world.guards.of("ai", "a").state).toBe("closed");
    expect(world.guards.of("ai", "a").latency.quantileMs(0.5)).toBeNull();
    // The wait is not renewed by it: eight seconds later all is as usual.
    await world.clock.advance(8_000);
    const later = await callAi(world, [vendor, ai("embedded", [text("I am the spare.")])], {
      context: { conversation },
    });
    expect(later.said).toBe("Well.");
  });

  it("blames a vendor who hangs though the spare stood beside it", async () => {
    const world = openWorld();
    for (let call = 0; call < 8; call += 1) {
      const conversation = { ...openMemory(), waitedAtMs: world.clock.nowMs() };
      await callAi(world, [ai("a", [{ hang: true }]), ai("embedded", [text("I am the spare.")])], {
        context: { conversation },
      });
    }
    expect(world.guards.of("ai", "a").state).toBe("open");
  });

  it("starts a slow spare so early that it is ready when the vendor beside it turns out to hang", async () => {
    const world = openWorld();
    const conversation = { ...openMemory(), waitedAtMs: world.clock.nowMs() };
    remember(world, "ai", "embedded", 300);
    const spare = ai("embedded", [{ wait: 300 }, text("I am the spare.")]);
    const { said, tookMs } = await callAi(world, [ai("a", [{ hang: true }]), spare], {
      context: { conversation },
    });
    expect([said, tookMs]).toEqual(["I am the spare.", 500]);
  });

  it("keeps the spare for later where the vendor beside it came first", async () => {
    const world = openWorld();
    const conversation = { ...openMemory(), waitedAtMs: world.clock.nowMs() };
    const a = ai("a", [{ wait: 600 }, text("One "), { wait: 100 }, { fail: "provider_unavailable" }]);
    const spare = ai("embedded", (_request, call) => (call === 0 ? [{ hang: true }] : [text("two.")]));
    const { said } = await callAi(world, [a, spare], { context: { conversation } });
    expect(said).toBe("One two.");
  });

  it("adds nothing of its own to a failover on an error", async () => {
    const world = openWorld();
    await callAi(world, [
      ai("a", [{ wait: 70 }, { fail: "provider_unavailable" }]),
      ai("b", [{ wait: 30 }, text("Hello.")]),
    ]);
    expect(world.told.failovers).toEqual([
      { stage: "ai", from: "a", to: "b", code: "provider_unavailable", addedMs: 0, midway: false },
    ]);
  });
});

describe("a retry at the same vendor", () => {
  const cut: ProviderFault = { code: "provider_unavailable", message: "cut", retryable: true, reset: true };
  const once = (steps: Step<AiChainEvent>[]) =>
    ai("a", (_, call) => (call === 0 ? steps : [text("Hello again.")]));

  it("is made once, on a cut connection that said nothing, out of the budget", async () => {
    const world = openWorld();
    for (let call = 0; call < 4; call += 1) world.guards.retries.earn();
    const a = once([{ failWith: cut }]);
    const { said } = await callAi(world, [a, ai("b", [text("b")])]);
    expect([said, a.calls.length, world.told.retried]).toEqual(["Hello again.", 2, ["a"]]);
    // The budget is spent now.
    const again = once([{ failWith: cut }]);
    expect((await callAi(world, [again, ai("b", [text("b")])])).said).toBe("b");
    const stubborn = ai("a", [{ failWith: cut }]);
    for (let call = 0; call < 10; call += 1) world.guards.retries.earn();
    expect((await callAi(openWorldLike(world), [stubborn, ai("b", [text("b")])])).said).toBe("b");
    expect(stubborn.calls).toHaveLength(2);
  });

  it("is not made after words, nor for another fault; the next link costs no budget", async () => {
    const world = openWorld();
    for (let call = 0; call < 100; call += 1) world.guards.retries.earn();
    for (const steps of [[text("Hello "), { failWith: cut }], [{ fail: "provider_unavailable" }]] as const) {
      const a = once([...steps]);
      await callAi(world, [a, ai("b", [text("b")])]);
      expect(a.calls).toHaveLength(1);
    }
    expect(world.told.retried).toEqual([]);
    expect(Array.from({ length: 20 }, () => world.guards.retries.take()).every(Boolean)).toBe(true);
  });
});
