import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../../support/random.ts";
import { stoi, toStoiRate } from "./stoi.ts";

/** Tones that swell three times a second, and the same with uniform noise; both can be made again anywhere. */
function makeSignals(rateHz: number, noiseAmount: number): { clean: Float64Array; heard: Float64Array } {
  const random = new SeededRandom(7);
  const clean = Float64Array.from({ length: rateHz * 3 }, (_, i) => {
    const t = i / rateHz;
    const envelope = Math.max(0, Math.sin(2 * Math.PI * 3 * t)) ** 2;
    const tones =
      Math.sin(2 * Math.PI * 200 * t) +
      0.5 * Math.sin(2 * Math.PI * 800 * t) +
      0.3 * Math.sin(2 * Math.PI * 2500 * t) +
      0.2 * Math.sin(2 * Math.PI * (1000 * t + 150 * t * t));
    return envelope * tones;
  });
  return { clean, heard: clean.map((value) => value + noiseAmount * (random.next() - 0.5)) };
}

// From pystoi 0.4.1 (the reference implementation's port), of the same signals.
const atTenKilohertz = [
  [0.1, 0.660914054663817],
  [0.5, 0.5829203662380515],
  [1, 0.5395298780761498],
  [2, 0.4732995966898624],
  [4, 0.39377549252723165],
  [8, 0.3191132538620332],
] as const;
describe("STOI", () => {
  it.each(atTenKilohertz)("agrees with the reference at 10 kHz, noise x %s", (amount, expected) => {
    const { clean, heard } = makeSignals(10_000, amount);
    expect(stoi(clean, heard)).toBeCloseTo(expected, 6);
  });

  it("resamples tones of speech as they are and lets nothing through that the rate can't hold", () => {
    const level = (hz: number) => {
      const tone = Float64Array.from({ length: 16_000 }, (_, i) => Math.sin((2 * Math.PI * hz * i) / 16_000));
      const middle = toStoiRate(tone).subarray(500, 9500);
      return 10 * Math.log10((2 * middle.reduce((sum, value) => sum + value * value, 0)) / middle.length);
    };
    for (const hz of [100, 1000, 4300]) expect(Math.abs(level(hz))).toBeLessThan(0.1);
    expect(level(6000)).toBeLessThan(-50);
  });

  it("is 1 for the signal itself and close to 0 for noise alone", () => {
    const { clean, heard } = makeSignals(10_000, 1);
    expect(stoi(clean, clean)).toBeCloseTo(1, 10);
    expect(
      Math.abs(
        stoi(
          clean,
          heard.map((value, i) => value - clean[i]!),
        ),
      ),
    ).toBeLessThan(0.3);
  });

  it("is no number for less than a segment", () => {
    expect(stoi(new Float64Array(1000).fill(1), new Float64Array(1000))).toBeNaN();
  });
});
