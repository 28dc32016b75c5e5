import { describe, expect, it } from "vitest";
import type { ConversationMemory, TtsEvent, TtsRequest } from "../../gateway/providers/provider.ts";
import { createNoiseWatch, noiseMs } from "../../gateway/resilience/tts-audio.ts";
import { innerSilenceMaxMs } from "../../gateway/resilience/tts-link.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";
import { createFakeProvider, sound, word } from "./fake-providers.ts";
import { flite, rate, reader, run, saying, sentences } from "./voice-stage.ts";

describe("what is no speech", () => {
  const well = () =>
    createFakeProvider<TtsRequest, TtsEvent>("well", ({ text }) => [
      { give: { type: "audio", pcm: flite.speak(text, "slt").pcm } },
    ]);
  let seed = 7;
  const chance = () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed / 0x7fffffff - 0.5;
  };
  const hiss = (samples: number) => Int16Array.from({ length: samples }, () => chance() * 12_000);

  it("is noise in its place: none of it is heard", async () => {
    const noisy = createFakeProvider<TtsRequest, TtsEvent>("noisy", [
      { give: { type: "audio", pcm: hiss(rate) } },
    ]);
    const { samples, attempts } = await run([noisy, well()]);
    expect(attempts[0]).toMatchObject({ provider: "noisy", outcome: "failed" });
    expect(samples).toEqual(flite.speak(sentences[0]!, "slt").pcm);
  });

  it("is noise in its middle: the words before it stand, the others are said by the next voice", async () => {
    const { pcm, words } = flite.speak(sentences[0]!, "slt");
    const cut = words[6]!.fromSample;
    const steps = words.slice(0, 7).map((mark) => word(mark.text, mark.fromSample));
    const turning = createFakeProvider<TtsRequest, TtsEvent>("turning", [
      ...steps,
      { give: { type: "audio", pcm: pcm.subarray(0, cut) } },
      { give: { type: "audio", pcm: hiss(rate) } },
      word(words[7]!.text, cut + rate),
      { give: { type: "audio", pcm: hiss(rate) } },
    ]);
    const next = well();
    const { attempts } = await run([turning, next]);
    expect(attempts[0]).toMatchObject({ provider: "turning", outcome: "failed" });
    const left = words
      .slice(6)
      .map(({ text }) => text)
      .join(" ");
    expect(next.calls[0]!.request.text).toBe(left);
  });

  it("is never taken for it in real voices, at any rate and speed", () => {
    for (const [index, text] of sentences.entries()) {
      for (const voice of ["slt", "rms", "awb", "kal16"] as const) {
        const speedRatio = [0.5, 1, 1.5][index % 3]!;
        const { pcm } = flite.speak(text, voice, { speedRatio, words: false });
        for (const to of [8_000, 16_000, 24_000]) {
          const watch = createNoiseWatch(to, speedRatio);
          watch.push(to === rate ? pcm : resampleWhole(pcm, rate, to));
          expect(watch.isNoise).toBe(false);
        }
      }
    }
  });

  it("is told after about a third of a second of noise, also of noise that was resampled", () => {
    for (const to of [8_000, 16_000, 24_000]) {
      const watch = createNoiseWatch(to, 1);
      watch.push(resampleWhole(hiss(rate), rate, to).subarray(0, (to * (noiseMs + 60)) / 1_000));
      expect(watch.isNoise).toBe(true);
    }
  });

  it("is audio far too short or too long for its text", async () => {
    const text = sentences[0]!;
    const short = createFakeProvider<TtsRequest, TtsEvent>("short", () => [
      { give: { type: "audio", pcm: flite.speak(text, "slt").pcm.subarray(0, rate) } },
    ]);
    const next = well();
    const cut = await run([short, next], {}, { plausible: true, reference: reader });
    expect(cut.attempts[0]).toMatchObject({ provider: "short", outcome: "failed" });
    expect(next.calls[0]!.request.text.length).toBeLessThan(text.length);
    const endless = createFakeProvider<TtsRequest, TtsEvent>("endless", () =>
      Array.from({ length: 100 }, () => ({
        give: { type: "audio" as const, pcm: flite.speak(text, "slt").pcm },
      })),
    );
    const long = await run([endless, well()], {}, { plausible: true });
    expect(long.attempts[0]).toMatchObject({ provider: "endless", outcome: "failed" });
    expect(long.samples.length / rate).toBeLessThan(40);
  });

  it("is not a voice that does not speak as slowly as it was asked to", async () => {
    const next = well();
    const { attempts } = await run(
      [saying("slt", { marks: false }), next],
      { speedRatio: 0.3 },
      { plausible: true, reference: reader, speedOf: (name, ratio) => (name === "slt" ? 1 : ratio) },
    );
    expect(attempts).toMatchObject([{ provider: "slt", outcome: "completed" }]);
    expect(next.calls).toHaveLength(0);
  });

  it("is a voice that falls silent, though it tells of words: those are said by the next one", async () => {
    const { pcm, words } = flite.speak(sentences[0]!, "slt");
    const cut = words[5]!.fromSample;
    const silent = createFakeProvider<TtsRequest, TtsEvent>("silent", () => [
      ...words.map((mark) => word(mark.text, mark.fromSample)),
      { give: { type: "audio", pcm: pcm.map((sample, index) => (index < cut ? sample : 0)) } },
    ]);
    const next = well();
    const { attempts } = await run([silent, next]);
    expect(attempts[0]).toMatchObject({ provider: "silent", outcome: "failed" });
    expect(next.calls[0]!.request.text).toBe(
      words
        .slice(5)
        .map(({ text }) => text)
        .join(" "),
    );
    const muted = createFakeProvider<TtsRequest, TtsEvent>("muted", [
      sound(rate),
      sound((rate * (innerSilenceMaxMs + 10)) / 1_000, 0),
      { hang: true },
    ]);
    expect((await run([muted, well()])).attempts[0]).toMatchObject({ provider: "muted", outcome: "failed" });
  });

  it("is what plays at a wrong rate, once the voice's pace is known: its words count as said", async () => {
    const conversation: ConversationMemory = {
      preferred: { stt: null, ai: null, tts: null },
      spareTold: false,
    };
    let fast = false;
    const voice = createFakeProvider<TtsRequest, TtsEvent>("voice", ({ text }) => {
      const { pcm } = flite.speak(text, "slt");
      return [{ give: { type: "audio", pcm: fast ? resampleWhole(pcm, 24_000, 12_000) : pcm } }];
    });
    for (const text of sentences.slice(0, 3))
      await run([voice], { text }, { plausible: true }, { conversation });
    fast = true;
    const next = well();
    const { attempts, end } = await run([voice, next], {}, { plausible: true }, { conversation });
    expect(attempts[0]).toMatchObject({ provider: "voice", outcome: "failed" });
    expect(end).toMatchObject({ outcome: "completed" });
    expect(next.calls).toHaveLength(0);
  });
});
