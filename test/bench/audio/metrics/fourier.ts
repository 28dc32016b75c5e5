/** A plain Fourier transform for figures and metrics: double precision, any power of two. */

/** In place. @throws RangeError unless the length is a power of two */
export function transform(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  if ((n & (n - 1)) !== 0 || im.length !== n) throw new RangeError(`${n} is no power of two`);
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; (j & bit) !== 0; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    [re[i], re[j]] = [re[j]!, re[i]!];
    [im[i], im[j]] = [im[j]!, im[i]!];
  }
  for (let size = 2; size <= n; size <<= 1) rotate(re, im, size);
}

function rotate(re: Float64Array, im: Float64Array, size: number): void {
  const half = size >> 1;
  const { cosines, sines } = twiddles(half);
  for (let from = 0; from < re.length; from += size) {
    for (let k = 0; k < half; k++) {
      const low = from + k;
      const high = low + half;
      const real = re[high]! * cosines[k]! - im[high]! * sines[k]!;
      const imaginary = re[high]! * sines[k]! + im[high]! * cosines[k]!;
      re[high] = re[low]! - real;
      im[high] = im[low]! - imaginary;
      re[low] = re[low]! + real;
      im[low] = im[low]! + imaginary;
    }
  }
}

/** One per power of two. */
const kept = new Map<number, { cosines: Float64Array; sines: Float64Array }>();

function twiddles(half: number): { cosines: Float64Array; sines: Float64Array } {
  let both = kept.get(half);
  if (both === undefined) {
    both = {
      cosines: Float64Array.from({ length: half }, (_, k) => Math.cos((Math.PI * k) / half)),
      sines: Float64Array.from({ length: half }, (_, k) => -Math.sin((Math.PI * k) / half)),
    };
    kept.set(half, both);
  }
  return both;
}

/**
 * Power spectra of windowed frames.
 *
 * @param frame - samples of a frame, also the window's length
 * @param size - length of the transform, at least `frame`
 * @returns one array of `size / 2 + 1` powers a frame
 */
export function powerSpectra(
  samples: ArrayLike<number>,
  options: { frame: number; hop: number; size: number; window: Float64Array },
): Float64Array[] {
  const { frame, hop, size, window } = options;
  const spectra: Float64Array[] = [];
  const re = new Float64Array(size);
  const im = new Float64Array(size);
  for (let from = 0; from + frame <= samples.length; from += hop) {
    re.fill(0);
    im.fill(0);
    for (let i = 0; i < frame; i++) re[i] = samples[from + i]! * window[i]!;
    transform(re, im);
    spectra.push(Float64Array.from({ length: size / 2 + 1 }, (_, k) => re[k]! ** 2 + im[k]! ** 2));
  }
  return spectra;
}

/** A Hann window without the zeroes at its ends (as STOI and others want it). */
export function hann(length: number): Float64Array {
  return Float64Array.from(
    { length },
    (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 1)) / (length + 1)),
  );
}
