import { describe, expect, it } from "vitest";
import { SilenceWatch, silentSpan, silentWindowsBefore } from "../../../workers/audio/silence.ts";
import { windowSamples } from "../../../workers/audio/speech-detector.ts";

/** A window whose samples swing between two values. */
function swinging(low: number, high: number): Int16Array {
  return Int16Array.from({ length: windowSamples }, (_, i) => (i % 2 === 0 ? low : high));
}

function watched(...windows: Int16Array[]): boolean[] {
  const watch = new SilenceWatch();
  return windows.map((window) => watch.take(window, 0));
}

const silent = swinging(0, silentSpan);
const rested = Array.from({ length: silentWindowsBefore }, () => silent);

describe("silence", () => {
  it("is heard out for half a second before inference rests", () => {
    expect(watched(...rested, silent)).toEqual([...rested.map(() => false), true]);
  });

  it("ends with the first window that is a step louder, and has to be heard out again", () => {
    const louder = swinging(0, silentSpan + 1);
    expect(watched(...rested, silent, louder, silent).slice(-3)).toEqual([true, false, false]);
  });

  it("may stand on an offset", () => {
    const offset = swinging(2_000, 2_000 + silentSpan);
    expect(watched(...rested.map(() => offset), offset).at(-1)).toBe(true);
  });

  it("is not what a single click leaves", () => {
    const click = Int16Array.from(silent);
    click[windowSamples - 1] = 500;
    expect(watched(...rested, click).at(-1)).toBe(false);
  });
});
