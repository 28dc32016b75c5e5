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

  it("have one spelling each", () => {
    expect(numberOf(`"${wordOf(321)}," `)).toBe(321);
    expect(numberOf("Sorry")).toBe(0);
    expect(new Set(Array.from({ length: wordsMax }, (_, index) => wordOf(index + 1))).size).toBe(wordsMax);
  });
});
