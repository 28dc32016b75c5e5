import { describe, expect, it } from "vitest";
import type { TtsEvent, TtsRequest } from "../../gateway/providers/provider.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import { createReferenceReader, referenceMs } from "../../gateway/resilience/tts-place.ts";
import { createTtsPolicy } from "../../gateway/resilience/tts-policy.ts";
import { spokenTokens } from "../../gateway/resilience/tts-text.ts";
import type { FliteVoice } from "../../workers/speech/flite.ts";
import { createFakeClock } from "../turn/fake-clock.ts";
import type { Step } from "./fake-providers.ts";
import { collect, createFakeProvider, openContext, sound, word } from "./fake-providers.ts";
import { dies, flite, rate, reader, run, saying, sentences } from "./voice-stage.ts";

const countWords = (text: string) => spokenTokens(text).length;

/** Kills `voice` at `untilSample`: words that were left out (above 0) or said twice (below). */
async function errorOf(
  text: string,
  voice: FliteVoice,
  untilSample: number,
  marks: boolean,
): Promise<number> {
  let heardSamples = 0;
  const next = createFakeProvider<TtsRequest, TtsEvent>("next", () => [sound(1600, 3000)]);
  const options = { plausible: false, reference: reader };
  const { samples } = await run([saying(voice, { marks, untilSample }), next], { text }, options);
  heardSamples = samples.length - 1600;
  const spoken = flite.speak(text, voice);
  const words = spoken.words.filter(({ text: said }) => /\w/.test(said));
  // Pauses after a word are no part of it.
  const heard = words.filter(({ fromSample }, index) => {
    const end = Math.min(words[index + 1]?.fromSample ?? spoken.pcm.length, fromSample + 0.6 * rate);
    return (fromSample + end) / 2 < heardSamples;
  }).length;
  return countWords(text) - countWords(next.calls[0]!.request.text) - heard;
}

describe("a voice that dies", () => {
  it("leaves no word out and repeats none, where it tells its words", async () => {
    for (const [index, text] of sentences.entries()) {
      const { pcm } = flite.speak(text, "slt");
      for (const share of [0.35, 0.6, 0.85]) {
        expect(await errorOf(text, "slt", Math.round(pcm.length * (share + index / 100)), true), text).toBe(
          0,
        );
      }
    }
  });

  it.each([
    ["rms", 949, "Three distant needles cost less than your window expected."],
    ["rms", 533, "If it rains, his museum keeps pencils under an old tower."],
    ["rms", 738, "A ancient river painted western trumpets without help."],
    ["rms", 936, "The quiet theatre invited some towels yesterday."],
  ] as const)(
    "repeats none either whose end is a hiss as noise is (%s, %i ms)",
    async (voice, untilMs, text) => {
      expect(await errorOf(text, voice, (untilMs * rate) / 1000, true)).toBe(0);
    },
  );

  it("leaves no word out and repeats one at most, where it does not: its sound is laid along another reading", {
    timeout: 120_000,
  }, async () => {
    for (const [index, text] of sentences.entries()) {
      for (const voice of ["slt", "rms", "awb"] as const) {
        const { pcm } = flite.speak(text, voice);
        for (const share of [0.3, 0.7]) {
          const untilSample = Math.round(pcm.length * (share + index / 70));
          const error = await errorOf(text, voice, untilSample, false);
          expect([0, -1], `${voice} ${untilSample} ${text}`).toContain(error);
        }
      }
    }
  });

  it("goes over into the next one without a click, at about its loudness", async () => {
    const loud = createFakeProvider<TtsRequest, TtsEvent>("soft", ({ text }) => {
      const { pcm } = flite.speak(text, "rms");
      return [{ give: { type: "audio", pcm: pcm.map((sample) => sample / 3) } }];
    });
    const first = saying("slt", { marks: true, untilSample: 40_000 });
    const { samples, joint } = await run([first, loud]);
    const rest = flite.speak(loud.calls[0]!.request.text, "rms").pcm;
    const rms = (pcm: Int16Array) => Math.sqrt(pcm.reduce((sum, x) => sum + x * x, 0) / pcm.length);
    const own = rms(rest.map((sample) => sample / 3));
    expect(rms(samples.slice(-rest.length + 4_000)) / own).toBeGreaterThan(1.5);
    for (let index = joint - 20; index < joint + 20; index += 1) {
      expect(Math.abs(samples[index]! - samples[index - 1]!)).toBeLessThan(1_000);
    }
    expect(Math.abs(samples[joint - 1]!)).toBeLessThan(200);
  });

  it.each([true, false])(
    "is followed by the next one as it is from its first sound on (marks: %s)",
    async (marks) => {
      const soft = (voice: FliteVoice, untilSample?: number) =>
        createFakeProvider<TtsRequest, TtsEvent>(voice, ({ text }) => {
          const { pcm, words } = flite.speak(text, voice);
          const steps: Step<TtsEvent>[] = [];
          for (let at = 0; at < (untilSample ?? pcm.length); at += rate / 10) {
            for (const { text: said, fromSample } of words)
              if (marks && fromSample >= at && fromSample < at + rate / 10)
                steps.push(word(said, fromSample));
            steps.push({ give: { type: "audio", pcm: pcm.slice(at, at + rate / 10).map((x) => x / 4) } });
          }
          return untilSample === undefined ? steps : [...steps, dies];
        });
      const next = soft("rms");
      const { samples, joint } = await run([soft("slt", 40_000), next], {}, { reference: reader });
      const own = flite.speak(next.calls[0]!.request.text, "rms").pcm.map((x) => x / 4);
      const heard = samples.subarray(joint);
      // Its silence at the beginning is left out; from there on it is the same, but for its loudness.
      const skipped = own.length - heard.length;
      expect(skipped).toBeGreaterThan(0);
      const fadeSamples = rate / 50;
      const [ab, aa, bb] = [...heard.subarray(fadeSamples)].reduce(
        ([ab, aa, bb], a, index) => {
          const b = own[index + fadeSamples + skipped]!;
          return [ab + a * b, aa + a * a, bb + b * b];
        },
        [0, 0, 0] as [number, number, number],
      );
      expect(ab / Math.sqrt(aa * bb)).toBeGreaterThan(0.999);
      const peak = (pcm: Int16Array) => pcm.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      expect(peak(heard)).toBeLessThanOrEqual(2 * peak(own) + 1);
    },
  );

  it("is estimated by its pace when nobody reads along in time", async () => {
    const hanging = createFakeProvider<TtsRequest, TtsEvent>("reader", [{ hang: true }]);
    const next = createFakeProvider<TtsRequest, TtsEvent>("next", [sound(1600)]);
    const first = saying("slt", { marks: false, untilSample: 40_000 });
    const clock = createFakeClock();
    const policy = createTtsPolicy({ reference: createReferenceReader(hanging, "any") });
    const request = { text: sentences[0]!, voice: "v", speedRatio: 1, sampleRateHz: rate } as const;
    const startedAtMs = clock.nowMs();
    await clock.until(collect(createChain([first, next], policy).stream(request, openContext(clock))));
    expect(clock.nowMs() - startedAtMs).toBe(referenceMs);
    expect(sentences[0]!.endsWith(next.calls[0]!.request.text)).toBe(true);
    expect(next.calls[0]!.request.text.length).toBeLessThan(sentences[0]!.length);
    await clock.advance(200);
    expect(hanging.calls[0]!.aborted).toBe(true);
  });

  it.each([
    ["awb", 422, "Every station near our doctor kindly collected those helmets."],
    ["awb", 489, "The northern lantern reached some flutes Monday."],
    ["awb", 642, "Three narrow napkins cost less than your window expected Monday."],
    ["awb", 671, "Every factory near our kitchen firmly welcomed those pencils."],
    ["awb", 764, "Every harbour near our grocer firmly studied those pictures."],
    ["rms", 441, "Look for golden pillows beside any beach that was counted."],
    ["rms", 539, "The tidy sailor trusted some bottles afterwards."],
    ["rms", 619, "Three early envelopes cost less than your window expected recently."],
    ["rms", 439, "If it rains, his island keeps quilts under an old tower."],
    ["slt", 460, "If it rains, his castle keeps ribbons under an old tower."],
    ["rms", 482, "It is in the old town, just behind the church."],
    ["awb", 602, "It is in the old town, just behind the church."],
    ["awb", 742, "First mix the flour with the sugar, then add two eggs."],
    ["slt", 500, "When we reported kettles, the calm museum smiled softly."],
    ["slt", 643, "No, that is not how it works."],
    ["rms", 631, "Up to ten people can join a call."],
  ] as const)("leaves no word out after a short beginning (%s, %i ms)", async (voice, untilMs, text) => {
    const error = await errorOf(text, voice, (untilMs * rate) / 1000, false);
    expect(error).toBeLessThanOrEqual(0);
    expect(error).toBeGreaterThanOrEqual(-1);
  });

  it.each([
    ["awb", 1415, "He had a hat on his head."],
    ["awb", 1985, "We do not ship to that country yet."],
    ["slt", 2288, "I am not sure that I can help you with that."],
  ] as const)("leaves its last word not half said (%s, %i ms)", async (voice, untilMs, text) => {
    expect(await errorOf(text, voice, (untilMs * rate) / 1000, false)).toBe(0);
  });

  it("has nothing left to say when all was said", async () => {
    const next = createFakeProvider<TtsRequest, TtsEvent>("next", [sound(1600)]);
    const text = sentences[3]!;
    const first = saying("slt", { marks: false, untilSample: flite.speak(text, "slt").pcm.length });
    const { end } = await run([first, next], { text }, { reference: reader });
    expect(end).toMatchObject({ outcome: "completed", provider: "slt" });
    expect(next.calls).toHaveLength(0);
  });

  it("tells how far it came when nobody is left to go on", async () => {
    const clock = createFakeClock();
    const text = sentences[3]!;
    const untilSample = Math.round(flite.speak(text, "slt").pcm.length / 2);
    const alone = createChain(
      [saying("slt", { marks: false, untilSample })],
      createTtsPolicy({ reference: reader }),
    );
    const request = { text, voice: "v", speedRatio: 1, sampleRateHz: rate } as const;
    const events = await clock.until(collect(alone.stream(request, openContext(clock))));
    const told = events.flatMap((event) => (event.type === "brokenOff" ? [event.saidCharacters] : []));
    expect(told).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ type: "end", outcome: "failed" });
    // The voice that would have gone on is asked for what was not said.
    const next = createFakeProvider<TtsRequest, TtsEvent>("next", [sound(1600)]);
    await run([saying("slt", { marks: false, untilSample }), next], { text }, { reference: reader });
    expect(next.calls[0]!.request.text).toBe(text.slice(told[0]));
  });

  it("keeps its first word back until it is whole, while enough is left to play", async () => {
    const first = createFakeProvider<TtsRequest, TtsEvent>("a", [word("The", 0), sound(3_000), dies]);
    const next = createFakeProvider<TtsRequest, TtsEvent>("b", [sound(1_600, 900)]);
    const { samples } = await run([first, next], {}, {}, { unplayedMs: () => 1_500 });
    expect(samples).toHaveLength(1_600);
  });
});
