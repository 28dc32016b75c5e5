/**
 * Fourier transform of 512 real samples: as 256 complex ones, radix 4, all tables and scratch made once. Not
 * re-entrant: each thread has its own module, and no call keeps the scratch.
 */

/** Samples in a transform. */
export const fftSamples = 512;
/** Bins from 0 to half the sample rate, both included. */
export const fftBins = 257;

const half = 256;
const zr = new Float64Array(half);
const zi = new Float64Array(half);
const cos512 = new Float64Array(fftBins);
const sin512 = new Float64Array(fftBins);
for (let k = 0; k < fftBins; k++) {
  cos512[k] = Math.cos((2 * Math.PI * k) / fftSamples);
  sin512[k] = -Math.sin((2 * Math.PI * k) / fftSamples);
}
/** Base-4 digits reversed. */
const reversed = new Uint16Array(half);
for (let i = 0; i < half; i++) {
  reversed[i] = ((i & 3) << 6) | ((i & 12) << 2) | ((i & 48) >> 2) | ((i & 192) >> 6);
}
/** Per stage (16, 64, 256) and butterfly: cos and sin of one, two and three times its angle. */
const twiddles = [16, 64, 256].map((size) => {
  const table = new Float64Array((size / 4) * 6);
  for (let k = 0; k < size / 4; k++) {
    for (let times = 1; times <= 3; times++) {
      const angle = (-2 * Math.PI * k * times) / size;
      table[k * 6 + times * 2 - 2] = Math.cos(angle);
      table[k * 6 + times * 2 - 1] = Math.sin(angle);
    }
  }
  return table;
});

/**
 * Forward transform.
 *
 * @param input - 512 samples; not modified
 * @param re - 257 real parts, written
 * @param im - 257 imaginary parts, written
 */
export function transformReal(input: Float64Array, re: Float64Array, im: Float64Array): void {
  for (let i = 0; i < half; i++) {
    const from = reversed[i]! * 2;
    zr[i] = input[from]!;
    zi[i] = input[from + 1]!;
  }
  transform(zr, zi);
  re[0] = zr[0]! + zi[0]!;
  im[0] = 0;
  re[half] = zr[0]! - zi[0]!;
  im[half] = 0;
  for (let k = 1; k <= half / 2; k++) {
    const other = half - k;
    const evenRe = 0.5 * (zr[k]! + zr[other]!);
    const evenIm = 0.5 * (zi[k]! - zi[other]!);
    const oddRe = 0.5 * (zi[k]! + zi[other]!);
    const oddIm = 0.5 * (zr[other]! - zr[k]!);
    const turnedRe = oddRe * cos512[k]! - oddIm * sin512[k]!;
    const turnedIm = oddRe * sin512[k]! + oddIm * cos512[k]!;
    re[k] = evenRe + turnedRe;
    im[k] = evenIm + turnedIm;
    re[other] = evenRe - turnedRe;
    im[other] = turnedIm - evenIm;
  }
}

/**
 * Inverse transform, scaled so that it undoes `transformReal`.
 *
 * @param re - 257 real parts; not modified
 * @param im - 257 imaginary parts (the first and last count as 0); not modified
 * @param output - 512 samples, written
 */
export function restoreReal(re: Float64Array, im: Float64Array, output: Float64Array): void {
  // With real and imaginary parts exchanged, the forward transform is the inverse one.
  for (let i = 0; i < half; i++) {
    const k = reversed[i]!;
    if (k === 0) {
      zi[i] = 0.5 * (re[0]! + re[half]!);
      zr[i] = 0.5 * (re[0]! - re[half]!);
      continue;
    }
    const other = half - k;
    const imK = im[k]!;
    const imOther = im[other]!;
    const differenceRe = 0.5 * (re[k]! - re[other]!);
    const differenceIm = 0.5 * (imK + imOther);
    const oddRe = differenceRe * cos512[k]! + differenceIm * sin512[k]!;
    const oddIm = differenceIm * cos512[k]! - differenceRe * sin512[k]!;
    zi[i] = 0.5 * (re[k]! + re[other]!) - oddIm;
    zr[i] = 0.5 * (imK - imOther) + oddRe;
  }
  transform(zr, zi);
  const scale = 1 / half;
  for (let i = 0; i < half; i++) {
    output[2 * i] = zi[i]! * scale;
    output[2 * i + 1] = zr[i]! * scale;
  }
}

/** In place, input in digit-reversed order. */
function transform(re: Float64Array, im: Float64Array): void {
  for (let at = 0; at < half; at += 4) {
    const sumRe = re[at]! + re[at + 2]!;
    const sumIm = im[at]! + im[at + 2]!;
    const differenceRe = re[at]! - re[at + 2]!;
    const differenceIm = im[at]! - im[at + 2]!;
    const sum2Re = re[at + 1]! + re[at + 3]!;
    const sum2Im = im[at + 1]! + im[at + 3]!;
    const difference2Re = re[at + 1]! - re[at + 3]!;
    const difference2Im = im[at + 1]! - im[at + 3]!;
    re[at] = sumRe + sum2Re;
    im[at] = sumIm + sum2Im;
    re[at + 1] = differenceRe + difference2Im;
    im[at + 1] = differenceIm - difference2Re;
    re[at + 2] = sumRe - sum2Re;
    im[at + 2] = sumIm - sum2Im;
    re[at + 3] = differenceRe - difference2Im;
    im[at + 3] = differenceIm + difference2Re;
  }
  for (let stage = 0, size = 16; stage < 3; stage++, size *= 4) combine(re, im, size, twiddles[stage]!);
}

/** One radix-4 stage: quarters of `size` become one. */
function combine(re: Float64Array, im: Float64Array, size: number, table: Float64Array): void {
  const quarter = size >> 2;
  for (let start = 0; start < half; start += size) {
    for (let k = 0; k < quarter; k++) {
      const a = start + k;
      const b = a + quarter;
      const c = b + quarter;
      const d = c + quarter;
      const w = k * 6;
      const bRe = re[b]! * table[w]! - im[b]! * table[w + 1]!;
      const bIm = re[b]! * table[w + 1]! + im[b]! * table[w]!;
      const cRe = re[c]! * table[w + 2]! - im[c]! * table[w + 3]!;
      const cIm = re[c]! * table[w + 3]! + im[c]! * table[w + 2]!;
      const dRe = re[d]! * table[w + 4]! - im[d]! * table[w + 5]!;
      const dIm = re[d]! * table[w + 5]! + im[d]! * table[w + 4]!;
      const sumRe = re[a]! + cRe;
      const sumIm = im[a]! + cIm;
      const differenceRe = re[a]! - cRe;
      const differenceIm = im[a]! - cIm;
      const sum2Re = bRe + dRe;
      const sum2Im = bIm + dIm;
      const difference2Re = bRe - dRe;
      const difference2Im = bIm - dIm;
      re[a] = sumRe + sum2Re;
      im[a] = sumIm + sum2Im;
      re[b] = differenceRe + difference2Im;
      im[b] = differenceIm - difference2Re;
      re[c] = sumRe - sum2Re;
      im[c] = sumIm - sum2Im;
      re[d] = differenceRe - difference2Im;
      im[d] = differenceIm + difference2Re;
    }
  }
}
