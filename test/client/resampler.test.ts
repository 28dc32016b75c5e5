import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameCutter } from "../../client/frame-cutter.ts";
import { Resampler, toFloat32, toInt16 } from "../../client/resampler.ts";

function sine(frequencyHz: number, rateHz: number, seconds: number): Float32Array {
  return Float32Array.from({ length: Math.round(rateHz * seconds) }, (_, i) =>
    Math.sin((2 * Math.PI * frequencyHz * i) / rateHz),
  );
}

/** Level of a settled stretch, dB relative to a full sine. */
function levelDb(samples: Float32Array): number {
  const settled = samples.subarray(samples.length >> 2, samples.length - (samples.length >> 2));
  let sum = 0;
  for (const sample of settled) sum += sample * sample;
  return 10 * Math.log10((2 * sum) / settled.length + 1e-20);
}

/** Share of everything that is not a sine of that frequency, dB. */
function distortionDb(samples: Float32Array, frequencyHz: number, rateHz: number): number {
  // A tenth of a second: whole periods of any multiple of 10 Hz.
  const settled = samples.subarray(rateHz / 10, rateHz / 5);
  let re = 0;
  let im = 0;
  let power = 0;
  settled.forEach((sample, i) => {
    const angle = (2 * Math.PI * frequencyHz * i) / rateHz;
    re += sample * Math.cos(angle);
    im += sample * Math.sin(angle);
    power += sample * sample;
  });
  const tone = (2 * (re * re + im * im)) / settled.length;
  return 10 * Math.log10(Math.abs(power - tone) / power + 1e-20);
}

describe("Resampler", () => {
  it.each([48_000, 44_100, 96_000, 32_000, 24_000])("keeps speech from %i Hz as loud as it is", (rateHz) => {
    for (const frequencyHz of [200, 1000, 3000, 6500]) {
      const output = new Resampler(rateHz, 16_000).process(sine(frequencyHz, rateHz, 0.5));
      expect(Math.abs(levelDb(output))).toBeLessThan(0.1);
    }
  });

  it.each([48_000, 44_100, 96_000, 32_000, 24_000])("lets nothing of %i Hz fold back", (rateHz) => {
    for (const frequencyHz of [8100, 9000, 11_000, rateHz * 0.45]) {
      const output = new Resampler(rateHz, 16_000).process(sine(frequencyHz, rateHz, 0.5));
      expect(levelDb(output)).toBeLessThan(-70);
    }
  });

  it.each([
    [48_000, 16_000],
    [44_100, 16_000],
    [24_000, 16_000],
    [8000, 16_000],
  ])("adds no distortion from %i to %i Hz", (from, to) => {
    const output = new Resampler(from, to).process(sine(1000, from, 0.3));
    expect(distortionDb(output, 1000, to)).toBeLessThan(-60);
  });

  it("gives the same stream however the input is cut", () => {
    const input = sine(440, 44_100, 0.2);
    const whole = new Resampler(44_100, 16_000).process(input);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 40 }), (cuts) => {
        const resampler = new Resampler(44_100, 16_000);
        const pieces: number[] = [];
        let at = 0;
        for (const cut of [...cuts, input.length]) {
          pieces.push(...resampler.process(input.subarray(at, at + cut)));
          at = Math.min(input.length, at + cut);
        }
        expect(pieces).toEqual([...whole]);
      }),
      { numRuns: 30 },
    );
  });

  it("keeps time: a second in is a second out, less its stated delay", () => {
    for (const rateHz of [44_100, 48_000]) {
      const resampler = new Resampler(rateHz, 16_000);
      const output = resampler.process(new Float32Array(rateHz));
      const lateSamples = 16_000 - output.length;
      expect(Math.abs(lateSamples - (resampler.delayMs * 16_000) / 1000)).toBeLessThanOrEqual(1);
      expect(resampler.delayMs).toBeLessThan(10);
    }
  });

  it("refuses rates without a practical ratio", () => {
    expect(() => new Resampler(44_101, 16_001)).toThrow(RangeError);
    expect(() => new Resampler(0, 16_000)).toThrow(RangeError);
  });
});

describe("FrameCutter", () => {
  it("makes frames of exactly 20 ms from the audio callback's blocks of 128", () => {
    const cutter = new FrameCutter(48_000, 16_000, 20);
    const input = sine(300, 48_000, 1);
    const lengths: number[] = [];
    let levelRatio = 0;
    for (let at = 0; at < input.length; at += 128) {
      cutter.push(input.subarray(at, at + 128), (frame) => {
        lengths.push(frame.pcm.length);
        levelRatio = frame.levelRatio;
      });
    }
    expect(new Set(lengths)).toEqual(new Set([320]));
    expect(lengths.length).toBe(49);
    expect(levelRatio).toBeCloseTo(Math.SQRT1_2, 1);
  });
});

describe("toInt16 and toFloat32", () => {
  it("clip what is too loud and bring back what they were given", () => {
    expect([...toInt16(Float32Array.of(2, -2, 0, 0.5))]).toEqual([32767, -32768, 0, 16384]);
    const samples = Int16Array.of(-32768, -1, 0, 1, 12345, 32767);
    expect(toInt16(toFloat32(samples))).toEqual(samples);
  });
});
