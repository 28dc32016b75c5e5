import { describe, expect, it } from "vitest";
import { attenuationDb, segmentalSnrDb, siSdrDb } from "./distortion.ts";

const tone = Float64Array.from(
  { length: 16_000 },
  (_, i) => 1000 * Math.sin((2 * Math.PI * 100 * i) / 16_000),
);
/** At a right angle to the tone. */
const other = Float64Array.from({ length: 16_000 }, (_, i) => Math.cos((2 * Math.PI * 100 * i) / 16_000));

describe("SI-SDR", () => {
  it("is the ratio of energies where the distortion is at a right angle", () => {
    const heard = tone.map((value, i) => value + 100 * other[i]!);
    expect(siSdrDb(tone, heard)).toBeCloseTo(20, 6);
  });

  it("does not care for scale nor offset", () => {
    const heard = tone.map((value, i) => 77 - 3 * (value + 100 * other[i]!));
    expect(siSdrDb(tone, heard)).toBeCloseTo(20, 6);
  });

  it("is no number for silence", () => {
    expect(siSdrDb(new Float64Array(100), tone)).toBeNaN();
  });
});

describe("segmental SNR", () => {
  it("is the SNR of a steady mix", () => {
    const heard = tone.map((value, i) => value + 316.227766 * other[i]!);
    // Segments don't hold whole periods: their energies differ by a tenth.
    expect(segmentalSnrDb(tone, heard, 16_000)).toBeCloseTo(10, 1);
  });

  it("holds each segment within -10 and 35 dB", () => {
    expect(segmentalSnrDb(tone, tone, 16_000)).toBe(35);
    expect(segmentalSnrDb(new Float64Array(16_000), tone, 16_000)).toBe(-10);
  });

  it("averages over segments, not over energy", () => {
    const heard = tone.map((value, i) => (i < 8000 ? value : 0));
    // Half of them perfect (35 dB), half lost (0 dB).
    expect(Math.abs(segmentalSnrDb(tone, heard, 16_000) - 17.5)).toBeLessThan(1);
  });
});

describe("attenuation", () => {
  it("compares a stretch before and after", () => {
    const after = tone.map((value, i) => (i < 8000 ? value : value / 10));
    expect(attenuationDb(tone, after, 0, 8000)).toBeCloseTo(0, 6);
    expect(attenuationDb(tone, after, 8000, 16_000)).toBeCloseTo(20, 6);
  });
});
