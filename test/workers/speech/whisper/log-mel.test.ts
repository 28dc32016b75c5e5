import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { frameBins, frameSamples, transformPower } from "../../../../workers/speech/whisper/fourier.ts";
import { logMel, maxFrames, melBands } from "../../../../workers/speech/whisper/log-mel.ts";

/**
 * Frame by frame, of `buzz`: by numpy in double precision, with librosa's Slaney filters and a periodic Hann window, frames
 * centred and mirrored at the ends, as Whisper's own preprocessing has it.
 */
const reference = JSON.parse(
  readFileSync(new URL("./log-mel-reference.json", import.meta.url), "utf8"),
) as number[][];

/** A falling buzz in noise; whole numbers all the way, so that any language makes the same. */
function buzz(): Float32Array {
  let seed = 1;
  return Float32Array.from({ length: 4000 }, (_, i) => {
    seed = (seed * 75 + 74) % 65537;
    const wave = Math.floor(i / (20 + (i >> 9))) % 2 === 1 ? 5000 : -5000;
    return (wave + (seed % 2048) - 1024) / 32768;
  });
}

describe("the features", () => {
  it("are those of the reference", () => {
    const { values, frames } = logMel(buzz(), 0);
    expect(reference).toHaveLength(25);
    for (const [frame, bands] of reference.entries())
      for (const [band, wanted] of bands.entries())
        expect(
          Math.abs(values[band * frames + frame]! - wanted),
          `frame ${frame}, band ${band}`,
        ).toBeLessThan(2e-4);
  });

  it("end in zeroes, in an even number of frames, 30 s at most", () => {
    const { values, frames } = logMel(buzz(), 6);
    expect(frames).toBe(32);
    for (let band = 0; band < melBands; band++)
      expect(values.subarray(band * frames + 25, (band + 1) * frames).every((value) => value === 0)).toBe(
        true,
      );
    expect(logMel(new Float32Array(40 * 16_000), 400).frames).toBe(maxFrames);
  });

  it.each([1, 2, 159, 200, 401])("are finite for %i samples", (length) => {
    const { values } = logMel(buzz().subarray(0, length), 4);
    expect(values.every(Number.isFinite)).toBe(true);
  });
});

describe("the transform", () => {
  it("has the power of the sum that defines it", () => {
    const frame = Float64Array.from(buzz().subarray(0, frameSamples));
    const power = new Float64Array(frameBins);
    transformPower(frame, power);
    for (const bin of [0, 1, 37, 99, 100, 199, 200]) {
      let re = 0;
      let im = 0;
      for (let i = 0; i < frameSamples; i++) {
        re += frame[i]! * Math.cos((2 * Math.PI * bin * i) / frameSamples);
        im -= frame[i]! * Math.sin((2 * Math.PI * bin * i) / frameSamples);
      }
      expect(power[bin]).toBeCloseTo(re * re + im * im, 8);
    }
  });
});
