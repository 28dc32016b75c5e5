import { beforeAll, describe, expect, it } from "vitest";
import { alignSpeech } from "../../gateway/resilience/tts-alignment.ts";
import { createNamer, spokenTokens } from "../../gateway/resilience/tts-text.ts";
import type { Flite } from "../../workers/speech/flite.ts";
import { loadFlite } from "../../workers/speech/flite.ts";

const rate = 16_000;

let flite: Flite;
beforeAll(async () => {
  flite = await loadFlite();
});

describe("a reading laid along another", () => {
  it("finds the words of every voice within a tenth of a second, but for pauses", () => {
    const text = "I think that the weather tomorrow will be mostly sunny with a light breeze from the west.";
    const reference = flite.speak(text, "kal16");
    for (const voice of ["slt", "rms", "awb"] as const) {
      const { pcm, words } = flite.speak(text, voice);
      const starts = alignSpeech(pcm, rate, reference)!.starts;
      expect(starts).toHaveLength(words.length);
      starts.slice(1).forEach((start, index) => {
        expect(Math.abs(start - words[index + 1]!.fromSample) / rate).toBeLessThan(0.1);
      });
    }
  });

  it("finds them in its first words too, however long it is silent before", () => {
    const text = "If it rains, his island keeps quilts under an old tower.";
    const reference = flite.speak(text, "kal16");
    for (const voice of ["slt", "rms", "awb"] as const) {
      const { pcm, words } = flite.speak(text, voice);
      const silence = new Int16Array(rate / 2);
      const begun = Int16Array.from([...silence, ...pcm.subarray(0, words[2]!.fromSample)]);
      const starts = alignSpeech(begun, rate, reference)!.starts;
      expect(starts).toHaveLength(2);
      starts.forEach((start, index) => {
        const offBy = Math.abs(start - silence.length - words[index]!.fromSample) / rate;
        expect(offBy, `${voice} ${words[index]!.text}`).toBeLessThan(0.05);
      });
    }
  });

  it("does not leap ahead where the text resembles itself: judge, near", () => {
    const text = "Every judge near our dancer neatly crossed those jackets.";
    const reference = flite.speak(text, "kal16");
    const { pcm, words } = flite.speak(text, "rms");
    const [judge, near] = words.slice(1).map(({ fromSample }) => fromSample);
    for (let end = judge! + 0.1 * rate; end <= near!; end += 0.02 * rate) {
      const { starts } = alignSpeech(pcm.subarray(0, end), rate, reference)!;
      expect(starts, `${end / rate} s`).toHaveLength(2);
      expect(Math.abs(starts[1]! - judge!) / rate).toBeLessThan(0.05);
    }
  });

  it("tells nothing of a moment of sound", () => {
    expect(alignSpeech(new Int16Array(400), rate, flite.speak("One.", "kal16"))).toBeNull();
  });
});

describe("marks", () => {
  it("mean words of the text, also where a vendor spells them out or marks what is no word", () => {
    const name = createNamer(spokenTokens("Dr. Lee paid 350 dollars — no more."));
    const marks = ["doctor", "Lee", "paid", "three", "hundred", "fifty", "dollars", "—", "no", "more."];
    expect(marks.map(name)).toEqual([0, 1, 2, 3, 3, 3, 4, 4, 5, 6]);
  });
});
