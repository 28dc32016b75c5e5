/**
 * Where in a text a voice is that gives no word times: its sound is laid along another rendering of the same text whose
 * words are known (dynamic time warping over cepstra, the reference's end left open). Two voices that read the same words
 * differ in pitch and pace, hardly in the order and colour of their sounds.
 */
import { fftBins, fftSamples, transformReal } from "../../workers/audio/fft.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";
import { audibleEnd } from "./tts-audio.ts";

/** Speech with the places of its words, mono int16. */
export interface ReferenceSpeech {
  pcm: Int16Array;
  sampleRateHz: number;
  words: readonly { text: string; fromSample: number }[];
}

const rateHz = 8_000;
const windowSamples = 256;
const hopSamples = 80;
/** One step of an alignment, in ms. */
export const hopMs = (hopSamples * 1_000) / rateHz;
const bandCount = 20;
const coefficients = 13;
const lowestHz = 100;
const highestHz = 3_900;
/** Quieter than that (power of a band) is taken for that loud: the colour of silence says nothing. */
const powerFloor = 1e4;
/** Loudness tells less than colour. */
const energyWeight = 0.3;
/** The last sound of a reading may be missed by that much. */
const endMs = 60;
/** Loudness is told in frames of that length. */
const frameMs = 10;
/** Before speech begins all is softer than that share of its loudest sound: breath, hiss. */
const onsetRatio = 0.05;
/** A word that ended has fallen below that share. */
const restRatio = 0.3;
/** A step in which only one side goes on costs that much more: paces differ, but not for long. */
const lonelyWeight = 1.15;
/** Ends whose cost is within that factor of the best one's are as likely; a word is rather said twice than not at all. */
const likelyRatio = 1.02;
/** Voices speak at most that many times as fast as the reading; what seems to leap further ahead is not believed yet. */
const strideMax = 2;
/** So much further a likely end may come at once. */
const leapMs = 80;

const hann = Float64Array.from(
  { length: windowSamples },
  (_, index) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (index + 0.5)) / windowSamples),
);
const bands = triangles();
const cosines = Float64Array.from({ length: coefficients * bandCount }, (_, index) => {
  const order = Math.floor(index / bandCount);
  return Math.cos((Math.PI * order * ((index % bandCount) + 0.5)) / bandCount);
});

/** Weights of the bands' triangles over the bins, on the mel scale. */
function triangles(): { from: number; weights: Float64Array }[] {
  const mel = (hz: number) => 2595 * Math.log10(1 + hz / 700);
  const hz = (at: number) => 700 * (10 ** (at / 2595) - 1);
  const step = (mel(highestHz) - mel(lowestHz)) / (bandCount + 1);
  const edge = (index: number) => (hz(mel(lowestHz) + step * index) * fftSamples) / rateHz;
  return Array.from({ length: bandCount }, (_, band) => {
    const [low, middle, high] = [edge(band), edge(band + 1), edge(band + 2)];
    const from = Math.ceil(low);
    const weights = new Float64Array(Math.max(1, Math.min(fftBins - 1, Math.floor(high)) - from + 1));
    for (let index = 0; index < weights.length; index += 1) {
      const bin = from + index;
      weights[index] = bin <= middle ? (bin - low) / (middle - low) : (high - bin) / (high - middle);
    }
    return { from, weights };
  });
}

/** Cepstra of speech, a row a hop, each coefficient around its mean over the speech. */
function cepstraOf(
  pcm: Int16Array,
  sampleRateHz: number,
  meanFrames = Number.POSITIVE_INFINITY,
): Float32Array {
  const audio = sampleRateHz === rateHz ? pcm : resampleWhole(pcm, sampleRateHz, rateHz);
  const frames = Math.max(0, Math.floor((audio.length - windowSamples) / hopSamples) + 1);
  const rows = new Float32Array(frames * coefficients);
  const input = new Float64Array(fftSamples);
  const re = new Float64Array(fftBins);
  const im = new Float64Array(fftBins);
  const levels = new Float64Array(bandCount);
  for (let frame = 0; frame < frames; frame += 1) {
    for (let index = 0; index < windowSamples; index += 1) {
      input[index] = audio[frame * hopSamples + index]! * hann[index]!;
    }
    transformReal(input, re, im);
    for (let band = 0; band < bandCount; band += 1) {
      const { from, weights } = bands[band]!;
      let power = powerFloor;
      for (let index = 0; index < weights.length; index += 1) {
        const bin = from + index;
        power += weights[index]! * (re[bin]! * re[bin]! + im[bin]! * im[bin]!);
      }
      levels[band] = Math.log(power);
    }
    for (let order = 0; order < coefficients; order += 1) {
      let sum = 0;
      for (let band = 0; band < bandCount; band += 1)
        sum += levels[band]! * cosines[order * bandCount + band]!;
      rows[frame * coefficients + order] = order === 0 ? sum * energyWeight : sum;
    }
  }
  center(rows, frames, Math.min(frames, meanFrames));
  return rows;
}

function center(rows: Float32Array, frames: number, meanFrames: number): void {
  for (let order = 0; order < coefficients; order += 1) {
    let mean = 0;
    for (let frame = 0; frame < meanFrames; frame += 1) mean += rows[frame * coefficients + order]!;
    mean /= Math.max(1, meanFrames);
    for (let frame = 0; frame < frames; frame += 1) rows[frame * coefficients + order]! -= mean;
  }
}

/** Where the words of a voice lie, as far as it has spoken. */
export interface Alignment {
  /** For every word of the reference that has begun: its first sample in the voice's own audio. */
  starts: number[];
  /** How well the two fit, mean distance a step; small is good. */
  cost: number;
  /** The voice has come to the end of the reference, and to a rest. */
  complete: boolean;
}

/**
 * Lays the beginning of a reading along the whole of another.
 *
 * @param pcm - what the voice has said so far, mono int16 at `sampleRateHz`
 * @returns null when either is too short to tell
 */
export function alignSpeech(
  pcm: Int16Array,
  sampleRateHz: number,
  reference: ReferenceSpeech,
): Alignment | null {
  // Voices differ in the silence before they begin: it would be laid along their first words.
  const from = onsetOf(pcm, sampleRateHz);
  const knownFrom = reference.words[0]?.fromSample ?? 0;
  const spoken = cepstraOf(pcm.subarray(from), sampleRateHz);
  // The mean of about the same words: what is usual in all of a sentence is not in its beginning.
  const known = cepstraOf(
    reference.pcm.subarray(knownFrom),
    reference.sampleRateHz,
    spoken.length / coefficients,
  );
  const rows = spoken.length / coefficients;
  const columns = known.length / coefficients;
  if (rows < 5 || columns < 5) return null;
  const { path, cost, end } = warp(spoken, rows, known, columns);
  const starts: number[] = [];
  for (const { fromSample } of reference.words) {
    const column = ((fromSample - knownFrom) * 1_000) / reference.sampleRateHz / hopMs;
    const row = path.findIndex((at) => at >= column);
    if (row < 0) break;
    starts.push(from + Math.round((row * hopMs * sampleRateHz) / 1_000));
  }
  const complete = end >= endOf(reference, knownFrom) && endsSoftly(pcm, sampleRateHz);
  return { starts, cost, complete };
}

/** Where speech begins, at most two frames early. */
function onsetOf(pcm: Int16Array, sampleRateHz: number): number {
  const { rms, loudest } = loudnessOf(pcm, sampleRateHz);
  const first = rms.findIndex((value) => value > loudest * onsetRatio);
  return Math.max(0, first - 1) * frameSamplesAt(sampleRateHz);
}

function endsSoftly(pcm: Int16Array, sampleRateHz: number): boolean {
  const { rms, loudest } = loudnessOf(pcm, sampleRateHz);
  return (rms.at(-1) ?? 0) < loudest * restRatio;
}

function frameSamplesAt(sampleRateHz: number): number {
  return Math.round((frameMs * sampleRateHz) / 1_000);
}

function loudnessOf(pcm: Int16Array, sampleRateHz: number): { rms: number[]; loudest: number } {
  const samples = frameSamplesAt(sampleRateHz);
  const rms = Array.from({ length: Math.floor(pcm.length / samples) }, (_, frame) => {
    let sum = 0;
    for (let at = frame * samples; at < (frame + 1) * samples; at += 1) sum += pcm[at]! * pcm[at]!;
    return Math.sqrt(sum / samples);
  });
  return { rms, loudest: rms.reduce((most, value) => Math.max(most, value), 0) };
}

/** The column of a reading's last sound. */
function endOf({ pcm, sampleRateHz }: ReferenceSpeech, from: number): number {
  const ms = ((audibleEnd(pcm) - from) * 1_000) / sampleRateHz;
  return (ms - endMs) / hopMs - windowSamples / hopSamples;
}

/** Where the beginning of speech up to a row likely ends in the reading. */
interface LikelyEnd {
  row: number;
  /** The earliest column that is as likely as the likeliest. */
  column: number;
  likeliest: number;
  /** Of the likeliest, mean distance a step. */
  cost: number;
}

/**
 * The cheapest ways through both from their beginnings to the end of `spoken`. A reading that resembles itself may seem,
 * for a moment, to be much further on: the way then ends before that leap.
 *
 * @returns the column of every row on the way to the earliest likely end, and the likeliest end
 */
function warp(
  spoken: Float32Array,
  rows: number,
  known: Float32Array,
  columns: number,
): { path: Float64Array; cost: number; end: number } {
  const steps = new Uint8Array(rows * columns);
  let before = new Float64Array(columns).fill(Number.POSITIVE_INFINITY);
  let now = new Float64Array(columns);
  let end: LikelyEnd = { row: 0, column: 0, likeliest: 0, cost: 0 };
  let cost = 0;
  /** The furthest column that was believed. */
  let furthest = 0;
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const far = distance(spoken, row, known, column);
      if (row === 0) {
        // Leading silence of the reference may be longer.
        now[column] = far + (column === 0 ? 0 : now[column - 1]!);
        steps[column] = 2;
        continue;
      }
      const diagonal = column === 0 ? Number.POSITIVE_INFINITY : before[column - 1]! + far;
      const alone = before[column]! + far * lonelyWeight;
      const skipped = column === 0 ? Number.POSITIVE_INFINITY : now[column - 1]! + far * lonelyWeight;
      const best = Math.min(diagonal, alone, skipped);
      now[column] = best;
      steps[row * columns + column] = best === diagonal ? 0 : best === alone ? 1 : 2;
    }
    const likely = likelyEnd(now, row);
    cost = likely.cost;
    if (row === 0 || likely.column <= furthest + strideMax * (row - end.row) + leapMs / hopMs) {
      end = likely;
      furthest = Math.max(furthest, likely.column);
    }
    [before, now] = [now, before];
  }
  const path = new Float64Array(rows).fill(end.column, end.row);
  for (let { row, column } = end; row >= 0 && column >= 0; ) {
    path[row] = Math.max(path[row]!, column);
    const step = steps[row * columns + column]!;
    if (step !== 1) column -= 1;
    if (step !== 2) row -= 1;
  }
  return { path, cost, end: end.likeliest };
}

function likelyEnd(totals: Float64Array, row: number): LikelyEnd {
  let cost = Number.POSITIVE_INFINITY;
  let likeliest = 0;
  for (let column = 0; column < totals.length; column += 1) {
    const mean = totals[column]! / (row + column + 1);
    if (mean < cost) [cost, likeliest] = [mean, column];
  }
  let column = 0;
  while (totals[column]! / (row + column + 1) > cost * likelyRatio) column += 1;
  return { row, column, likeliest, cost };
}

function distance(spoken: Float32Array, row: number, known: Float32Array, column: number): number {
  let sum = 0;
  const a = row * coefficients;
  const b = column * coefficients;
  for (let order = 0; order < coefficients; order += 1) {
    const gap = spoken[a + order]! - known[b + order]!;
    sum += gap * gap;
  }
  return Math.sqrt(sum);
}
