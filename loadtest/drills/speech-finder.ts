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
import {
  blockSamples,
  countSame,
  FinePiece,
  type Heard,
  minSameBlocks,
  Piece,
  type Place,
  type Prepared,
  prepare,
  prepareHeard,
  type Source,
  type Stretch,
  soundingBlocks,
  stretchesAt,
} from "./speech-waveform.ts";

/** Places looked at for one recording of a caller. */
const maxPlaces = 600;
/** Frames of the piece by which a place is found to the sample. */
const anchorFrames = 12;
const anchorSamples: number = anchorFrames * hopSamples;
/** Share of certain bits that may differ in it. */
const maxAnchorDifference = 0.3;
/** How far a fingerprint may be off. */
const searchSamples = 200;
/** Places within it that are looked at closely. */
const maxPeaks = 12;
/** Pieces of a recording that are tried, and the likeness of one that makes the others needless. */
const maxAnchors = 3;
const certainCorrelation = 0.97;
/** Blocks of 10 ms in a row that sound and are not explained yet, for which it is worth looking on. */
const leastOpenBlocks = 5;
const minAnchorCorrelation = 0.6;

type Match = Place & { correlation: number };

interface Known extends Prepared {
  print: Fingerprint;
}

/** Sources that are looked for in one turn after another. */
const known = new WeakMap<Source, Known>();

function recall(source: Source): Known {
  let made = known.get(source);
  if (made === undefined) {
    made = { ...prepare(source.pcm), print: takeFingerprint(source.pcm) };
    known.set(source, made);
  }
  return made;
}

export class SpeechFinder {
  readonly #prepared: Known[];
  readonly #index = new PlaceIndex();

  constructor(sources: readonly Source[]) {
    this.#prepared = sources.map((source) => {
      const made = recall(source);
      this.#index.add(made.print);
      return made;
    });
  }

  /**
   * Every part of a source that is in the audio (mono int16, 16 kHz), in the audio's order; none overlap.
   *
   * @param islands - lone words, too; looking for those takes most of the time
   */
  find(audio: Int16Array, islands = true): Stretch[] {
    const print = takeFingerprint(audio);
    const heard = prepareHeard(audio);
    const seen = new Set<string>();
    const found: Stretch[] = [];
    const open = soundingBlocks(audio);
    for (const { index, shift } of this.#index.vote(print, maxPlaces)) {
      // The best places come first: once they explain all that sounds, the others are chance.
      if (longestRun(open) < leastOpenBlocks) break;
      if (isSeen(seen, index, shift)) continue;
      const prepared = this.#prepared[index]!;
      const place = refine(prepared, print, heard, shift);
      if (place === null) continue;
      const stretches = stretchesAt(index, prepared, heard, place);
      for (const { atSample, same } of stretches) {
        const from = Math.max(0, Math.floor(atSample / blockSamples));
        open.fill(0, from, Math.max(from, from + same.length + 1));
      }
      found.push(...stretches);
    }
    const long = disentangle(found);
    if (!islands) return long;
    return [...long, ...findIslands(this.#prepared, heard, long)].sort((a, b) => a.atSample - b.atSample);
  }
}

function longestRun(blocks: Uint8Array): number {
  let [longest, run] = [0, 0];
  for (const block of blocks) {
    run = block === 1 ? run + 1 : 0;
    if (run > longest) longest = run;
  }
  return longest;
}

/** Neighbouring shifts lead to the same place. */
function isSeen(seen: Set<string>, index: number, shift: number): boolean {
  if ([-1, 0, 1].some((step) => seen.has(`${index} ${shift + step}`))) return true;
  seen.add(`${index} ${shift}`);
  return false;
}

/** Where exactly the source begins in the audio, if it is there at all: by its most similar pieces. */
function refine(prepared: Known, print: Fingerprint, heard: Heard, shift: number): Match | null {
  let best: Match | null = null;
  // The most similar one by its fingerprint may lie where another voice fades out.
  for (const anchor of findAnchors(prepared.print, print, shift)) {
    // Frame n looks at the samples before n x hop, padding included.
    const from = Math.max(0, anchor * hopSamples - padSamples + 2 * hopSamples);
    if (prepared.sounding[Math.floor(from / blockSamples)] === undefined) continue;
    const match = matchAt(prepared, from, heard, shift * hopSamples);
    if (best === null || match.correlation > best.correlation) best = match;
    if (best.correlation >= certainCorrelation) break;
  }
  return best === null || best.correlation < minAnchorCorrelation ? null : best;
}

/** The best place near a lag for the piece that begins at a sample of the source. */
function matchAt(prepared: Prepared, from: number, heard: Heard, coarse: number): Match {
  const likeness: number[] = [];
  const piece = new Piece(prepared.smooth, from, anchorSamples);
  for (let step = -searchSamples; step <= searchSamples; step += 2) {
    likeness.push(piece.correlationAt(heard, from + coarse + step));
  }
  // Voices look alike a period later, hissing sounds every few samples: only a close look tells which it is.
  const peaks = [...likeness.keys()]
    .filter((at) => likeness[at]! >= (likeness[at - 1] ?? 0) && likeness[at]! >= (likeness[at + 1] ?? 0))
    .sort((one, other) => likeness[other]! - likeness[one]!)
    .slice(0, maxPeaks);
  const fine = new FinePiece(prepared, from, anchorSamples);
  let best = fine.placeAt(heard, coarse);
  for (const peak of peaks) {
    for (let near = -1; near <= 1; near++) {
      const match = fine.placeAt(heard, coarse - searchSamples + 2 * peak + near);
      if (match.correlation > best.correlation) best = match;
    }
  }
  return best;
}

/** First frames of the source's pieces that look most like the audio, best first; none overlap. */
function findAnchors(known: Fingerprint, heard: Fingerprint, shift: number): number[] {
  const until = Math.min(known.bits.length, heard.bits.length - shift);
  const pieces: { frame: number; ratio: number }[] = [];
  for (let frame = Math.max(0, -shift); frame < until; frame += 2) {
    let [different, certain] = [0, 0];
    for (let at = frame; at < Math.min(until, frame + anchorFrames); at++) {
      if (known.sounding[at] !== 1 || heard.sounding[at + shift] !== 1) continue;
      certain += countBits(known.certain[at]!);
      different += countBits((known.bits[at]! ^ heard.bits[at + shift]!) & known.certain[at]!);
    }
    if (certain < anchorFrames * 4) continue;
    const ratio = different / certain;
    if (ratio <= maxAnchorDifference) pieces.push({ frame, ratio });
  }
  const anchors: number[] = [];
  for (const { frame } of pieces.sort((one, other) => one.ratio - other.ratio)) {
    if (anchors.length === maxAnchors) break;
    if (anchors.every((other) => Math.abs(other - frame) >= anchorFrames)) anchors.push(frame);
  }
  return anchors;
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
