import { describe, expect, it } from "vitest";
import { numberOf, soundOf, WordReader, wordOf, wordsMax } from "./word-sound.ts";

describe("words as sounds", () => {
  it("are read back whatever the pieces, the gain and a fade at an edge", () => {
    const numbers = [1, 2, 700, wordsMax, 15, 16, 255];
    const reader = new WordReader();
    for (const number of numbers) {
      const sound = soundOf(number, 1_931, 300).map(
        (sample, index) => sample * Math.min(1, index / 160) * 0.3,
      );
      for (let at = 0; at < sound.length; at += 77) reader.push(sound.subarray(at, at + 77));
    }
    expect(reader.heard.map(({ number }) => number)).toEqual(numbers);
  });

  it("are heard twice when they were said twice, with a pause or without one, and once when they were torn", () => {
    const heard = (...pieces: readonly Int16Array[]) => {
      const reader = new WordReader();
      for (const piece of pieces) reader.push(piece);
      return reader.heard.map(({ number }) => number);
    };
    // The shortest word, then the longest.
    const [google, elevenlabs] = [soundOf(700, 4_800, 960), soundOf(700, 5_440, 1_088)];
    expect(heard(google, soundOf(12, 4_800, 960))).toEqual([700, 12]);
    expect(heard(google, google)).toEqual([700, 700]);
    expect(heard(google, elevenlabs, google)).toEqual([700, 700, 700]);
    const silence = new Int16Array(20_000);
    expect(heard(google, silence, elevenlabs)).toEqual([700, 700]);
    expect(heard(elevenlabs.subarray(0, 2_000), silence, elevenlabs.subarray(2_000))).toEqual([700]);
    expect(heard(google.subarray(0, 3_840), google)).toEqual([700, 700]);
  });

  it("have one spelling each", () => {
    expect(numberOf(`"${wordOf(321)}," `)).toBe(321);
    expect(numberOf("Sorry")).toBe(0);
    expect(new Set(Array.from({ length: wordsMax }, (_, index) => wordOf(index + 1))).size).toBe(wordsMax);
  });
});
