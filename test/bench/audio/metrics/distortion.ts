/** How far a signal is from the clean one, in decibels. Both begin at the same sample. */

/**
 * Scale-invariant signal-to-distortion ratio (Le Roux et al., 2019), means removed.
 *
 * @returns dB; Infinity for a scaled copy, NaN for silence
 */
export function siSdrDb(clean: ArrayLike<number>, heard: ArrayLike<number>): number {
  const length = Math.min(clean.length, heard.length);
  const cleanMean = mean(clean, length);
  const heardMean = mean(heard, length);
  let product = 0;
  let cleanEnergy = 0;
  for (let i = 0; i < length; i++) {
    product += (clean[i]! - cleanMean) * (heard[i]! - heardMean);
    cleanEnergy += (clean[i]! - cleanMean) ** 2;
  }
  const scale = product / cleanEnergy;
  let distortion = 0;
  for (let i = 0; i < length; i++) {
    distortion += (heard[i]! - heardMean - scale * (clean[i]! - cleanMean)) ** 2;
  }
  return 10 * Math.log10((scale * scale * cleanEnergy) / distortion);
}

const segmentLowestDb = -10;
const segmentHighestDb = 35;

/**
 * Mean signal-to-noise ratio of segments of 32 ms, half overlapping, each held within -10 and 35 dB.
 *
 * @returns dB; NaN without a whole segment
 */
export function segmentalSnrDb(clean: ArrayLike<number>, heard: ArrayLike<number>, rateHz: number): number {
  const size = Math.round(rateHz * 0.032);
  const length = Math.min(clean.length, heard.length);
  let sum = 0;
  let count = 0;
  for (let from = 0; from + size <= length; from += size >> 1) {
    let signal = 0;
    let noise = 0;
    for (let i = from; i < from + size; i++) {
      signal += clean[i]! ** 2;
      noise += (clean[i]! - heard[i]!) ** 2;
    }
    const db = 10 * Math.log10((signal + 1e-10) / (noise + 1e-10));
    sum += Math.min(segmentHighestDb, Math.max(segmentLowestDb, db));
    count += 1;
  }
  return sum / count;
}

/** Level of stretches of one signal against another's, in dB: how far pauses were turned down. */
export function attenuationDb(
  before: ArrayLike<number>,
  after: ArrayLike<number>,
  from: number,
  until: number,
): number {
  return 10 * Math.log10((energy(before, from, until) + 1e-10) / (energy(after, from, until) + 1e-10));
}

function energy(samples: ArrayLike<number>, from: number, until: number): number {
  let sum = 0;
  for (let i = from; i < until; i++) sum += samples[i]! ** 2;
  return sum;
}

function mean(samples: ArrayLike<number>, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += samples[i]!;
  return sum / length;
}
