/**
 * What a stretch of speech looks like, in 32 bits for every 10 ms: whether each of 33 bands of the telephone's range
 * rose or fell against its neighbour. Loudness, mu-law, a change of rate and moderate noise leave most bits as they are.
 *
 * @see Haitsma and Kalker, A Highly Robust Audio Fingerprinting System, ISMIR 2002 (the idea and the bits)
 */

/** Samples between two frames, at 16 kHz: 10 ms. */
export const hopSamples = 160;
/** Samples that a frame looks at: 50 ms, so that half a hop's shift changes little. */
export const frameSamples = 800;
export const bitsPerFrame = 32;
/** Silence that is put before the audio and after it, so that its first and last sounds count too. */
export const padSamples: number = frameSamples - hopSamples;
/** Bits of a frame, from the lowest, by which it is looked up: where speech is loudest. */
export const keyBits = 20;
/** How many of these are known to be the least certain. */
export const doubtfulBits = 4;

const rateHz = 16_000;
const fftSize = 1024;
const bandCount = bitsPerFrame + 1;
const lowestHz = 180;
const highestHz = 3400;
/** Frames back that a band is compared with: 30 ms. */
const backFrames = 3;
/** Energies under that share of the loudest frame's bands are all alike: hiss and rounding are no melody. */
const floorRatio = 1e-3;
/** A difference of band energies (natural logarithm) under that may fall either way in noise. */
const certainDifference = 0.35;
/** A frame that far under the loudest says nothing. */
const quietRatio = 10 ** (-32 / 10);
/** Anything quieter than that is silence, whatever the rest is like (about -60 dBFS). */
const quietPower = 32 ** 2;

export interface Fingerprint {
  /** One word a frame; frame n looks at samples n x 160 - 640 to n x 160 + 160, silence before and after the audio. */
  bits: Uint32Array;
  /** Mask of the bits that noise would not turn at once. */
  certain: Uint32Array;
  /** Masks of the least certain among each frame's key bits, four a frame. */
  doubtful: Uint32Array;
  /** 1 where there is sound enough for the bits to mean something. */
  sounding: Uint8Array;
}

const window = Float64Array.from(
  { length: frameSamples },
  (_, index) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (index + 0.5)) / frameSamples),
);
const reversed = new Uint16Array(fftSize);
for (let index = 0; index < fftSize; index++) {
  reversed[index] = (reversed[index >> 1]! >> 1) | ((index & 1) * (fftSize >> 1));
}
const cosines = Float64Array.from({ length: fftSize / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / fftSize));
const sines = Float64Array.from({ length: fftSize / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / fftSize));
/** First bin of each band, evenly spaced on a logarithmic scale; one more than bands. */
const edges = Array.from(
  { length: bandCount + 1 },
  (_, band) => (lowestHz * (highestHz / lowestHz) ** (band / bandCount) * fftSize) / rateHz,
);
/** How much of each bin belongs to which band: low bands are narrower than a bin's distance. */
const weightBands: number[] = [];
const weightBins: number[] = [];
const weights: number[] = [];
for (let band = 0; band < bandCount; band++) {
  const [from, to] = [edges[band]!, edges[band + 1]!];
  const centre = (from + to) / 2;
  const reach = Math.max(1, (to - from) / 2);
  for (let bin = Math.ceil(centre - reach); bin <= Math.floor(centre + reach); bin++) {
    const weight = 1 - Math.abs(bin - centre) / (reach + 1);
    if (weight <= 0) continue;
    weightBands.push(band);
    weightBins.push(bin);
    weights.push(weight);
  }
}

const re = new Float64Array(fftSize);
const im = new Float64Array(fftSize);

/** In place, radix 2; input in bit-reversed order. */
function transform(): void {
  for (let size = 2; size <= fftSize; size *= 2) {
    const half = size >> 1;
    const step = fftSize / size;
    for (let start = 0; start < fftSize; start += size) {
      for (let k = 0; k < half; k++) {
        const a = start + k;
        const b = a + half;
        const c = cosines[k * step]!;
        const s = sines[k * step]!;
        const tRe = re[b]! * c - im[b]! * s;
        const tIm = re[b]! * s + im[b]! * c;
        re[b] = re[a]! - tRe;
        im[b] = im[a]! - tIm;
        re[a]! += tRe;
        im[a]! += tIm;
      }
    }
  }
}

/** Writes the bands' energies of two frames (one in the real, one in the imaginary part). */
function measurePair(pcm: Int16Array, first: number, energies: Float64Array, frames: number): void {
  re.fill(0);
  im.fill(0);
  const from = first * hopSamples - padSamples;
  const hasSecond = first + 1 < frames;
  // What lies outside is silence.
  const begin = Math.max(0, -from);
  const end = Math.min(frameSamples, pcm.length - from);
  for (let index = begin; index < end; index++) re[reversed[index]!] = pcm[from + index]! * window[index]!;
  if (hasSecond) {
    const next = from + hopSamples;
    const until = Math.min(frameSamples, pcm.length - next);
    for (let index = Math.max(0, -next); index < until; index++) {
      im[reversed[index]!] = pcm[next + index]! * window[index]!;
    }
  }
  transform();
  const second = (first + 1) * bandCount;
  for (let index = 0; index < weights.length; index++) {
    const [band, bin, weight] = [weightBands[index]!, weightBins[index]!, weights[index]!];
    const other = fftSize - bin;
    // Of two real signals in one transform: the even part is the first's, the odd part the second's.
    const aRe = re[bin]! + re[other]!;
    const aIm = im[bin]! - im[other]!;
    energies[first * bandCount + band]! += weight * (aRe * aRe + aIm * aIm);
    if (!hasSecond) continue;
    const bRe = im[bin]! + im[other]!;
    const bIm = re[other]! - re[bin]!;
    energies[second + band]! += weight * (bRe * bRe + bIm * bIm);
  }
}

/** Power of each hop's frame, mean square. */
function powersOf(pcm: Int16Array, frames: number): Float64Array {
  const hops = new Float64Array(frames + frameSamples / hopSamples);
  const padHops = padSamples / hopSamples;
  for (let hop = 0; hop < hops.length; hop++) {
    let sum = 0;
    const from = (hop - padHops) * hopSamples;
    const to = Math.min(pcm.length, from + hopSamples);
    for (let index = Math.max(0, from); index < to; index++) sum += pcm[index]! * pcm[index]!;
    hops[hop] = sum / hopSamples;
  }
  const powers = new Float64Array(frames);
  const middle = (frameSamples / hopSamples - 1) / 2;
  for (let frame = 0; frame < frames; frame++) powers[frame] = hops[frame + middle]!;
  return powers;
}

/**
 * Takes the fingerprint.
 *
 * @param pcm - mono int16 at 16 kHz; not modified
 */
export function takeFingerprint(pcm: Int16Array): Fingerprint {
  const frames = pcm.length === 0 ? 0 : Math.ceil((pcm.length + padSamples) / hopSamples);
  const bits = new Uint32Array(frames);
  const certain = new Uint32Array(frames);
  const doubtful = new Uint32Array(frames * doubtfulBits);
  const sounding = new Uint8Array(frames);
  const print = { bits, certain, doubtful, sounding };
  if (frames === 0) return print;
  const powers = powersOf(pcm, frames);
  const loudest = powers.reduce((most, power) => Math.max(most, power), 0);
  const threshold = Math.max(quietPower, loudest * quietRatio);
  const energies = new Float64Array(frames * bandCount);
  for (let frame = 0; frame < frames; frame += 2) {
    if (powers[frame]! < quietPower && (powers[frame + 1] ?? 0) < quietPower) continue;
    measurePair(pcm, frame, energies, frames);
  }
  const floor = energies.reduce((most, energy) => Math.max(most, energy), 0) * floorRatio + 1;
  for (let at = 0; at < energies.length; at++) energies[at] = Math.log(energies[at]! + floor);
  for (let frame = backFrames; frame < frames; frame++) {
    sounding[frame] = powers[frame]! >= threshold ? 1 : 0;
    if (sounding[frame] === 1) writeBits(energies, frame, print);
  }
  return print;
}

function writeBits(energies: Float64Array, frame: number, print: Fingerprint): void {
  const now = frame * bandCount;
  const back = (frame - backFrames) * bandCount;
  const least = new Array<number>(doubtfulBits).fill(Number.POSITIVE_INFINITY);
  const masks = new Array<number>(doubtfulBits).fill(0);
  let word = 0;
  let certain = 0;
  for (let band = 0; band < bitsPerFrame; band++) {
    const difference =
      energies[now + band]! -
      energies[now + band + 1]! -
      (energies[back + band]! - energies[back + band + 1]!);
    if (difference > 0) word |= 1 << band;
    let distance = Math.abs(difference);
    if (distance >= certainDifference) certain |= 1 << band;
    if (band >= keyBits) continue;
    let mask = 1 << band;
    for (let place = 0; place < doubtfulBits; place++) {
      if (distance >= least[place]!) continue;
      [distance, least[place]] = [least[place]!, distance];
      [mask, masks[place]] = [masks[place]!, mask];
    }
  }
  print.bits[frame] = word >>> 0;
  print.certain[frame] = certain >>> 0;
  for (let place = 0; place < doubtfulBits; place++) {
    print.doubtful[frame * doubtfulBits + place] = masks[place]! >>> 0;
  }
}

/** Bits that are set. */
export function countBits(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
