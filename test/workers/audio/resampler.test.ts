import { describe, expect, it } from "vitest";
import { designKernel, historySamples, outputCount, Resampler } from "../../../workers/audio/resampler.ts";
import { seeded } from "./signals.ts";

const kernel24 = designKernel(24000);
const kernel8 = designKernel(8000);

function resample(rateHz: 8000 | 24000, input: Int16Array, chunk = 480): Int16Array {
  const resampler = new Resampler(rateHz === 24000 ? kernel24 : kernel8);
  const output = new Int16Array(outputCount(rateHz, input.length));
  const piece = new Int16Array(chunk * 2 + historySamples);
  let done = 0;
  for (let from = 0; from < input.length; from += chunk) {
    const part = input.slice(from, from + chunk);
    const count = resampler.process(part, part.length, piece);
    output.set(piece.subarray(0, count), done);
    done += count;
  }
  output.set(piece.subarray(0, resampler.tail(piece)), done);
  return output;
}

function tone(rateHz: number, frequencyHz: number, seconds = 0.5): Int16Array {
  return Int16Array.from({ length: rateHz * seconds }, (_, i) =>
    Math.round(16000 * Math.sin((2 * Math.PI * frequencyHz * i) / rateHz)),
  );
}

/** Level of the output against the tone that went in, away from both ends. */
function gainDb(output: Int16Array): number {
  let sum = 0;
  for (let i = 1000; i < output.length - 1000; i++) sum += output[i]! ** 2;
  return 10 * Math.log10(sum / (output.length - 2000) / (16000 ** 2 / 2) + 1e-12);
}

describe("resampler", () => {
  it("keeps the pass band within a tenth of a decibel", () => {
    for (const frequencyHz of [60, 300, 1000, 2500, 4000, 5500, 6500]) {
      expect(Math.abs(gainDb(resample(24000, tone(24000, frequencyHz)))), `${frequencyHz} Hz`).toBeLessThan(
        0.1,
      );
    }
    for (const frequencyHz of [60, 300, 1000, 2500, 3200]) {
      expect(Math.abs(gainDb(resample(8000, tone(8000, frequencyHz)))), `${frequencyHz} Hz`).toBeLessThan(
        0.1,
      );
    }
  });

  it("keeps what lies above the new band out of it by 60 dB", () => {
    for (const frequencyHz of [8800, 9500, 10500, 11500]) {
      expect(gainDb(resample(24000, tone(24000, frequencyHz))), `${frequencyHz} Hz`).toBeLessThan(-60);
    }
  });

  it("makes no image of an 8 kHz signal above 4 kHz", () => {
    const output = resample(8000, tone(8000, 1000));
    const wanted = tone(16000, 1000);
    let error = 0;
    for (let i = 1000; i < 7000; i++) error += (output[i]! - wanted[i]!) ** 2;
    expect(10 * Math.log10(error / 6000 / (16000 ** 2 / 2))).toBeLessThan(-60);
  });

  it("adds no delay: each output sample is the input's value at its own moment", () => {
    for (const rateHz of [8000, 24000] as const) {
      const output = resample(rateHz, tone(rateHz, 440));
      const wanted = tone(16000, 440);
      expect(output.length).toBe(wanted.length);
      for (let i = 200; i < output.length - 200; i++)
        expect(Math.abs(output[i]! - wanted[i]!)).toBeLessThan(12);
    }
  });

  it("gives the same samples however the input is cut", () => {
    const random = seeded(5);
    const input = Int16Array.from({ length: 5000 }, () => Math.floor(random() * 60000 - 30000));
    for (const rateHz of [8000, 24000] as const) {
      const whole = resample(rateHz, input, 2500);
      for (const chunk of [1, 7, 160, 481]) expect(resample(rateHz, input, chunk)).toEqual(whole);
    }
  });

  it("goes on from its last input samples alone", () => {
    const random = seeded(6);
    const input = Int16Array.from({ length: 3001 }, () => Math.floor(random() * 60000 - 30000));
    const whole = new Resampler(kernel24);
    const output = new Int16Array(4000);
    whole.process(input.slice(0, 1501), 1501, output);
    const restored = new Resampler(kernel24);
    restored.restore(1501, input.slice(1501 - historySamples, 1501));
    const again = new Int16Array(4000);
    const count = whole.process(input.slice(1501), 1500, output);
    expect(restored.process(input.slice(1501), 1500, again)).toBe(count);
    expect(again.subarray(0, count)).toEqual(output.subarray(0, count));
  });

  it("clips instead of wrapping around", () => {
    const square = Int16Array.from({ length: 4800 }, (_, i) => (i % 48 < 24 ? 32767 : -32768));
    const output = resample(24000, square);
    for (let i = 100; i < output.length - 100; i++) {
      if (i % 32 > 3 && i % 32 < 13) expect(output[i]).toBeGreaterThan(20000);
    }
  });
});
