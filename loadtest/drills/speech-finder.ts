/**
 * Finds known recordings in what a caller received, to the sample: fingerprints say where to look, the waveforms decide.
 * A recording may be cut off, broken up by silence, or there twice.
 */
import {
  countBits,
  type Fingerprint,
  hopSamples,
  padSamples,
  takeFingerprint,
} from "../standins/fingerprint.ts";
import { PlaceIndex } from "../standins/place-index.ts";
import { findIslands } from "./speech-islands.ts";

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
/** Places looked at for one recording of a caller. */
const maxPlaces = 600;
/** Frames of the piece by which a place is found to the sample. */
const anchorFrames = 12;
const anchorSamples: number = anchorFrames * hopSamples;
/** Share of certain bits that may differ in it. */
const maxAnchorDifference = 0.3;
/** How far a fingerprint may be off. */
const searchSamples = 200;
/** How far the first guess may be off. */
const nearSamples = 8;
const minAnchorCorrelation = 0.6;
const minBlockCorrelation = 0.6;
/** Loudness may differ by that factor (a fade lies in between). */
const maxGainRatio = 4;
/** Blocks in a row that may differ within a stretch: a cross-fade, a click. */
const maxOddBlocks = 2;
/** Sounding blocks that make a stretch: 100 ms. */
const minSameBlocks = 10;
/** A block that far under the source's loudest is silence. */
const soundingRatio = 10 ** (-35 / 20);
const soundingLevel = 40;

export interface Prepared {
  source: Source;
  smooth: Float32Array;
  /** The same a third of a sample earlier and later, once it was asked for: speech of 24 kHz begins anywhere between two samples of 16. */
  between: Map<Third, Float32Array>;
  print: Fingerprint;
  sounding: Uint8Array;
}

/** Where in the audio a source begins: at a sample, or a third of one beside it. */
export interface Place {
  lag: number;
  third: Third;
}

type Third = -1 | 0 | 1;

const interpolationTaps = 8;

/** Takes off what different resamplers do differently: everything near half the rate. */
function smoothen(pcm: Int16Array): Float32Array {
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

/** Correlation of two stretches, -1 to 1, and how much louder the second is; 0 when one is silent. By every `step`-th sample. */
export function correlate(
  a: Float32Array,
  aFrom: number,
  b: Float32Array,
  bFrom: number,
  length: number,
  step = 1,
): { correlation: number; gainRatio: number } {
  let [ab, aa, bb] = [0, 0, 0];
  // What lies outside counts as silence.
  const from = Math.max(0, -aFrom, -bFrom);
  const until = Math.min(length, a.length - aFrom, b.length - bFrom);
  for (let at = from; at < until; at += step) {
    const x = a[aFrom + at]!;
    const y = b[bFrom + at]!;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  if (aa * step < length || bb * step < length) return { correlation: 0, gainRatio: 0 };
  return { correlation: ab / Math.sqrt(aa * bb), gainRatio: Math.sqrt(bb / aa) };
}

export class SpeechFinder {
  readonly #prepared: Prepared[];
  readonly #index = new PlaceIndex();

  constructor(sources: readonly Source[]) {
    this.#prepared = sources.map((source) => {
      const print = takeFingerprint(source.pcm);
      this.#index.add(print);
      return {
        source,
        smooth: smoothen(source.pcm),
        between: new Map(),
        print,
        sounding: soundingBlocks(source.pcm),
      };
    });
  }

  /** Every part of a source that is in the audio (mono int16, 16 kHz), in the audio's order; none overlap. */
  find(audio: Int16Array): Stretch[] {
    const print = takeFingerprint(audio);
    const smooth = smoothen(audio);
    const seen = new Set<string>();
    const found: Stretch[] = [];
    for (const { index, shift } of this.#index.vote(print, maxPlaces)) {
      if (isSeen(seen, index, shift)) continue;
      const prepared = this.#prepared[index]!;
      const place = refine(prepared, print, smooth, shift);
      if (place === null) continue;
      found.push(...stretchesAt(index, prepared, smooth, place));
    }
    const long = disentangle(found);
    return [...long, ...findIslands(this.#prepared, smooth, long)].sort((a, b) => a.atSample - b.atSample);
  }
}

/** Neighbouring shifts lead to the same place. */
function isSeen(seen: Set<string>, index: number, shift: number): boolean {
  if ([-1, 0, 1].some((step) => seen.has(`${index} ${shift + step}`))) return true;
  seen.add(`${index} ${shift}`);
  return false;
}

/** Where exactly the source begins in the audio, if it is there at all: by its most similar piece. */
function refine(prepared: Prepared, heard: Fingerprint, audio: Float32Array, shift: number): Place | null {
  const { print: known, smooth: source, sounding } = prepared;
  const anchor = findAnchor(known, heard, shift);
  if (anchor === null) return null;
  // Frame n looks at the samples before n x hop, padding included.
  const from = Math.max(0, anchor * hopSamples - padSamples + 2 * hopSamples);
  if (sounding[Math.floor(from / blockSamples)] === undefined) return null;
  let best = { correlation: 0, lag: 0 };
  const coarse = shift * hopSamples;
  const tryAt = (lag: number, every?: number) => {
    const { correlation } = correlate(source, from, audio, from + lag, anchorSamples, every);
    if (correlation > best.correlation) best = { correlation, lag };
  };
  // Hissing sounds look alike every few samples, and change from each to the next.
  for (let step = -searchSamples; step <= searchSamples; step += 2) tryAt(coarse + step, 3);
  const guess = best.lag;
  best.correlation = 0;
  for (let step = -nearSamples; step <= nearSamples; step++) tryAt(guess + step);
  if (best.correlation < minAnchorCorrelation) return null;
  return between(prepared, from, audio, best.lag, anchorSamples);
}

/** The place to a third of a sample, by the piece of the source that begins at `from`. */
export function between(
  prepared: Prepared,
  from: number,
  audio: Float32Array,
  lag: number,
  length: number,
): Place {
  let best = { correlation: -1, place: { lag, third: 0 as Third } };
  for (const third of [-1, 0, 1] as const) {
    const { correlation } = correlate(delayed(prepared, third), from, audio, from + lag, length);
    if (correlation > best.correlation) best = { correlation, place: { lag, third } };
  }
  return best.place;
}

/** First frame of the source's piece that looks most like the audio; null when nothing sounds in both. */
function findAnchor(known: Fingerprint, heard: Fingerprint, shift: number): number | null {
  const from = Math.max(0, -shift);
  const until = Math.min(known.bits.length, heard.bits.length - shift);
  let best: { frame: number; ratio: number } | null = null;
  for (let frame = from; frame < until; frame += 2) {
    let [different, certain] = [0, 0];
    for (let at = frame; at < Math.min(until, frame + anchorFrames); at++) {
      if (known.sounding[at] !== 1 || heard.sounding[at + shift] !== 1) continue;
      certain += countBits(known.certain[at]!);
      different += countBits((known.bits[at]! ^ heard.bits[at + shift]!) & known.certain[at]!);
    }
    if (certain < anchorFrames * 4) continue;
    const ratio = different / certain;
    if (best === null || ratio < best.ratio) best = { frame, ratio };
  }
  return best === null || best.ratio > maxAnchorDifference ? null : best.frame;
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

function countSame({ same }: Stretch): number {
  return same.reduce((sum, one) => sum + one, 0);
}

/** Where stretches overlap in the audio, the longer one keeps the place. */
function disentangle(found: Stretch[]): Stretch[] {
  const kept: Stretch[] = [];
  for (const stretch of [...found].sort((a, b) => countSame(b) - countSame(a))) {
    const rest = without(stretch, kept);
    if (rest !== null) kept.push(rest);
  }
  return kept.sort((a, b) => a.atSample - b.atSample);
}

/** The stretch without what lies on others, at one of its ends; null when too little is left. */
function without(stretch: Stretch, others: readonly Stretch[]): Stretch | null {
  let [from, until] = [0, stretch.same.length];
  for (const other of others) {
    const begin = (other.atSample - stretch.atSample) / blockSamples;
    const end = begin + other.same.length;
    if (end <= from || begin >= until) continue;
    if (begin - from >= until - end) until = Math.max(from, Math.floor(begin));
    else from = Math.min(until, Math.ceil(end));
  }
  if (from === 0 && until === stretch.same.length) return stretch;
  const rest: Stretch = {
    ...stretch,
    fromSample: stretch.fromSample + from * blockSamples,
    untilSample: stretch.fromSample + until * blockSamples,
    atSample: stretch.atSample + from * blockSamples,
    same: stretch.same.slice(from, until),
  };
  return countSame(rest) >= minSameBlocks ? rest : null;
}
