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

/** What a caller heard, ready to be searched. */
export interface Heard {
  smooth: Float32Array;
  /** Sum of the squares of all samples before each; exact, since samples are quarters of whole numbers. */
  energies: Float64Array;
}

/** Makes what a caller heard ready to be searched. */
export function prepareHeard(pcm: Int16Array): Heard {
  const smooth = smoothen(pcm);
  const energies = new Float64Array(smooth.length + 1);
  for (let at = 0; at < smooth.length; at++) energies[at + 1] = energies[at]! + smooth[at]! * smooth[at]!;
  return { smooth, energies };
}

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
  const padded = new Float32Array(smooth.length + 2 * interpolationTaps);
  padded.set(smooth, interpolationTaps);
  const out = new Float32Array(smooth.length);
  for (let at = 0; at < smooth.length; at++) {
    let sum = 0;
    for (let index = 0; index < weights.length; index++) sum += weights[index]! * padded[at + index]!;
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

/** A piece of a recording that is held against one place of what was heard after another. */
export class Piece {
  readonly #signal: Float32Array;
  readonly #from: number;
  readonly #length: number;
  /** Of all of it that is there. */
  readonly #energy: number;

  constructor(signal: Float32Array, from: number, length: number) {
    this.#signal = signal;
    this.#from = from;
    this.#length = length;
    this.#energy = energyOf(signal, Math.max(0, from), Math.min(signal.length, from + length));
  }

  /** As `correlate` says, at a third of its price. */
  correlationAt({ smooth, energies }: Heard, at: number): number {
    const signal = this.#signal;
    const first = Math.max(0, -this.#from);
    const past = Math.min(this.#length, signal.length - this.#from);
    const from = Math.max(first, -at);
    const until = Math.min(past, smooth.length - at);
    if (until <= from) return 0;
    const [a, b] = [this.#from, at];
    const aa =
      from === first && until === past ? this.#energy : energyOf(signal, a + from, Math.max(a, a + until));
    const bb = energies[b + until]! - energies[b + from]!;
    if (aa < this.#length || bb < this.#length) return 0;
    // Four sums at once: additions needn't wait for each other.
    let [one, two, three, four] = [0, 0, 0, 0];
    let index = from;
    for (; index + 3 < until; index += 4) {
      one += signal[a + index]! * smooth[b + index]!;
      two += signal[a + index + 1]! * smooth[b + index + 1]!;
      three += signal[a + index + 2]! * smooth[b + index + 2]!;
      four += signal[a + index + 3]! * smooth[b + index + 3]!;
    }
    for (; index < until; index++) one += signal[a + index]! * smooth[b + index]!;
    return (one + two + three + four) / Math.sqrt(aa * bb);
  }
}

function energyOf(signal: Float32Array, from: number, until: number): number {
  let sum = 0;
  for (let at = from; at < until; at++) sum += signal[at]! * signal[at]!;
  return sum;
}

const thirds = [-1, 0, 1] as const;

/** A piece of a source, that and a third of a sample to either side. */
export class FinePiece {
  readonly #pieces: readonly { third: Third; piece: Piece }[];
  readonly #from: number;

  constructor(prepared: Prepared, from: number, length: number) {
    this.#from = from;
    this.#pieces = thirds.map((third) => ({
      third,
      piece: new Piece(delayed(prepared, third), from, length),
    }));
  }

  /** The place to a third of a sample at which the source begins, near a lag. */
  placeAt(heard: Heard, lag: number): Place & { correlation: number } {
    let best: Place & { correlation: number } = { lag, third: -1, correlation: Number.NEGATIVE_INFINITY };
    for (const { third, piece } of this.#pieces) {
      const correlation = piece.correlationAt(heard, this.#from + lag);
      if (correlation > best.correlation) best = { lag, third, correlation };
    }
    return best;
  }
}

/** The parts of the source that are in the audio when it begins at a place, of so many alike blocks at least. */
export function stretchesAt(
  index: number,
  prepared: Prepared,
  { smooth: audio }: Heard,
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
