/** A vendor whose connections are all in use: the chain goes on with the next one, and thinks no worse of it. */
import { afterEach, describe, expect, it, vi } from "vitest";
import type { TtsEvent, TtsRequest } from "../../gateway/providers/provider.ts";
import { placeWait } from "../../gateway/providers/tts/voice-sockets.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import { createGuards, type Guards } from "../../gateway/resilience/guard.ts";
import { ttsPolicy } from "../../gateway/resilience/tts-policy.ts";
import { createFakeProvider, sound } from "../resilience/fake-providers.ts";
import { clock, contextOf, hear, openStage, requestOf, type VoiceStage, voices } from "./voice-stage.ts";

/** So that the breaker would have enough to open by. */
const calls = 5;
const slow = { first: { p50Ms: 400, p95Ms: 400 }, piece: { p50Ms: 0, p95Ms: 0 } };
const onePlace = { socketsMax: 1, contextsPerSocketMax: 1, callsPerChannelMax: 1, channelsMax: 1 };

let stage: VoiceStage;
let guards: Guards;
afterEach(async () => {
  guards.shutdown();
  await stage.close();
});

describe.each(["elevenlabs", "cartesia", "google streaming", "google at once"])("%s, when full", (name) => {
  it("is passed over for the next vendor, and its breaker stays closed", async () => {
    stage = await openStage(voices[name]!, { limits: onePlace }, slow);
    guards = createGuards({
      ...{ clock, shared: null, breakerWindowMs: 30_000, breakerResetMs: 10_000, caps: {} },
      hedge: { enabled: false, limitUsdPerHour: null },
    });
    const { provider } = stage;
    await provider.warm?.();
    const next = createFakeProvider<TtsRequest, TtsEvent>("next", [sound(2400)]);
    const chain = createChain([provider, next], ttsPolicy, { guards });
    const say = () => hear(chain.stream(requestOf(), contextOf()));
    const guard = guards.of("tts", provider.name);

    const held = say();
    await vi.waitFor(() => expect(provider.pool().inUse).toBe(1));
    const startMs = clock.nowMs();
    const ends = (await Promise.all(Array.from({ length: calls }, say))).map(({ end }) => end);
    expect(clock.nowMs() - startMs).toBeLessThan(placeWait.waitMaxMs + 200);
    for (const end of ends) expect(end).toMatchObject({ outcome: "completed", provider: "next" });
    expect(guard.state).toBe("closed");

    expect((await held).end).toMatchObject({ outcome: "completed", provider: provider.name });
    await vi.waitFor(() => expect(provider.pool().inUse).toBe(0));
    expect((await say()).end).toMatchObject({ outcome: "completed", provider: provider.name });
    expect(guard).toMatchObject({ state: "closed", inFlight: 0 });
  });
});
