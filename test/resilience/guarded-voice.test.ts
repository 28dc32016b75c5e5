import { describe, expect, it } from "vitest";
import type { CallContext, TtsEvent, TtsProvider, TtsRequest } from "../../gateway/providers/provider.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
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
