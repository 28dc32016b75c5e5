/**
 * Short-time objective intelligibility, as published.
 *
 * @see C. Taal, R. Hendriks, R. Heusdens, J. Jensen: An algorithm for intelligibility prediction of time-frequency
 *   weighted noisy speech, IEEE TASLP 19(7), 2011
 */
import { hann, powerSpectra } from "./fourier.ts";

/** All is computed at this rate. */
export const stoiRateHz = 10_000;
const frame = 256;
const hop = 128;
const size = 512;
const bands = 15;
const lowestBandHz = 150;
/** Frames of a segment (384 ms). */
const segment = 30;
/** Lower bound of the signal-to-distortion ratio. */
const betaDb = -15;
/** A band's distortion counts up to there. */
const clip = 1 + 10 ** (-betaDb / 20);
const dynamicRangeDb = 40;

const window = hann(frame);
const bandEdges = thirdOctaveEdges();

/**
 * @param clean - mono at 10 kHz (`toStoiRate` makes it)
 * @param heard - the same stretch, at the same rate
 * @returns 0 (nothing is understood) to 1; NaN with less than 384 ms of speech
 */
export function stoi(clean: ArrayLike<number>, heard: ArrayLike<number>): number {
  const length = Math.min(clean.length, heard.length);
  const loud = loudFrames(clean, length);
  const cleanBands = bandsOf(keepFrames(clean, loud));
  const heardBands = bandsOf(keepFrames(heard, loud));
  let sum = 0;
  let count = 0;
  const x = new Float64Array(segment);
  const y = new Float64Array(segment);
  for (let from = 0; from + segment <= cleanBands.length; from++) {
    for (let band = 0; band < bands; band++) {
      for (let i = 0; i < segment; i++) {
        x[i] = cleanBands[from + i]![band]!;
        y[i] = heardBands[from + i]![band]!;
      }
      const scale = norm(x) / (norm(y) + Number.EPSILON);
      for (let i = 0; i < segment; i++) y[i] = Math.min(y[i]! * scale, x[i]! * clip);
      sum += correlation(x, y);
      count += 1;
    }
  }
  return sum / count;
}

/** Starts of frames whose clean part lies within 40 dB of the loudest. */
function loudFrames(clean: ArrayLike<number>, length: number): number[] {
  const levels: number[] = [];
  for (let from = 0; from < length - frame; from += hop) {
    let energy = 0;
    for (let i = 0; i < frame; i++) energy += (clean[from + i]! * window[i]!) ** 2;
    levels.push(20 * Math.log10(Math.sqrt(energy) + Number.EPSILON));
  }
  const loudest = levels.reduce((most, level) => Math.max(most, level), Number.NEGATIVE_INFINITY);
  return levels.flatMap((level, index) => (level > loudest - dynamicRangeDb ? [index * hop] : []));
}

/** Those frames alone, added up one hop apart. */
function keepFrames(samples: ArrayLike<number>, starts: readonly number[]): Float64Array {
  const kept = new Float64Array(starts.length === 0 ? 0 : (starts.length - 1) * hop + frame);
  for (const [index, start] of starts.entries()) {
    for (let i = 0; i < frame; i++) kept[index * hop + i]! += samples[start + i]! * window[i]!;
  }
  return kept;
}

function bandsOf(samples: Float64Array): Float64Array[] {
  // As in the reference, the last frame is left out.
  return powerSpectra(samples.subarray(0, -1), { frame, hop, size, window }).map((power) =>
    Float64Array.from({ length: bands }, (_, band) => {
      let sum = 0;
      for (let k = bandEdges[band]![0]; k < bandEdges[band]![1]; k++) sum += power[k]!;
      return Math.sqrt(sum);
    }),
  );
}

function thirdOctaveEdges(): [from: number, until: number][] {
  const nearest = (hz: number) => Math.round((hz * size) / stoiRateHz);
  return Array.from({ length: bands }, (_, band) => {
    const centreHz = lowestBandHz * 2 ** (band / 3);
    return [nearest(centreHz * 2 ** (-1 / 6)), nearest(centreHz * 2 ** (1 / 6))];
  });
}

function norm(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

function correlation(x: Float64Array, y: Float64Array): number {
  let meanX = 0;
  let meanY = 0;
  for (let i = 0; i < x.length; i++) {
    meanX += x[i]! / x.length;
    meanY += y[i]! / y.length;
  }
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (let i = 0; i < x.length; i++) {
    const dx = x[i]! - meanX;
    const dy = y[i]! - meanY;
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xy / (Math.sqrt(xx) * Math.sqrt(yy) + Number.EPSILON);
}

const halfTaps = 40;
/** 10 samples come from 16: five phases, eight samples apart. */
const phases = 5;
const stepSamples = 8;
const reachSamples = halfTaps * (stepSamples / phases);
const kernels = Array.from({ length: phases }, (_, phase) => makeKernel((phase * stepSamples) / phases));

function makeKernel(centre: number): { from: number; taps: Float64Array } {
  const from = Math.ceil(centre - reachSamples);
  const taps = Float64Array.from({ length: Math.floor(centre + reachSamples) - from + 1 }, (_, i) => {
    const distance = from + i - centre;
    const angle = (Math.PI * distance * phases) / stepSamples;
    const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
    return (sinc * (0.5 + 0.5 * Math.cos((Math.PI * distance) / reachSamples)) * phases) / stepSamples;
  });
  return { from, taps };
}

/** From 16 kHz to 10 kHz: a windowed sinc, flat to 4.5 kHz (STOI's highest band ends at 4.3 kHz). */
export function toStoiRate(samples: ArrayLike<number>): Float64Array {
  const out = new Float64Array(Math.floor((samples.length * phases) / stepSamples));
  for (let index = 0; index < out.length; index++) {
    const { from, taps } = kernels[index % phases]!;
    const start = Math.floor(index / phases) * stepSamples + from;
    const until = Math.min(taps.length, samples.length - start);
    let sum = 0;
    for (let tap = Math.max(0, -start); tap < until; tap++) sum += samples[start + tap]! * taps[tap]!;
    out[index] = sum;
  }
  return out;
}
