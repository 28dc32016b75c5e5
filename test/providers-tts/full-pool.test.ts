/** A vendor whose connections are all in use: the chain goes on with the next one, and thinks no worse of it. */
import { afterEach, describe, expect, it, vi } from "vitest";
import type { TtsEvent, TtsRequest } from "../../gateway/providers/provider.ts";
import { cartesiaLimits } from "../../gateway/providers/tts/cartesia.ts";
import { elevenLabsLimits } from "../../gateway/providers/tts/elevenlabs.ts";
import { placeWait } from "../../gateway/providers/tts/voice-sockets.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import { createGuards, type Guards } from "../../gateway/resilience/guard.ts";
import { ttsPolicy } from "../../gateway/resilience/tts-policy.ts";
import { createFakeProvider, sound } from "../resilience/fake-providers.ts";
import { clock, contextOf, hear, openStage, requestOf, type VoiceStage, voices } from "./voice-stage.ts";

/** So that the breaker would have enough to open by. */
const calls = 5;
const slow = { first: { p50Ms: 1500, p95Ms: 1500 }, piece: { p50Ms: 0, p95Ms: 0 } };
/** However busy the machine is. */
const patient = { connectMs: 20_000, usefulMs: 20_000, stallMs: 20_000 };
const onePlace = { socketsMax: 1, contextsPerSocketMax: 1, callsPerChannelMax: 1, channelsMax: 1 };

let stage: VoiceStage | null = null;
let guards: Guards | null = null;
afterEach(async () => {
  guards?.shutdown();
  await stage?.close();
  stage = guards = null;
});

it("is hardly waited for", () => {
  expect(placeWait.waitMaxMs).toBeLessThanOrEqual(100);
  for (const { waitMaxMs } of [elevenLabsLimits, cartesiaLimits]) expect(waitMaxMs).toBe(placeWait.waitMaxMs);
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
    const chain = createChain([provider, next], ttsPolicy, { guards, deadlines: patient });
    const say = () => hear(chain.stream(requestOf(), contextOf()));
    const guard = guards.of("tts", provider.name);

    const held = say();
    await vi.waitFor(() => expect(provider.pool().inUse).toBe(1));
    const ends = (await Promise.all(Array.from({ length: calls }, say))).map(({ end }) => end);
    for (const end of ends) expect(end).toMatchObject({ outcome: "completed", provider: "next" });
    expect(guard.state).toBe("closed");
    // Nobody waited for the one that holds the place.
    expect(provider.pool().inUse).toBe(1);

    expect((await held).end).toMatchObject({ outcome: "completed", provider: provider.name });
    await vi.waitFor(() => expect(provider.pool().inUse).toBe(0));
    expect((await say()).end).toMatchObject({ outcome: "completed", provider: provider.name });
    expect(guard).toMatchObject({ state: "closed", inFlight: 0 });
  });
});
