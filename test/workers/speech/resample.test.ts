import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createResampler } from "../../../workers/speech/resample.ts";
import { joinPcm } from "../../providers/engines.ts";

const tone = (rateHz: number, toneHz: number, samples = rateHz) =>
  Int16Array.from({ length: samples }, (_, i) =>
    Math.round(10_000 * Math.sin((2 * Math.PI * toneHz * i) / rateHz)),
  );
function convert(pcm: Int16Array, fromHz: number, toHz: number, partSamples = pcm.length): Int16Array {
  const resampler = createResampler(fromHz, toHz);
  const parts: Int16Array[] = [];
  for (let at = 0; at < pcm.length; at += partSamples)
    parts.push(resampler.push(pcm.subarray(at, at + partSamples)));
  return joinPcm([...parts, resampler.flush()]);
}
/** Signal to error in dB, away from the ends. */
function likeness(got: Int16Array, want: Int16Array): number {
  let signal = 0;
  let error = 0;
  for (let i = 500; i < want.length - 500; i++) {
    signal += want[i]! ** 2;
    error += (got[i]! - want[i]!) ** 2;
  }
  return 10 * Math.log10(signal / Math.max(error, 1));
}

describe("the resampler", () => {
  it.each([
    [16000, 24000, 1000],
    [16000, 24000, 5000],
    [16000, 8000, 3000],
    [8000, 24000, 3000],
    [24000, 16000, 5000],
  ])("keeps a tone in phase: %i to %i Hz, %i Hz", (fromHz, toHz, toneHz) => {
    expect(likeness(convert(tone(fromHz, toneHz), fromHz, toHz), tone(toHz, toneHz))).toBeGreaterThan(75);
  });

  it("lets nothing through above the lower rate's half", () => {
    const aliased = convert(tone(16000, 5000), 16000, 8000).subarray(200, 7800);
    expect(Math.max(...aliased.map(Math.abs))).toBeLessThanOrEqual(2);
  });

  it("gives the same however the stream is cut, and its exact length", () => {
    fc.assert(
      fc.property(
        fc.constantFrom([16000, 24000], [16000, 8000], [8000, 24000]),
        fc.integer({ min: 0, max: 900 }),
        fc.integer({ min: 1, max: 400 }),
        ([fromHz, toHz], samples, partSamples) => {
          const pcm = tone(fromHz!, 700, samples);
          const whole = convert(pcm, fromHz!, toHz!, Math.max(1, samples));
          expect(convert(pcm, fromHz!, toHz!, partSamples)).toEqual(whole);
          expect(whole.length).toBe(Math.round((samples * toHz!) / fromHz!));
        },
      ),
    );
  });

  it("stops at full scale instead of wrapping", () => {
    const square = Int16Array.from({ length: 800 }, (_, i) => (i % 40 < 20 ? 32767 : -32768));
    const out = convert(square, 16000, 24000);
    let largestStep = 0;
    for (let i = 1; i < 20; i++) largestStep = Math.max(largestStep, Math.abs(out[100 + i]! - out[99 + i]!));
    expect(Math.max(...out)).toBe(32767);
    expect(largestStep).toBeLessThan(65535);
  });

  it("refuses rates that make no sense", () => {
    expect(() => createResampler(0, 8000)).toThrow(RangeError);
    expect(() => createResampler(16001, 24007)).toThrow(RangeError);
  });
});
