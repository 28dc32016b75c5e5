/** What is done to speech where one voice takes over from another, and how noise in place of speech is told. */

/** A sample beyond this (int16, about -50 dB) is sound; below it a stream is as good as silent. */
export const audibleLevel = 100;

/** A sound that is cut off fades within that time, and the next one comes up within it. */
export const fadeMs = 10;

/** True if any sample is loud enough to be heard. */
export function isAudible(pcm: Int16Array): boolean {
  return firstAudible(pcm) >= 0;
}

/** Index of the first sample that is heard; -1 if none is. */
export function firstAudible(pcm: Int16Array): number {
  for (let index = 0; index < pcm.length; index += 1) {
    const sample = pcm[index]!;
    if (sample > audibleLevel || sample < -audibleLevel) return index;
  }
  return -1;
}

/** Index after the last sample that is heard; 0 if none is. */
export function audibleEnd(pcm: Int16Array): number {
  for (let index = pcm.length - 1; index >= 0; index -= 1) {
    const sample = pcm[index]!;
    if (sample > audibleLevel || sample < -audibleLevel) return index + 1;
  }
  return 0;
}

/** A copy that falls to silence over its whole length. */
export function fadeOut(pcm: Int16Array): Int16Array {
  return pcm.map((sample, index) => Math.round((sample * (pcm.length - index)) / (pcm.length + 1)));
}

/**
 * A louder or softer copy; the same array where nothing is to be done.
 *
 * @param done - samples of the sound that came before; it comes up over the first `fadeSamples` of it
 */
export function shape(pcm: Int16Array, gain: number, done: number, fadeSamples: number): Int16Array {
  if (gain === 1 && done >= fadeSamples) return pcm;
  return pcm.map((sample, index) => {
    const ramp = Math.min(1, (done + index + 1) / (fadeSamples + 1));
    return Math.max(-32_768, Math.min(32_767, Math.round(sample * gain * ramp)));
  });
}

const levelFrameMs = 20;
/** How loud a frame is, or how alike neighbours are, every so manieth sample tells: voices are watched all the time. */
const glanceStep = 4;
/** Frames this much below the loudest are pauses. */
const activeRatio = 0.1;

/** How loud the spoken parts are. */
export interface SpeechLevel {
  /** Root of the mean square of the frames that hold speech. */
  rms: number;
  activeMs: number;
}

/** Whole, for the compiler too: a fraction makes the loops over samples slow. */
function frameSamplesAt(sampleRateHz: number): number {
  return ((levelFrameMs * sampleRateHz) / 1_000) | 0;
}

/** Loudness of speech, its pauses left out. */
export function speechLevel(chunks: readonly Int16Array[], sampleRateHz: number): SpeechLevel {
  const frame = frameSamplesAt(sampleRateHz);
  const powers: number[] = [];
  let loudest = 0;
  for (const pcm of chunks) {
    for (let from = 0; from + frame <= pcm.length; from += frame) {
      const value = power(pcm, from, frame, glanceStep);
      powers.push(value);
      if (value > loudest) loudest = value;
    }
  }
  const floor = Math.max(audibleLevel ** 2, loudest * activeRatio ** 2);
  let sum = 0;
  let active = 0;
  for (const value of powers) {
    if (value < floor) continue;
    sum += value;
    active += 1;
  }
  return { rms: Math.sqrt(sum / Math.max(1, active)), activeMs: active * levelFrameMs };
}

/** Mean square of every `step`-th sample. */
function power(pcm: Int16Array, from: number, count: number, step: number): number {
  let sum = 0;
  let counted = 0;
  for (let index = from; index < from + count; index += step) {
    sum += pcm[index]! * pcm[index]!;
    counted += 1;
  }
  return sum / counted;
}

/** The quietest 20 ms in `[from, until)`: where a cut is heard least. @returns its middle */
export function quietestAt(pcm: Int16Array, from: number, until: number, sampleRateHz: number): number {
  const frame = frameSamplesAt(sampleRateHz);
  const hop = Math.max(1, Math.round(frame / 4));
  let best = until;
  let least = Number.POSITIVE_INFINITY;
  for (let at = from; at + frame <= until; at += hop) {
    const value = power(pcm, at, frame, 1);
    // The latest of equally quiet places: as much as can be is heard.
    if (value <= least) [best, least] = [at + Math.round(frame / 2), value];
  }
  return best;
}

// ---- noise ----

/** Noise of that length is no sound of speech. */
export const noiseMs = 300;
/** White noise has nearly 1, fricatives 0.1 to 0.5, voiced sounds below 0.1. */
const flatnessMin = 0.12;
/** Neighbours this alike are no noise, whatever else they are: most frames of speech need no closer look. */
const alikeMax = 0.75;
/** A noise is steady; a fricative swells and falls. */
const spreadMaxDb = 4;
const predictionOrder = 4;
/** So many samples in a frame's middle tell how flat it is. */
const lookedSamples = 160;
/** Quieter noise is a voice's breath. */
const noiseLevelMin = 200;

/** Watches a stream for noise in place of speech. */
export interface NoiseWatch {
  /** Takes the next samples. */
  push(pcm: Int16Array): void;
  /** Where the noise (or what may become it) began that lasts to the end of what was seen; null while there is none. */
  readonly suspectFrom: number | null;
  /** It lasted long enough to be sure. */
  readonly isNoise: boolean;
}

/**
 * Spectral flatness by linear prediction (what four samples tell of the fifth), in frames of 20 ms.
 *
 * @param speedRatio - of the speech: slow fricatives last longer
 */
export function createNoiseWatch(sampleRateHz: number, speedRatio: number): NoiseWatch {
  const frameSamples = frameSamplesAt(sampleRateHz);
  /** Of a frame that chunks lie across. */
  let frame: Int16Array | null = null;
  const framesMin = Math.ceil(noiseMs / levelFrameMs / Math.min(1, speedRatio));
  let filled = 0;
  let seen = 0;
  let runFrom = 0;
  let run = 0;
  let lowestDb = 0;
  let highestDb = 0;
  let sure = false;
  let skipsNext = false;

  function judgeFrame(pcm: Int16Array, at: number): void {
    const from = seen - frameSamples;
    if (skipsNext) {
      // Noise loses a frame by that, and a voice costs half.
      skipsNext = false;
      return;
    }
    if (looksVoiced(pcm, at, frameSamples) || !isFlat(pcm, at, frameSamples)) {
      run = 0;
      skipsNext = true;
      return;
    }
    const level = Math.sqrt(lags[0]! / (Math.min(frameSamples, lookedSamples) - predictionOrder));
    const db = 20 * Math.log10(level);
    if (run > 0 && Math.max(highestDb, db) - Math.min(lowestDb, db) > spreadMaxDb) run = 0;
    if (run === 0) [runFrom, lowestDb, highestDb] = [from, db, db];
    lowestDb = Math.min(lowestDb, db);
    highestDb = Math.max(highestDb, db);
    run += 1;
    if (run >= framesMin) sure = true;
  }

  return {
    push(pcm) {
      for (let from = 0; from < pcm.length && !sure; ) {
        const count = Math.min(pcm.length - from, frameSamples - filled);
        seen += count;
        // A frame that lies in one piece is looked at where it is.
        if (count === frameSamples) judgeFrame(pcm, from);
        else {
          frame ??= new Int16Array(frameSamples);
          frame.set(pcm.subarray(from, from + count), filled);
          filled += count;
          if (filled === frameSamples) {
            filled = 0;
            judgeFrame(frame, 0);
          }
        }
        from += count;
      }
    },
    get suspectFrom() {
      return run > 0 ? runFrom : null;
    },
    get isNoise() {
      return sure;
    },
  };
}

function looksVoiced(pcm: Int16Array, from: number, count: number): boolean {
  let total = 1;
  let alike = 0;
  for (let index = from + 1; index < from + count; index += glanceStep) {
    const sample = pcm[index]!;
    total += sample * sample;
    alike += sample * pcm[index - 1]!;
  }
  return total < noiseLevelMin * noiseLevelMin * (count / glanceStep) || alike / total > alikeMax;
}

/** Whether much of the power can't be predicted (Levinson's recursion), and there is some; fills `lags`. */
function isFlat(pcm: Int16Array, from: number, frameSamples: number): boolean {
  const count = Math.min(frameSamples, lookedSamples);
  autocorrelate(pcm, from + ((frameSamples - count) >> 1), count);
  const total = lags[0]!;
  if (total < noiseLevelMin * noiseLevelMin * (count - predictionOrder)) return false;
  let error = total;
  weights.fill(0);
  weights[0] = 1;
  for (let order = 1; order <= predictionOrder && error > 0; order += 1) {
    let sum = 0;
    for (let index = 0; index < order; index += 1) sum += weights[index]! * lags[order - index]!;
    const reflection = -sum / error;
    for (let low = 0, high = order; low <= high; low += 1, high -= 1) {
      const [one, other] = [weights[low]!, weights[high]!];
      weights[low] = one + reflection * other;
      weights[high] = other + reflection * one;
    }
    error *= 1 - reflection * reflection;
  }
  return error >= flatnessMin * total;
}

// Written over by every frame that is measured.
const lags = new Float64Array(predictionOrder + 1);
const weights = new Float64Array(predictionOrder + 1);

/** Fills `lags`. */
function autocorrelate(pcm: Int16Array, from: number, count: number): void {
  let [sum0, sum1, sum2, sum3, sum4] = [0, 0, 0, 0, 0];
  for (let index = from + predictionOrder; index < from + count; index += 1) {
    const sample = pcm[index]!;
    sum0 += sample * sample;
    sum1 += sample * pcm[index - 1]!;
    sum2 += sample * pcm[index - 2]!;
    sum3 += sample * pcm[index - 3]!;
    sum4 += sample * pcm[index - 4]!;
  }
  [lags[0], lags[1], lags[2], lags[3], lags[4]] = [sum0, sum1, sum2, sum3, sum4];
}
