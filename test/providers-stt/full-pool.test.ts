/** A recogniser whose connections are all in use: the chain goes on with the next one, and thinks no worse of it. */
import { afterEach, describe, expect, it, vi } from "vitest";
import type { SttEvent, SttRequest } from "../../gateway/providers/provider.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import { createGuards, type Guards } from "../../gateway/resilience/guard.ts";
import { sttPolicy } from "../../gateway/resilience/stt-policy.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import { callContext, collect } from "../contract/providers/provider-contract.ts";
import { rangeOf } from "../providers/engines.ts";
import { createFakeProvider } from "../resilience/fake-providers.ts";
import { finalOf, LiveAudio, openBench, say, spoken, type VendorBench } from "./vendors.ts";

const words = "The train to the city leaves every twenty minutes.";
/** So that the breaker would have enough to open by. */
const calls = 5;
/** However busy the machine is. */
const patient = { connectMs: 20_000, usefulMs: 20_000, stallMs: 20_000 };

let bench: VendorBench;
let guards: Guards;
afterEach(async () => {
  guards.shutdown();
  await bench.close();
});

describe.each(["google", "deepgram"] as const)("%s, when full", (name) => {
  it("is passed over for the next recogniser, and its breaker stays closed", async () => {
    bench = await openBench(name, { onePlace: true });
    guards = createGuards({
      ...{ clock: createSystemClock(), shared: null, breakerWindowMs: 30_000, breakerResetMs: 10_000 },
      ...{ caps: {}, hedge: { enabled: false, limitUsdPerHour: null } },
    });
    const { stt } = bench;
    const { pieces, end } = spoken(await say(bench.world, words));
    const final = { give: { type: "final", text: "Next.", untilSample: end } as const };
    const next = createFakeProvider<SttRequest, SttEvent>("next", [final]);
    const chain = createChain([stt, next], sttPolicy, { guards, deadlines: patient });
    const hear = (audio = rangeOf(pieces)) =>
      collect(chain.stream({ audio }, callContext(new AbortController().signal)));
    const guard = guards.of("stt", name);

    const live = new LiveAudio();
    live.speak(new Int16Array(3200));
    const held = hear(live);
    await vi.waitFor(() => expect(stt.inFlight).toBe(1));
    for (const events of await Promise.all(Array.from({ length: calls }, () => hear())))
      expect(events.at(-1)).toMatchObject({ outcome: "completed", provider: "next" });
    expect(guard.state).toBe("closed");
    expect(stt.pool?.()).toEqual({ open: 1, waiting: 0 });

    live.push(...pieces.slice(-1));
    await held;
    await vi.waitFor(() => expect(stt.inFlight).toBe(0));
    const events = await hear();
    expect(events.at(-1)).toMatchObject({ provider: name });
    expect(finalOf(events).text).not.toBe("Next.");
    expect(guard).toMatchObject({ state: "closed", inFlight: 0 });
  });
});
