import { afterEach, describe, expect, it } from "vitest";
import type {
  AiRequest,
  Attempt,
  CallContext,
  ConversationMemory,
  ProviderFault,
  TtsEvent,
  TtsProvider,
  TtsRequest,
} from "../../gateway/providers/provider.ts";
import type { AiChainEvent } from "../../gateway/resilience/ai-policy.ts";
import { aiDeadlines, aiPolicy } from "../../gateway/resilience/ai-policy.ts";
import type { CapLimits } from "../../gateway/resilience/caps.ts";
import type { Failover, Spent } from "../../gateway/resilience/chain.ts";
import { createChain, drainMs } from "../../gateway/resilience/chain.ts";
import { stallLeastMs } from "../../gateway/resilience/chain-call.ts";
import type { Guards } from "../../gateway/resilience/guard.ts";
import { createGuards } from "../../gateway/resilience/guard.ts";
import { beginMs } from "../../gateway/resilience/link-run.ts";
import { ttsPolicy } from "../../gateway/resilience/tts-policy.ts";
import type { FakeClock } from "../turn/fake-clock.ts";
import { createFakeClock } from "../turn/fake-clock.ts";
import type { FakeProvider, Step } from "./fake-providers.ts";
import { collect, createFakeProvider, openContext, sound, text } from "./fake-providers.ts";

const aiRequest: AiRequest = {
  instructions: "",
  messages: [{ role: "user", text: "Hello?" }],
  passages: [],
  tools: [],
  toolChoice: "auto",
  spokenPrefix: "",
  maxOutputTokens: null,
};
const withTools = { tools: [{ name: "f" }] };
const ttsRequest: TtsRequest = { text: "one two three four", voice: "v", speedRatio: 1, sampleRateHz: 8000 };

type Steps<Event> = Step<Event>[] | ((request: unknown, call: number) => Step<Event>[]);
const ai = (name: string, steps: Steps<AiChainEvent>) =>
  createFakeProvider<AiRequest, AiChainEvent>(name, steps);
const tts = (name: string, steps: Steps<TtsEvent>) => createFakeProvider<TtsRequest, TtsEvent>(name, steps);

const worlds: Guards[] = [];
afterEach(() => {
  for (const guards of worlds.splice(0)) guards.shutdown();
});

/** A process: its guards, and everything that was told. */
function openWorld(caps: Record<string, CapLimits> = {}, hedge = { enabled: true, limitUsdPerHour: null }) {
  const clock = createFakeClock();
  const told = {
    attempts: [] as Attempt[],
    spent: [] as Spent[],
    failovers: [] as Failover[],
    hedges: [] as [string, string, boolean][],
    passedOver: [] as [string, string][],
    retried: [] as string[],
  };
  const guards = createGuards({
    ...{ clock, shared: null, breakerWindowMs: 30_000, breakerResetMs: 10_000, caps, hedge },
  });
  worlds.push(guards);
  const options = {
    guards,
    onAttempt: (attempt: Attempt) => void told.attempts.push(attempt),
    observer: {
      spent: (spent: Spent) => void told.spent.push(spent),
      failedOver: (failover: Failover) => void told.failovers.push(failover),
      hedged: (_: string, slow: string, beside: string, won: boolean) =>
        void told.hedges.push([slow, beside, won]),
      passedOver: (_: string, name: string, why: string) => void told.passedOver.push([name, why]),
      retried: (_: string, name: string) => void told.retried.push(name),
    },
  };
  return { clock, guards, told, options };
}

type World = ReturnType<typeof openWorld>;

async function callAi(
  { clock, options }: World,
  links: FakeProvider<AiRequest, AiChainEvent>[],
  more: { request?: Partial<AiRequest>; context?: Partial<CallContext> } = {},
) {
  const chain = createChain(links, aiPolicy, options);
  const context = { ...openContext(clock), ...more.context };
  const startMs = clock.nowMs();
  const events = await clock.until(collect(chain.stream({ ...aiRequest, ...more.request }, context)));
  const tookMs = clock.nowMs() - startMs;
  await clock.advance(drainMs);
  expect(clock.pendingTimers).toBe(0);
  const said = events.map((event) => (event.type === "text" ? event.delta : "")).join("");
  return { events, said, end: events.at(-1), tookMs };
}

/** Makes a vendor's history: `calls` of them, each `ms` to its first useful output. */
function remember({ guards }: World, stage: "ai" | "tts", name: string, ms: number, calls = 40): void {
  for (let call = 0; call < calls; call += 1) guards.of(stage, name).latency.add(ms);
}
function earnHedges({ guards }: World, calls = 400): void {
  for (let call = 0; call < calls; call += 1) guards.hedges.earn();
}
function openMemory(): ConversationMemory {
  return { preferred: { stt: null, ai: null, tts: null }, spareTold: false };
}

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
    expect(tookMs).toBe(aiDeadlines.connectMs + Math.max(800, 2 * 450));
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

async function callAiNow(chain: ReturnType<typeof createChain<AiRequest, AiChainEvent>>, { clock }: World) {
  return collect(chain.stream(aiRequest, openContext(clock)));
}

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

/** The same budgets behind breakers that know nothing. */
function openWorldLike(world: World): World {
  const fresh = openWorld();
  return {
    ...fresh,
    options: { ...fresh.options, guards: { ...fresh.guards, retries: world.guards.retries } },
  };
}

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

describe("the voice of a conversation", () => {
  const dying: Step<TtsEvent>[] = [sound(4000), { fail: "provider_unavailable" }];
  const well: Step<TtsEvent>[] = [sound(4000)];

  const chains = new WeakMap<object, TtsProvider>();
  /** One process's chain speaks a piece; who spoke it. */
  async function speak(
    world: World,
    links: FakeProvider<TtsRequest, TtsEvent>[],
    context: Partial<CallContext>,
  ) {
    const chain = chains.get(links) ?? createChain(links, ttsPolicy, world.options);
    chains.set(links, chain);
    const events = await world.clock.until(
      collect(chain.stream(ttsRequest, { ...openContext(world.clock), ...context })),
    );
    const end = events.at(-1);
    return end?.type === "end" ? end.provider : null;
  }

  it("stays with the one that took over inside a sentence", async () => {
    const world = openWorld();
    const conversation = openMemory();
    const a = tts("a", (_, call) => (call === 0 ? dying : well));
    const links = [a, tts("b", well)];
    expect(await speak(world, links, { conversation })).toBe("b");
    expect(conversation.preferred).toEqual({ stt: null, ai: null, tts: "b" });
    expect(await speak(world, links, { conversation })).toBe("b");
    expect(await speak(world, links, { conversation: openMemory() })).toBe("a");
    expect(await speak(world, links, {})).toBe("a");
  });

  it("goes back to the first one after a failure before its first sound", async () => {
    const world = openWorld();
    const conversation = openMemory();
    const links = [
      tts("a", (_, call) => (call === 0 ? [{ fail: "provider_unavailable" }] : well)),
      tts("b", well),
    ];
    expect(await speak(world, links, { conversation })).toBe("b");
    expect(conversation.preferred.tts).toBeNull();
    expect(await speak(world, links, { conversation })).toBe("a");
  });

  it("but does not change inside a reply without need", async () => {
    const world = openWorld();
    const conversation = openMemory();
    const links = [
      tts("a", (_, call) => (call === 0 ? [{ fail: "provider_unavailable" }] : well)),
      tts("b", well),
    ];
    expect(await speak(world, links, { conversation, unplayedMs: () => 0 })).toBe("b");
    expect(await speak(world, links, { conversation, unplayedMs: () => 700 })).toBe("b");
    expect(await speak(world, links, { conversation, unplayedMs: () => 0 })).toBe("a");
  });

  it("is never kept with the spare: it gives way as soon as a vendor is well", async () => {
    const world = openWorld();
    const conversation = openMemory();
    const links = [tts("a", (_, call) => (call === 0 ? dying : well)), tts("embedded", well)];
    expect(await speak(world, links, { conversation })).toBe("embedded");
    expect(conversation.preferred.tts).toBeNull();
    expect(await speak(world, links, { conversation, unplayedMs: () => 700 })).toBe("a");
  });

  it("falls to the others in their order when the kept one is ill", async () => {
    const world = openWorld();
    const conversation = openMemory();
    conversation.preferred.tts = "b";
    const links = [tts("a", well), tts("b", [{ fail: "provider_unavailable" }]), tts("c", well)];
    expect(await speak(world, links, { conversation })).toBe("a");
  });

  it("ends failed when the last one dies inside a sentence, too", async () => {
    const world = openWorld();
    const chain = createChain([tts("a", dying), tts("embedded", dying)], ttsPolicy, world.options);
    const events = await world.clock.until(collect(chain.stream(ttsRequest, openContext(world.clock))));
    expect(events.at(-1)).toMatchObject({ outcome: "failed" });
  });
});

describe("what an attempt has cost", () => {
  it("is told of every one: completed, failed, given up and cancelled", async () => {
    const world = openWorld();
    await callAi(world, [
      ai("a", [{ fail: "provider_unavailable" }]),
      ai("b", [text("Hello "), { hang: true }]),
      ai("c", [text("there.")]),
    ]);
    expect(world.told.spent.map(({ provider, usage }) => [provider, usage.characters]).sort()).toEqual([
      ["a", 1],
      ["b", 1],
      ["c", 1],
    ]);
  });
});
