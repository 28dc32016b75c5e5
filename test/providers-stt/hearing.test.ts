import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AudioPiece } from "../../gateway/providers/provider.ts";
import { callContext } from "../contract/providers/provider-contract.ts";
import { joinPcm, samplesFrom, silence } from "../providers/engines.ts";
import { countWordErrors } from "../support/word-errors.ts";
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
const first = "I would like to book a table";
const second = "for four people tonight.";

describe.each(vendorNames)("%s hears an utterance", (name) => {
  let bench: VendorBench;
  beforeAll(async () => {
    bench = await openBench(name);
    await bench.stt.warm?.();
  });
  afterAll(() => bench.close());

  it("gives the words, up to the end, and what it was asked to hear", async () => {
    const { pieces, end } = spoken(await say(bench.world, sentence));
    const events = await hear(bench.stt, pieces);
    const final = finalOf(events);
    expect(countWordErrors(sentence, final.text).errors).toBe(0);
    expect(final.untilSample).toBe(end);
    const { usage } = events.at(-1) as { usage: { audioMs: number } };
    expect(usage.audioMs).toBeGreaterThan(1_500);
    // Google charges for seconds that have begun.
    expect(usage.audioMs).toBeLessThanOrEqual(Math.ceil(end / 16_000) * 1000);
  });

  it("has the words of a pause ready before the end is declared, and knows how far they reach", async () => {
    const pcm = await say(bench.world, sentence);
    const audio = new LiveAudio();
    audio.speak(pcm);
    audio.pause();
    audio.speak(silence(300));
    const types: string[] = [];
    let partialText = "";
    for await (const event of bench.stt.stream({ audio }, callContext(new AbortController().signal))) {
      types.push(event.type);
      if (event.type === "partial" && (event.untilSample ?? 0) >= pcm.length) {
        partialText = event.text;
        audio.speak(silence(200));
        audio.end();
      }
      if (event.type === "final") expect(event.text).toBe(partialText);
    }
    expect(types.slice(-2)).toEqual(["final", "end"]);
    expect(countWordErrors(sentence, partialText).errors).toBe(0);
  });

  it("goes on after a pause and gives the whole in the end", async () => {
    const one = joinPcm([await say(bench.world, first), silence(300)]);
    const two = joinPcm([await say(bench.world, second), silence(500)]);
    const end = one.length + two.length;
    const pieces: AudioPiece[] = [
      ...samplesFrom(0, one.slice(0, one.length - 4800)),
      { type: "pause", lastVoicedSample: one.length - 4800 },
      ...samplesFrom(one.length - 4800, one.slice(one.length - 4800)),
      { type: "resumed", atSample: one.length },
      ...samplesFrom(one.length, two),
      { type: "pause", lastVoicedSample: end - 8000 },
      { type: "end", atSample: end },
    ];
    const final = finalOf(await hear(bench.stt, pieces));
    expect(countWordErrors(`${first} ${second}`, final.text).errors).toBe(0);
    expect(final.untilSample).toBe(end);
  });

  it("hears a turn without any pause that was told of", async () => {
    const pcm = await say(bench.world, sentence);
    const final = finalOf(
      await hear(bench.stt, [...samplesFrom(0, pcm), { type: "end", atSample: pcm.length }]),
    );
    expect(countWordErrors(sentence, final.text).errors).toBe(0);
  });

  it("says that nobody said a word", async () => {
    const { pieces } = spoken(silence(600));
    expect(finalOf(await hear(bench.stt, pieces)).text).toBe("");
  });

  it("finds its settings right", async () => {
    expect(await bench.stt.check?.(new AbortController().signal)).toBeNull();
  });
});
