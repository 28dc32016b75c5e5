import { afterEach, describe, expect, it } from "vitest";
import { googleStreamLimits } from "../../gateway/providers/stt/google-listening.ts";
import { callContext, collect } from "../contract/providers/provider-contract.ts";
import { joinPcm, samplesFrom, silence } from "../providers/engines.ts";
import { countWordErrors } from "../support/word-errors.ts";
import { type BenchOptions, finalOf, hear, LiveAudio, openBench, say, type VendorBench } from "./vendors.ts";

/** Sentences in a row, as of somebody who hardly draws breath. */
const sentences = [
  "The train to the city leaves every twenty minutes.",
  "She bought three apples and a loaf of bread.",
  "The river is very cold in the winter.",
  "Where did you put the keys to the car?",
  "Please turn off the lights in the kitchen.",
  "I would like to book a table for four people tonight.",
];

it("gives Google's streams up far from their limit", () => {
  expect(googleStreamLimits.hardMs).toBeLessThan(300_000);
  expect(googleStreamLimits.softMs).toBeLessThan(googleStreamLimits.hardMs);
});

describe("Google's streams are opened anew before they are too old", () => {
  let bench: VendorBench;
  afterEach(() => bench.close());

  async function speech(gapMs: number): Promise<Int16Array> {
    const parts: Int16Array[] = [];
    for (const sentence of sentences) parts.push(await say(bench.world, sentence), silence(gapMs));
    return joinPcm(parts);
  }
  /** How many of the stand-in's streams there were, and what came of them. */
  const streams = () => bench.world.calls().map(({ outcome }) => outcome);

  async function hearWhole(options: BenchOptions, gapMs: number) {
    bench = await openBench("google", options);
    const pcm = await speech(gapMs);
    const audio = new LiveAudio();
    const events = collect(bench.stt.stream({ audio }, callContext(new AbortController().signal)));
    // Piece by piece, so that results come in between, as they do in real time.
    for (let at = 0; at < pcm.length; at += 1600) {
      audio.speak(pcm.slice(at, at + 1600));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    audio.end();
    return { final: finalOf(await events), events: await events };
  }

  it("at final words, where it can, and loses no word", async () => {
    const google = { maxStreamMs: 6_000, streamLimits: { softMs: 2_500, hardMs: 5_500 } };
    const { final } = await hearWhole({ google }, 1_000);
    expect(streams().length).toBeGreaterThan(2);
    expect(streams()).not.toContain("failed");
    expect(countWordErrors(sentences.join(" "), final.text).errors).toBe(0);
  });

  it("in the middle of speech, where it must: the new stream hears again what had no final words", async () => {
    const google = { maxStreamMs: 6_000, streamLimits: { softMs: 100_000, hardMs: 4_700 } };
    const { final, events } = await hearWhole({ google }, 850);
    expect(streams().length).toBeGreaterThan(2);
    expect(streams()).not.toContain("failed");
    expect(countWordErrors(sentences.join(" "), final.text).errors).toBe(0);
    // What is shown of it never falls behind, either.
    const lengths = events.flatMap((event) =>
      event.type === "partial" ? [event.text.split(" ").length] : [],
    );
    for (const [index, length] of lengths.entries()) {
      expect(length).toBeGreaterThanOrEqual((lengths[index - 1] ?? 0) - 2);
    }
  });

  it("and would fail at the limit without that", async () => {
    const google = { maxStreamMs: 6_000, streamLimits: { softMs: 100_000, hardMs: 100_000 } };
    await expect(hearWhole({ google }, 850)).rejects.toThrow(/"outcome":"failed"/);
  });

  it("keeps a stream alive over a hole in the audio by letting it go", async () => {
    bench = await openBench("google", {
      google: { audioTimeoutMs: 600, streamLimits: { idleMs: 300 } },
    });
    const pcm = await say(bench.world, sentences[0]!);
    const audio = new LiveAudio();
    const events = collect(bench.stt.stream({ audio }, callContext(new AbortController().signal)));
    audio.speak(pcm);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    audio.speak(joinPcm([await say(bench.world, sentences[1]!)]));
    audio.end();
    const final = finalOf(await events);
    expect(countWordErrors(`${sentences[0]} ${sentences[1]}`, final.text).errors).toBe(0);
  });

  it("sends what comes at once in messages that Google takes", async () => {
    bench = await openBench("google");
    const pcm = joinPcm([await speech(900), await speech(900), await speech(900)]);
    const pieces = [
      { type: "samples" as const, fromSample: 0, pcm },
      { type: "end" as const, atSample: pcm.length },
    ];
    const final = finalOf(await hear(bench.stt, pieces));
    const said = [...sentences, ...sentences, ...sentences].join(" ");
    expect(countWordErrors(said, final.text).errors).toBe(0);
  });

  it("passes on the language that was asked for, and the words to expect", async () => {
    const asked: unknown[] = [];
    bench = await openBench("google", { google: { onConfig: (config) => asked.push(config) } });
    const pieces = [...samplesFrom(0, silence(300)), { type: "end" as const, atSample: 4_800 }];
    await hear(bench.stt, pieces, { language: "en-GB", prompt: "Expect: Parley, Zürich" });
    await hear(bench.stt, pieces);
    expect(asked).toMatchObject([
      {
        config: {
          ...{ languageCode: "en-GB", model: "latest_long", encoding: "LINEAR16", sampleRateHertz: 16_000 },
          speechContexts: [{ phrases: ["Expect", "Parley", "Zürich"] }],
        },
        interimResults: true,
      },
      { config: { languageCode: "en-US" } },
    ]);
  });
});
