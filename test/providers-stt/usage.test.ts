/** What a recogniser's answer says of its cost goes before what was counted here. */
import { afterEach, describe, expect, it } from "vitest";
import type { EndEvent } from "../../gateway/providers/provider.ts";
import { joinPcm, samplesFrom, silence } from "../providers/engines.ts";
import { type BenchOptions, hear, openBench, say, type VendorBench, type VendorName } from "./vendors.ts";

const sentence = "The train to the city leaves every twenty minutes.";

describe("a recogniser's usage", () => {
  let bench: VendorBench;
  afterEach(() => bench.close());

  /** Hears speech of so many ms and no pause; what it cost. */
  async function usageOf(name: VendorName, options: BenchOptions = {}, ms = 3650, fault?: "empty_answer") {
    bench = await openBench(name, options);
    const pcm = await say(bench.world, sentence);
    const whole = joinPcm([pcm, silence(ms - pcm.length / 16)]);
    if (fault !== undefined) await bench.world.faults.set(bench.standinName, { kind: fault });
    const pieces = [...samplesFrom(0, whole), { type: "end", atSample: whole.length } as const];
    return ((await hear(bench.stt, pieces)).at(-1) as EndEvent).usage;
  }

  it("is Google's billed time: seconds that have begun", async () => {
    expect(await usageOf("google")).toEqual({ audioMs: 4000 });
  });

  it("is the duration that Deepgram tells, where its last message is waited for", async () => {
    const deepgram = { durationSeconds: 12.5 };
    expect(await usageOf("deepgram", { deepgram }, 3650, "empty_answer")).toEqual({ audioMs: 12_500 });
  });

  it("is the seconds that a server like OpenAI's tells, in place of those that were sent", async () => {
    const { audioMs } = await usageOf("openai", { openaiModel: "whisper-1" });
    expect(audioMs).toBeGreaterThan(2000);
    expect(audioMs! % 1000).toBe(0);
  });

  it("holds the tokens that a model of OpenAI's tells, beside the audio that was sent", async () => {
    const { audioMs, inputTokens, outputTokens } = await usageOf("openai", {
      openaiModel: "gpt-4o-mini-transcribe",
    });
    expect(audioMs! % 1000).not.toBe(0);
    expect(inputTokens).toBe(Math.ceil(audioMs! / 100));
    expect(outputTokens).toBeGreaterThan(5);
  });
});
