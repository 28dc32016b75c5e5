/** Whisper's features: log power in 80 mel bands, 100 frames a second. */
import { frameBins, frameSamples, transformPower } from "./fourier.ts";

/** Bands of a frame. */
export const melBands = 80;
/** Samples between two frames (10 ms at 16 kHz). */
export const hopSamples = 160;
/** What the encoder takes at most: 30 s. */
export const maxFrames = 3000;

const sampleRateHz = 16_000;
const lowestPower = 1e-10;
/** Decades under the loudest band at which everything is as good as silent. */
const decades = 8;
/** Frames are centred: the first one reaches that far before the audio, which is mirrored there. */
const reach = frameSamples / 2;

/** Features of one hearing, `[80, frames]`. */
export interface MelFeatures {
  values: Float32Array;
  frames: number;
}

const window = Float64Array.from(
  { length: frameSamples },
  (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / frameSamples),
);

/** Slaney's scale: linear under 1 kHz, logarithmic above. */
const breakHz = 1000;
const breakMel = 15;
const hzPerMel = 200 / 3;
const logStep = Math.log(6.4) / 27;
const melOf = (hz: number) => (hz < breakHz ? hz / hzPerMel : breakMel + Math.log(hz / breakHz) / logStep);
const hzOf = (mel: number) =>
  mel < breakMel ? mel * hzPerMel : breakHz * Math.exp(logStep * (mel - breakMel));

/** Triangles of equal area; only the bins that one covers are kept. */
const filters = Array.from({ length: melBands }, (_, band) => {
  const top = melOf(sampleRateHz / 2);
  const [low, middle, high] = [0, 1, 2].map((edge) => hzOf((top * (band + edge)) / (melBands + 1))) as [
    number,
    number,
    number,
  ];
  const weights: number[] = [];
  let first = 0;
  for (let bin = 0; bin < frameBins; bin++) {
    const hz = (bin * sampleRateHz) / frameSamples;
    const weight = Math.min((hz - low) / (middle - low), (high - hz) / (high - middle));
    if (weight <= 0) continue;
    if (weights.length === 0) first = bin;
    weights.push((weight * 2) / (high - low));
  }
  return { first, weights: Float64Array.from(weights) };
});

const frame = new Float64Array(frameSamples);
const power = new Float64Array(frameBins);

/** Index of a sample that may lie outside, mirrored at both ends. */
function mirror(index: number, length: number): number {
  if (length < 2) return 0;
  const period = 2 * (length - 1);
  const at = ((index % period) + period) % period;
  return at < length ? at : period - at;
}

function takeFrame(samples: Float32Array, from: number): void {
  const isInside = from >= 0 && from + frameSamples <= samples.length;
  for (let i = 0; i < frameSamples; i++) {
    const sample = isInside ? samples[from + i]! : samples[mirror(from + i, samples.length)]!;
    frame[i] = sample * window[i]!;
  }
}

/**
 * Log-mel features as Whisper was trained on, then zeroes (which stand for nothing in particular in normalised features:
 * silence would be negative).
 *
 * @param samples - mono at 16 kHz, full scale 1; at least one; what goes beyond 30 s is left out
 * @param paddingFrames - zeroes after the audio, in frames, as far as 30 s allow
 */
export function logMel(samples: Float32Array, paddingFrames: number): MelFeatures {
  const heard = Math.min(maxFrames, Math.max(1, Math.floor(samples.length / hopSamples)));
  const padded = Math.min(maxFrames, heard + paddingFrames);
  // The encoder halves the rate.
  const frames = padded + (padded % 2);
  const values = new Float32Array(melBands * frames);
  let loudest = Math.log10(lowestPower);
  for (let at = 0; at < heard; at++) {
    takeFrame(samples, at * hopSamples - reach);
    transformPower(frame, power);
    for (let band = 0; band < melBands; band++) {
      const { first, weights } = filters[band]!;
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i]! * power[first + i]!;
      const value = Math.log10(Math.max(sum, lowestPower));
      if (value > loudest) loudest = value;
      values[band * frames + at] = value;
    }
  }
  for (let band = 0; band < melBands; band++) {
    const from = band * frames;
    for (let at = from; at < from + heard; at++)
      values[at] = (Math.max(values[at]!, loudest - decades) + 4) / 4;
  }
  return { values, frames };
}
