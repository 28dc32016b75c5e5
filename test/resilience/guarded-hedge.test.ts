import { describe, expect, it } from "vitest";
import type { AiRequest } from "../../gateway/providers/provider.ts";
import type { AiChainEvent } from "../../gateway/resilience/ai-policy.ts";
import { aiDeadlines, aiPolicy } from "../../gateway/resilience/ai-policy.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import { stallLeastMs } from "../../gateway/resilience/chain-call.ts";
import { beginMs } from "../../gateway/resilience/link-run.ts";
import { ttsPolicy } from "../../gateway/resilience/tts-policy.ts";
import type { FakeClock } from "../turn/fake-clock.ts";
import type { Step } from "./fake-providers.ts";
import { aiRequest, collect, openContext, sound, text, ttsRequest, word } from "./fake-providers.ts";
import { ai, callAi, earnHedges, openWorld, remember, tts, type World, withTools } from "./guarded-world.ts";

describe("a hedge", () => {
  it("starts the next vendor past the p95 of the first; the first useful output wins, the loser is cancelled", async () => {
    const world = openWorld();
    remember(world, "ai", "a", 200);
    earnHedges(world);
    const a = ai("a", [{ wait: 900 }, text("a")]);
    const b = ai("b", [{ wait: 100 }, text("Hello "), { wait: 10 }, text("from b.")]);
    const { said, tookMs, end } = await callAi(world, [a, b]);
    expect([said, tookMs]).toEqual(["Hello from b.", 310]);
    expect(end).toMatchObject({ outcome: "completed", provider: "b" });
    expect(a.calls[0]).toMatchObject({ aborted: true, over: true });
    expect(world.told.hedges).toEqual([["a", "b", true]]);
    expect(world.told.attempts.map(({ provider, outcome, hedge }) => [provider, outcome, hedge])).toEqual([
      ["a", "cancelled", false],
      ["b", "completed", true],
    ]);
    expect(world.told.spent.map(({ provider, extra }) => [provider, extra])).toEqual([
      ["a", true],
      ["b", false],
    ]);
    expect(world.guards.of("ai", "a")).toMatchObject({ state: "closed", inFlight: 0 });
  });

  it("lets the first one win when it comes first, and loses nothing of it", async () => {
    const world = openWorld();
    remember(world, "ai", "a", 200);
    earnHedges(world);
    const b = ai("b", [{ wait: 500 }, text("b")]);
    const { said } = await callAi(world, [ai("a", [{ wait: 300 }, text("Hello "), text("from a.")]), b]);
    expect(said).toBe("Hello from a.");
    expect(b.calls[0]).toMatchObject({ aborted: true, over: true });
    expect(world.told.hedges).toEqual([["a", "b", false]]);
  });

  it("goes on with the one that is left when the other fails", async () => {
    for (const [aSteps, bSteps, wanted] of [
      [[{ wait: 300 }, { fail: "provider_unavailable" }], [{ wait: 400 }, text("b")], "b"],
      [[{ wait: 600 }, text("a")], [{ wait: 50 }, { fail: "provider_unavailable" }], "a"],
    ] as [Step<AiChainEvent>[], Step<AiChainEvent>[], string][]) {
      const world = openWorld();
      remember(world, "ai", "a", 200);
      earnHedges(world);
      const { said } = await callAi(world, [ai("a", aSteps), ai("b", bSteps), ai("embedded", [text("c")])]);
      expect(said).toBe(wanted);
    }
  });

  it("starts the spare beside the second vendor as soon as the first one's deadline has passed", async () => {
    const world = openWorld();
    remember(world, "ai", "a", 200);
    earnHedges(world);
    const hanging = ["a", "b"].map((name) => ai(name, [{ hang: true }]));
    const links = [...hanging, ai("embedded", [{ wait: 10 }, text("c")])];
    const { said, tookMs } = await callAi(world, links);
    expect(said).toBe("c");
    expect(tookMs).toBe(aiDeadlines.connectMs + 10);
  });

  it("goes on after the last word when the spare stands beside a vendor inside an answer", async () => {
    const world = openWorld();
    const [b, c] = ["b", "c"].map((name) => ai(name, [{ hang: true }]));
    const spare = ai("embedded", [text("four.")]);
    const { said } = await callAi(world, [ai("a", [text("It is "), { hang: true }]), b!, c!, spare]);
    expect([b!, c!, spare].map(({ calls }) => calls[0]!.request.spokenPrefix)).toEqual(
      Array(3).fill("It is "),
    );
    expect(said).toBe("It is four.");
  });

  it("and inside a sentence: nothing is spoken twice", async () => {
    const world = openWorld();
    const dies = tts("a", [
      ...[word("one", 0), sound(4000), word("two", 4000), sound(4000), word("three", 8000), sound(100)],
      { fail: "provider_unavailable" as const },
    ]);
    const [b, c] = ["b", "c"].map((name) => tts(name, [{ hang: true }]));
    const spare = tts("embedded", [word("three", 0), sound(4000), word("four", 4000), sound(4000)]);
    const chain = createChain([dies, b!, c!, spare], ttsPolicy, world.options);
    const events = await world.clock.until(collect(chain.stream(ttsRequest, openContext(world.clock))));
    await world.clock.advance(10_000);
    expect([b!, c!, spare].map(({ calls }) => calls[0]!.request.text)).toEqual(Array(3).fill("three four"));
    const words = events.flatMap((event) => (event.type === "word" ? [[event.text, event.fromSample]] : []));
    expect(words.map(([said]) => said)).toEqual(["one", "two", "three", "four"]);
    expect(words[2]![1]).toBeGreaterThanOrEqual(8000);
  });

  it("falls to the spare when both fail", async () => {
    const world = openWorld();
    remember(world, "ai", "a", 200);
    earnHedges(world);
    const failing: Step<AiChainEvent>[] = [{ wait: 300 }, { fail: "provider_unavailable" }];
    const { said } = await callAi(world, [ai("a", failing), ai("b", failing), ai("embedded", [text("c")])]);
    expect(said).toBe("c");
  });

  it("ends both on a barge-in", async () => {
    const world = openWorld();
    remember(world, "ai", "a", 200);
    earnHedges(world);
    const [a, b] = [ai("a", [{ hang: true }]), ai("b", [{ hang: true }])];
    const abort = new AbortController();
    const chain = createChain([a, b], aiPolicy, world.options);
    const running = collect(chain.stream(aiRequest, openContext(world.clock, abort.signal)));
    await world.clock.advance(250);
    expect(b.calls).toHaveLength(1);
    abort.abort();
    expect(await world.clock.until(running)).toMatchObject([{ type: "end", outcome: "cancelled" }]);
    expect([a.calls[0]!.over, b.calls[0]!.over]).toEqual([true, true]);
    expect(world.guards.of("ai", "b").inFlight).toBe(0);
  });

  const slow: Step<AiChainEvent>[] = [{ wait: 900 }, text("a")];
  it.each<[string, (world: World) => void, Partial<AiRequest>, string]>([
    ["without a history", earnHedges, {}, "b"],
    ["without budget", (world) => remember(world, "ai", "a", 200), {}, "b"],
    ["for a call that may run tools", readyToHedge, withTools, "b"],
    ["with the spare, which would win by answering worse", readyToHedge, {}, "embedded"],
    ["with a vendor that is ill", illSecond, {}, "b"],
  ])("is not made %s", async (_, prepare, request, second) => {
    const world = openWorld();
    prepare(world);
    const b = ai(second, [text("b")]);
    const { said } = await callAi(world, [ai("a", slow), b], { request });
    expect([said, b.calls.length]).toEqual(["a", 0]);
  });

  function readyToHedge(world: World): void {
    remember(world, "ai", "a", 200);
    earnHedges(world);
  }
  function illSecond(world: World): void {
    readyToHedge(world);
    const admission = world.guards.of("ai", "b").admit();
    if (typeof admission !== "string")
      admission.fail({ code: "provider_rejected", message: "401", retryable: false, blame: "key" });
  }

  it("is not made when it is switched off, and stops at the limit of its costs", async () => {
    const off = openWorld({}, { enabled: false, limitUsdPerHour: null });
    readyToHedge(off);
    expect((await callAi(off, [ai("a", slow), ai("b", [text("b")])])).said).toBe("a");
    const dear = openWorld({}, { enabled: true, limitUsdPerHour: 1 } as never);
    readyToHedge(dear);
    dear.guards.hedges.spend(1);
    expect((await callAi(dear, [ai("a", slow), ai("b", [text("b")])])).said).toBe("a");
  });

  it("is at most one in twenty calls, however slow a vendor gets", async () => {
    const world = openWorld();
    remember(world, "ai", "a", 10);
    const b = ai("b", [text("b")]);
    const calls = 200;
    for (let call = 0; call < calls; call += 1) await callAi(world, [ai("a", [{ wait: 400 }, text("a")]), b]);
    expect(b.calls.length).toBeGreaterThan(0);
    expect(b.calls.length).toBeLessThanOrEqual(calls * 0.05);
  });

  it("is not made for a piece while enough is left to play", async () => {
    const world = openWorld();
    remember(world, "tts", "a", 200);
    earnHedges(world);
    const b = tts("b", [sound(10)]);
    const chain = createChain([tts("a", [{ wait: 900 }, sound(10)]), b], ttsPolicy, world.options);
    const context = { ...openContext(world.clock), unplayedMs: () => 3000 };
    await world.clock.until(collect(chain.stream(ttsRequest, context)));
    expect(b.calls).toHaveLength(0);
  });
});

describe("a stalled link", () => {
  const stall = async (playedFrom: (clock: FakeClock) => () => number, nextMs: number | null) => {
    const world = openWorld();
    if (nextMs !== null) remember(world, "ai", "b", nextMs);
    const links = [ai("a", [text("Hello "), { hang: true }]), ai("b", [text("there.")])];
    const { tookMs } = await callAi(world, links, { context: { unplayedMs: playedFrom(world.clock) } });
    return tookMs;
  };
  /** `ms` of sound that began to play at the start. */
  const playing = (ms: number) => (clock: FakeClock) => {
    const startMs = clock.nowMs();
    return () => Math.max(0, ms - (clock.nowMs() - startMs));
  };

  it("is given up as soon as what is unplayed is shorter than what the next one needs", async () => {
    expect(await stall(playing(1500), 300)).toBe(1200);
    expect(await stall(playing(1500), 900)).toBe(600);
    expect(await stall(playing(1500), null)).toBe(1500 - beginMs);
  });

  it("but a short gap is no stall, however little is left", async () => {
    expect(await stall(playing(0), 300)).toBe(stallLeastMs);
  });

  it("and never later than the stall deadline", async () => {
    expect(await stall(() => () => 60_000, 300)).toBe(aiDeadlines.stallMs);
  });

  it("keeps the deadline when nobody could go on", async () => {
    const world = openWorld();
    const unplayedMs = playing(0)(world.clock);
    const { tookMs } = await callAi(world, [ai("a", [text("Hello "), { hang: true }])], {
      context: { unplayedMs },
    });
    expect(tookMs).toBe(aiDeadlines.stallMs * aiDeadlines.lastLinkRatio);
  });
});
