import { describe, expect, it } from "vitest";
import type { CallContext, TtsEvent, TtsProvider, TtsRequest } from "../../gateway/providers/provider.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import { stallLeastMs } from "../../gateway/resilience/chain-call.ts";
import { ttsPolicy } from "../../gateway/resilience/tts-policy.ts";
import type { FakeProvider, Step } from "./fake-providers.ts";
import { collect, openContext, sound, text, ttsRequest } from "./fake-providers.ts";
import { ai, callAi, openMemory, openWorld, tts, type World } from "./guarded-world.ts";

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

describe("a voice that is slower than its playing", () => {
  const pieceMs = 200;
  const pieces = 40;
  /** A listener who hears what it says, piece after piece, each `waitMs` after the one before. */
  async function listen(waitMs: number, names = ["a", "b"]) {
    const world = openWorld();
    const { sampleRateHz } = ttsRequest;
    const piece = sound((sampleRateHz * pieceMs) / 1000);
    const slow = Array.from({ length: pieces }, () => [{ wait: waitMs }, piece]).flat();
    const links = names.map((name, index) => tts(name, index === 0 ? slow : [sound(sampleRateHz)]));
    let playsUntilMs: number | null = null;
    let gapsMs = 0;
    const unplayedMs = () => Math.max(0, (playsUntilMs ?? 0) - world.clock.nowMs());
    const context = { ...openContext(world.clock), unplayedMs };
    const hearing = (async () => {
      for await (const event of createChain(links, ttsPolicy, world.options).stream(ttsRequest, context)) {
        if (event.type === "end") return event.provider;
        if (event.type !== "audio") continue;
        const nowMs = world.clock.nowMs();
        gapsMs += Math.max(0, nowMs - (playsUntilMs ?? nowMs));
        playsUntilMs = Math.max(nowMs, playsUntilMs ?? 0) + (event.pcm.length * 1_000) / sampleRateHz;
      }
      return null;
    })();
    const provider = await world.clock.until(hearing);
    return { provider, gapsMs, attempts: world.told.attempts };
  }

  it("is given up when its gaps add up to a stall, though none of them is one", async () => {
    const { provider, gapsMs, attempts } = await listen(450);
    expect(provider).toBe("b");
    expect(attempts[0]).toMatchObject({ provider: "a", outcome: "failed", code: "provider_timeout" });
    expect(gapsMs).toBeLessThanOrEqual(stallLeastMs + 450);
  });

  it("is kept while a client's own buffer hides the gaps", async () => {
    const { provider, attempts } = await listen(pieceMs + 30);
    expect(provider).toBe("a");
    expect(attempts).toMatchObject([{ provider: "a", outcome: "completed" }]);
  });

  it("is kept where nobody else is left", async () => {
    expect(await listen(450, ["a"])).toMatchObject({ provider: "a" });
  });
});
