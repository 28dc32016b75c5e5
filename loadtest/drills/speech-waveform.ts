/** Speech as waveforms: where two recordings are the same to a fraction of a sample. */

/** Everything here is at 16 kHz. */
export const finderRateHz = 16_000;

/** Speech that may be in the audio. */
export interface Source {
  /** Who spoke: a stand-in's name, or "embedded". */
  voice: string;
  /** Mono int16, 16 kHz. */
  pcm: Int16Array;
  words: readonly { text: string; fromSample: number }[];
}

/** A part of a source, found in the audio. Samples at 16 kHz. */
export interface Stretch {
  /** Index of the source. */
  source: number;
  /** In the source. */
  fromSample: number;
  untilSample: number;
  /** Where `fromSample` is in the audio. */
  atSample: number;
  /** One for each block of 10 ms of the source, from `fromSample` on: 1 where it sounds and is the same. */
  same: Uint8Array;
}

/** Samples of a block: 10 ms. */
export const blockSamples = 160;
const minBlockCorrelation = 0.6;
/** Loudness may differ by that factor (a fade lies in between). */
const maxGainRatio = 4;
/** Blocks in a row that may differ within a stretch: a cross-fade, a click. */
const maxOddBlocks = 2;
/** Sounding blocks that make a stretch: 100 ms. */
export const minSameBlocks = 10;
/** A block that far under the source's loudest is silence. */
const soundingRatio = 10 ** (-35 / 20);
const soundingLevel = 40;

/** A recording made ready to be compared. */
export interface Prepared {
  smooth: Float32Array;
  /** The same a third of a sample earlier and later, once it was asked for: speech of 24 kHz begins anywhere between two samples of 16. */
  between: Map<Third, Float32Array>;
  sounding: Uint8Array;
}

/** Where in the audio a source begins: at a sample, or a third of one beside it. */
export interface Place {
  lag: number;
  third: Third;
}

type Third = -1 | 0 | 1;

const interpolationTaps = 8;

/** Makes a recording ready to be compared. */
export function prepare(pcm: Int16Array): Prepared {
  return { smooth: smoothen(pcm), between: new Map(), sounding: soundingBlocks(pcm) };
}

/** Takes off what different resamplers do differently: everything near half the rate. */
export function smoothen(pcm: Int16Array): Float32Array {
  const out = new Float32Array(pcm.length);
  for (let at = 0; at < pcm.length; at++) {
    const [before, here, after] = [pcm[at - 1] ?? 0, pcm[at]!, pcm[at + 1] ?? 0];
    out[at] = 0.25 * before + 0.5 * here + 0.25 * after;
  }
  return out;
}

/** A signal, so many thirds of a sample later. */
function delayed({ smooth, between }: Prepared, third: Third): Float32Array {
  if (third === 0) return smooth;
  const known = between.get(third);
  if (known !== undefined) return known;
  const weights = Array.from({ length: 2 * interpolationTaps + 1 }, (_, index) => {
    const distance = index - interpolationTaps + third / 3;
    const angle = Math.PI * distance;
    return (Math.sin(angle) / angle) * (0.5 + 0.5 * Math.cos(angle / (interpolationTaps + 1)));
  });
  const out = new Float32Array(smooth.length);
  for (let at = 0; at < smooth.length; at++) {
    let sum = 0;
    for (const [index, weight] of weights.entries())
      sum += weight * (smooth[at + index - interpolationTaps] ?? 0);
    out[at] = sum;
  }
  between.set(third, out);
  return out;
}

/** Which blocks of 10 ms sound. */
export function soundingBlocks(pcm: Int16Array | Float32Array): Uint8Array {
  const levels: number[] = [];
  for (let from = 0; from < pcm.length; from += blockSamples) {
    let sum = 0;
    const to = Math.min(pcm.length, from + blockSamples);
    for (let at = from; at < to; at++) sum += pcm[at]! * pcm[at]!;
    levels.push(Math.sqrt(sum / blockSamples));
  }
  const loudest = levels.reduce((most, level) => Math.max(most, level), 0);
  const floor = Math.max(soundingLevel, loudest * soundingRatio);
  return Uint8Array.from(levels, (level) => (level >= floor ? 1 : 0));
}

/** Correlation of two stretches, -1 to 1, and how much louder the second is; 0 when one is silent. */
export function correlate(
  a: Float32Array,
  aFrom: number,
  b: Float32Array,
  bFrom: number,
  length: number,
): { correlation: number; gainRatio: number } {
  let [ab, aa, bb] = [0, 0, 0];
  // What lies outside counts as silence.
  const from = Math.max(0, -aFrom, -bFrom);
  const until = Math.min(length, a.length - aFrom, b.length - bFrom);
  for (let at = from; at < until; at++) {
    const x = a[aFrom + at]!;
    const y = b[bFrom + at]!;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  if (aa < length || bb < length) return { correlation: 0, gainRatio: 0 };
  return { correlation: ab / Math.sqrt(aa * bb), gainRatio: Math.sqrt(bb / aa) };
}

/** The place to a third of a sample, by the piece of the source that begins at `from`. */
export function between(
  prepared: Prepared,
  from: number,
  audio: Float32Array,
  lag: number,
  length: number,
): Place & { correlation: number } {
  const places = ([-1, 0, 1] as const).map((third) => {
    const { correlation } = correlate(delayed(prepared, third), from, audio, from + lag, length);
    return { lag, third, correlation };
  });
  return places.reduce((best, one) => (one.correlation > best.correlation ? one : best));
}

/** The parts of the source that are in the audio when it begins at a place, of so many alike blocks at least. */
export function stretchesAt(
  index: number,
  prepared: Prepared,
  audio: Float32Array,
  { lag, third }: Place,
  least: number = minSameBlocks,
): Stretch[] {
  const { sounding } = prepared;
  const smooth = delayed(prepared, third);
  const same = new Uint8Array(sounding.length);
  for (let block = 0; block < sounding.length; block++) {
    if (sounding[block] !== 1) continue;
    const from = block * blockSamples - blockSamples / 2;
    const { correlation, gainRatio } = correlate(smooth, from, audio, from + lag, 2 * blockSamples);
    const alike = gainRatio > 1 / maxGainRatio && gainRatio < maxGainRatio;
    same[block] = correlation >= minBlockCorrelation && alike ? 1 : 0;
  }
  const stretches: Stretch[] = [];
  let open = null as { from: number; until: number; odd: number } | null;
  for (let block = 0; block < sounding.length; block++) {
    if (same[block] === 1) {
      open = { from: open?.from ?? block, until: block + 1, odd: 0 };
    } else if (sounding[block] === 1 && open !== null && ++open.odd > maxOddBlocks) {
      stretches.push(makeStretch(index, same, open.from, open.until, lag));
      open = null;
    }
  }
  if (open !== null) stretches.push(makeStretch(index, same, open.from, open.until, lag));
  return stretches.filter((stretch) => countSame(stretch) >= least);
}

function makeStretch(source: number, same: Uint8Array, from: number, until: number, lag: number): Stretch {
  return {
    source,
    fromSample: from * blockSamples,
    untilSample: until * blockSamples,
    atSample: from * blockSamples + lag,
    same: same.slice(from, until),
  };
}

/** Blocks that are the same. */
export function countSame({ same }: Stretch): number {
  return same.reduce((sum, one) => sum + one, 0);
}
