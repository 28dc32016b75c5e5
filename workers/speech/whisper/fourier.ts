/**
 * Power spectrum of 400 real samples, which is no power of two: as 200 complex ones in steps of 5, 5, 4 and 2 (Stockham's
 * order, so nothing is shuffled at the end). Tables and scratch are made once; not re-entrant, and no call keeps them.
 */

/** Samples in a frame. */
export const frameSamples = 400;
/** Bins from 0 to half the sample rate, both included. */
export const frameBins = 201;

const half = frameSamples / 2;
const radices = [5, 5, 4, 2] as const;

/** One pass: `groups` runs of `stride` interleaved transforms, each cut into `radix` parts. */
interface Pass {
  radix: number;
  groups: number;
  stride: number;
  /** cos and sin by group and part: what part `p` of group `g` is turned by. */
  turns: Float64Array;
  /** cos and sin of the transform of `radix` values, by output and input. */
  kernel: Float64Array;
}

function circle(numerator: number, denominator: number): [number, number] {
  const angle = (-2 * Math.PI * numerator) / denominator;
  return [Math.cos(angle), Math.sin(angle)];
}

function makePass(radix: number, length: number, stride: number): Pass {
  const groups = length / radix;
  const turns = new Float64Array(2 * groups * radix);
  for (let group = 0; group < groups; group++)
    for (let part = 0; part < radix; part++)
      turns.set(circle(group * part, length), 2 * (group * radix + part));
  const kernel = new Float64Array(2 * radix * radix);
  for (let to = 0; to < radix; to++)
    for (let from = 0; from < radix; from++) kernel.set(circle(to * from, radix), 2 * (to * radix + from));
  return { radix, groups, stride, turns, kernel };
}

const passes: Pass[] = [];
for (let index = 0, length = half, stride = 1; index < radices.length; index++) {
  passes.push(makePass(radices[index]!, length, stride));
  length /= radices[index]!;
  stride *= radices[index]!;
}

let re = new Float64Array(half);
let im = new Float64Array(half);
let nextRe = new Float64Array(half);
let nextIm = new Float64Array(half);
const partRe = new Float64Array(5);
const partIm = new Float64Array(5);
const unfold = new Float64Array(2 * frameBins);
for (let bin = 0; bin < frameBins; bin++) unfold.set(circle(bin, frameSamples), 2 * bin);

function run({ radix, groups, stride, turns, kernel }: Pass): void {
  const apart = groups * stride;
  for (let group = 0; group < groups; group++) {
    for (let lane = 0; lane < stride; lane++) {
      const from = group * stride + lane;
      for (let part = 0; part < radix; part++) {
        partRe[part] = re[from + part * apart]!;
        partIm[part] = im[from + part * apart]!;
      }
      const to = group * radix * stride + lane;
      for (let out = 0; out < radix; out++) {
        let sumRe = 0;
        let sumIm = 0;
        for (let part = 0; part < radix; part++) {
          const at = 2 * (out * radix + part);
          sumRe += partRe[part]! * kernel[at]! - partIm[part]! * kernel[at + 1]!;
          sumIm += partRe[part]! * kernel[at + 1]! + partIm[part]! * kernel[at]!;
        }
        const at = 2 * (group * radix + out);
        nextRe[to + out * stride] = sumRe * turns[at]! - sumIm * turns[at + 1]!;
        nextIm[to + out * stride] = sumRe * turns[at + 1]! + sumIm * turns[at]!;
      }
    }
  }
  [re, nextRe] = [nextRe, re];
  [im, nextIm] = [nextIm, im];
}

/**
 * Writes the power of each bin.
 *
 * @param frame - 400 samples; not modified
 * @param power - 201 values, written
 */
export function transformPower(frame: Float64Array, power: Float64Array): void {
  for (let i = 0; i < half; i++) {
    re[i] = frame[2 * i]!;
    im[i] = frame[2 * i + 1]!;
  }
  for (const pass of passes) run(pass);
  for (let bin = 0; bin < frameBins; bin++) {
    const at = bin % half;
    const other = (half - at) % half;
    const evenRe = (re[at]! + re[other]!) / 2;
    const evenIm = (im[at]! - im[other]!) / 2;
    const oddRe = (im[at]! + im[other]!) / 2;
    const oddIm = (re[other]! - re[at]!) / 2;
    const cos = unfold[2 * bin]!;
    const sin = unfold[2 * bin + 1]!;
    const wholeRe = evenRe + oddRe * cos - oddIm * sin;
    const wholeIm = evenIm + oddRe * sin + oddIm * cos;
    power[bin] = wholeRe * wholeRe + wholeIm * wholeIm;
  }
}
