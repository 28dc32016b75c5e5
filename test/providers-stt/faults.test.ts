import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AudioPiece, EndEvent, ProviderFault } from "../../gateway/providers/provider.ts";
import type { Fault } from "../../loadtest/standins/standin.ts";
import { callContext, collect } from "../contract/providers/provider-contract.ts";
import {
  finalOf,
  hear,
  LiveAudio,
  openBench,
  say,
  spoken,
  type VendorBench,
  vendorNames,
} from "./vendors.ts";

const sentence = "The train to the city leaves every twenty minutes.";

type Expected = Partial<ProviderFault>;

const key: Expected = { code: "provider_rejected", blame: "key", retryable: false };
const vendor: Expected = { blame: "vendor", retryable: true };

/** What each fault is to be called, whoever has it. */
const faults: [Fault, Expected][] = [
  [{ kind: "refuse" }, { ...vendor, code: "provider_unavailable" }],
  [{ kind: "reset" }, { ...vendor, code: "provider_unavailable" }],
  [{ kind: "unauthorized" }, key],
  [{ kind: "forbidden" }, key],
  [{ kind: "unknown_model" }, key],
  [{ kind: "request_timeout" }, { ...vendor, code: "provider_timeout" }],
  [{ kind: "rate_limited" }, { code: "provider_overloaded", blame: "quota" }],
  [
    { kind: "rate_limited", retryAfterSeconds: 7 },
    { blame: "quota", retryAfterMs: 7_000 },
  ],
  [{ kind: "internal_error" }, vendor],
  [{ kind: "unavailable" }, vendor],
  [{ kind: "cut" }, vendor],
  [{ kind: "cut", afterPieces: 0 }, vendor],
  [{ kind: "error_in_stream" }, vendor],
  [{ kind: "malformed" }, vendor],
];

describe.each(vendorNames)("%s fails in our terms", (name) => {
  let bench: VendorBench;
  let pieces: AudioPiece[];
  beforeAll(async () => {
    bench = await openBench(name);
    ({ pieces } = spoken(await say(bench.world, sentence)));
  });
  afterAll(() => bench.close());

  it.each(faults)("%o", async (fault, expected) => {
    await bench.world.faults.set(bench.standinName, fault);
    const events = await hear(bench.stt, pieces);
    const end = events.at(-1) as EndEvent;
    expect(end).toMatchObject({ type: "end", outcome: "failed", error: expected });
    expect(events.some((event) => event.type === "final")).toBe(false);
    expect(JSON.stringify(end)).not.toMatch(/sk-|secret|Drill|127\.0\.0\.1/);
    await bench.world.faults.set(bench.standinName, null);
    // It is well again at once: nothing of the failure stays.
    expect(finalOf(await hear(bench.stt, pieces)).text).not.toBe("");
  });

  it("says whose fault a request is that is too large", async () => {
    await bench.world.faults.set(bench.standinName, { kind: "too_large" });
    const end = (await hear(bench.stt, pieces, { language: "en-GB" })).at(-1) as EndEvent;
    expect(end.error).toMatchObject({ blame: "request", retryable: false });
    await bench.world.faults.set(bench.standinName, null);
  });

  it.each([{ kind: "hang" }, { kind: "stall", afterPieces: 0 }] as Fault[])(
    "ends at its deadline when the vendor does: %o",
    async (fault) => {
      await bench.world.faults.set(bench.standinName, fault);
      const end = (await hear(bench.stt, pieces, { timeoutMs: 150 })).at(-1) as EndEvent;
      expect(end).toMatchObject({ outcome: "failed", error: { code: "provider_timeout" } });
      await bench.world.faults.set(bench.standinName, null);
    },
  );

  it.runIf(name !== "openai")("fails where the vendor takes back all the words that it guessed", async () => {
    await bench.world.faults.set(bench.standinName, { kind: "final_without_audio" });
    const audio = new LiveAudio();
    const pcm = await say(bench.world, sentence);
    audio.speak(pcm.slice(0, 24_000));
    let error: unknown = null;
    for await (const event of bench.stt.stream({ audio }, callContext(new AbortController().signal))) {
      if (event.type === "partial" && audio.sample < pcm.length && event.text.split(" ").length > 3) {
        audio.speak(pcm.slice(audio.sample));
        audio.end();
      }
      if (event.type === "end") ({ error } = event);
    }
    expect(error).toMatchObject(vendor);
    await bench.world.faults.set(bench.standinName, null);
  });

  it("hands on no broken characters", async () => {
    await bench.world.faults.set(bench.standinName, { kind: "truncated_utf8" });
    const events = await hear(bench.stt, pieces);
    expect(JSON.stringify(events)).not.toMatch(/\ufffd|\\u0000/);
    await bench.world.faults.set(bench.standinName, null);
  });

  it("says in its check what is wrong", async () => {
    await bench.world.faults.set(bench.standinName, { kind: "unauthorized" });
    expect(await bench.stt.check?.(new AbortController().signal)).toMatchObject({ blame: "key" });
    await bench.world.faults.set(bench.standinName, { kind: "unknown_model" });
    expect(await bench.stt.check?.(new AbortController().signal)).toMatchObject({ blame: "key" });
    await bench.world.faults.set(bench.standinName, { kind: "hang" });
    expect(await bench.stt.check?.(AbortSignal.timeout(50))).toMatchObject({ code: "provider_timeout" });
    await bench.world.faults.set(bench.standinName, { kind: "refuse" });
    expect(await bench.stt.check?.(new AbortController().signal)).toMatchObject({ blame: "vendor" });
    await bench.world.faults.set(bench.standinName, null);
  });

  it("ends as cancelled while the vendor hangs, and lets go of it", async () => {
    await bench.world.faults.set(bench.standinName, { kind: "hang" });
    const abort = new AbortController();
    const audio = new LiveAudio();
    const events = collect(bench.stt.stream({ audio }, callContext(abort.signal)));
    audio.speak(new Int16Array(32_000).fill(1000));
    audio.end();
    await new Promise((resolve) => setTimeout(resolve, 50));
    abort.abort();
    expect((await events).at(-1)).toMatchObject({ type: "end", outcome: "cancelled" });
    await expect.poll(() => bench.stt.inFlight).toBe(0);
    await bench.world.faults.set(bench.standinName, null);
  });
});
