/** Active speech level after ITU-T P.56, method B: how loud somebody speaks while speaking. */

const envelopeSeconds = 0.03;
const hangoverSeconds = 0.2;
const marginDb = 15.9;
/** Thresholds, each half the one before: from full scale down to -90 dBFS. */
const thresholds = 16;

export interface ActiveLevel {
  /** Mean level of the stretches with speech, dBFS (full scale is 32768 squared). */
  levelDb: number;
  /** Their share of the recording, hangover of 200 ms included. */
  activityRatio: number;
}

/**
 * @param pcm - mono
 * @returns a level of -Infinity and an activity of 0 where nothing sounds
 */
export function measureActiveLevel(pcm: ArrayLike<number>, rateHz: number): ActiveLevel {
  const pole = Math.exp(-1 / (rateHz * envelopeSeconds));
  const hangover = Math.round(hangoverSeconds * rateHz);
  const counts = new Float64Array(thresholds);
  const sinceActive = new Float64Array(thresholds).fill(hangover);
  let energy = 0;
  let smooth = 0;
  let envelope = 0;
  for (let i = 0; i < pcm.length; i++) {
    const sample = pcm[i]! / 32768;
    energy += sample * sample;
    smooth = pole * smooth + (1 - pole) * Math.abs(sample);
    envelope = pole * envelope + (1 - pole) * smooth;
    for (let j = 0; j < thresholds; j++) {
      if (envelope >= 2 ** -j) sinceActive[j] = 0;
      else if (sinceActive[j]! < hangover) sinceActive[j]! += 1;
      else continue;
      counts[j]! += 1;
    }
  }
  return crossMargin(energy, counts, pcm.length);
}

/** Where the level of what lies above a threshold is just `marginDb` above that threshold, between two of them. */
function crossMargin(energy: number, counts: Float64Array, length: number): ActiveLevel {
  let before: { levelDb: number; gapDb: number } | null = null;
  for (let j = 0; j < thresholds; j++) {
    if (counts[j]! === 0) continue;
    const levelDb = 10 * Math.log10(energy / counts[j]! + 1e-30);
    const gapDb = levelDb - 20 * Math.log10(2 ** -j) - marginDb;
    if (gapDb >= 0) {
      const share = before === null ? 0 : gapDb / (gapDb - before.gapDb);
      const level = before === null ? levelDb : levelDb + (before.levelDb - levelDb) * share;
      const total = 10 * Math.log10(energy / length + 1e-30);
      return { levelDb: level, activityRatio: Math.min(1, 10 ** ((total - level) / 10)) };
    }
    before = { levelDb, gapDb };
  }
  return { levelDb: Number.NEGATIVE_INFINITY, activityRatio: 0 };
}
