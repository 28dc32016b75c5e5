/**
 * Where a voice really begins and ends: energy in frames of 8 ms against the noise floor and the speech's own
 * peak. The VAD says *that* somebody spoke, some 100 ms late; this says *when*, to about 8 ms.
 */

/** Samples in an energy frame (8 ms). */
export const energyFrameSamples = 128;
/** Frames remembered: 2 s. */
const ringFrames = 256;
const ringMask = ringFrames - 1;

const lowestDb = -80;
/** A voiced frame lies this far above the noise … */
const aboveFloorDb = 5;
/** … and not further below the loudest frame than this. */
const belowPeakDb = 40;
/** Under such a distance between peak and floor energy tells nothing; the VAD's windows decide alone. */
const leastRangeDb = 8;
/** The smoothed minimum lies this far under the mean of noise. */
const minimumBiasDb = 1.5;
const minimumFrames = 125;
/** Frames until the floor is believed (the first sound may be speech). */
const settlingFrames = 24;
const smoothing = 0.7;
/** Quiet frames inside a word (closures of plosives) that don't end it when an onset is looked for. */
const closureFrames = 10;
/** Pole of the DC blocker, about 25 Hz. */
const dcPole = 0.99;

/** Energies of one channel (about 1.1 KB). */
export class VoiceEdges {
  private readonly ring = new Float32Array(ringFrames);
  private frames = 0;
  private base = 0;
  private smoothed = 0;
  private minimum = 0;
  private nextMinimum = 0;
  private age = 0;
  private dcIn = 0;
  private dcOut = 0;

  /** Starts afresh at a sample that is a multiple of 128. */
  reset(fromSample: number): void {
    this.base = fromSample / energyFrameSamples;
    this.frames = 0;
    this.smoothed = 0;
    this.age = 0;
    this.dcIn = 0;
    this.dcOut = 0;
  }

  /**
   * Takes the next frame.
   *
   * @param echoDb - what isn't louder is an echo: not voiced, and nothing is learned from it
   * @returns its mean square without DC (full scale is 32768²)
   */
  push(source: Int16Array, at: number, echoDb = Number.NEGATIVE_INFINITY): number {
    let { dcIn, dcOut } = this;
    if (this.frames === 0) dcIn = source[at]!;
    let sum = 0;
    for (let i = 0; i < energyFrameSamples; i++) {
      const sample = source[at + i]!;
      dcOut = sample - dcIn + dcPole * dcOut;
      dcIn = sample;
      sum += dcOut * dcOut;
    }
    this.dcIn = dcIn;
    this.dcOut = dcOut;
    const meanSquare = sum / energyFrameSamples;
    this.track(meanSquare, echoDb);
    return meanSquare;
  }

  /** Noise floor in dBFS. */
  get floorDb(): number {
    if (this.frames < settlingFrames) return lowestDb;
    return Math.max(lowestDb, toDb(Math.min(this.minimum, this.nextMinimum)) + minimumBiasDb);
  }

  /** Mean level in dBFS of the frames of [from, until) that are known; echoes count as silence. */
  levelDb(from: number, until: number): number {
    let sum = 0;
    let count = 0;
    for (let frame = this.frameOf(from); frame < this.frameOf(until); frame++) {
      if (!this.has(frame)) continue;
      sum += 10 ** (this.at(frame) / 10);
      count += 1;
    }
    return count === 0 ? lowestDb : Math.max(lowestDb, 10 * Math.log10(sum / count));
  }

  /**
   * The last voiced sample in [from, until), looking back from its end.
   *
   * @param speechFrom - start of what was surely speech, to take the peak from
   * @returns null where energy can't tell
   */
  lastVoiced(from: number, until: number, speechFrom: number): number | null {
    const threshold = this.threshold(speechFrom, until);
    if (threshold === null) return null;
    const first = this.frameOf(from);
    for (let frame = this.frameOf(until - 1); frame >= first; frame--) {
      if (!this.has(frame) || this.at(frame) < threshold) continue;
      // In noise a lone frame may stick out: the one before must agree unless it's clearly louder.
      const alone = this.has(frame - 1) && this.at(frame - 1) < threshold;
      if (alone && this.at(frame) < threshold + 3) continue;
      return (this.base + frame + 1) * energyFrameSamples - 1;
    }
    return null;
  }

  /**
   * The first voiced sample of the speech that is loud somewhere in [speechFrom, until), not before `from`.
   *
   * @returns null where energy can't tell
   */
  firstVoiced(from: number, speechFrom: number, until: number): number | null {
    const threshold = this.threshold(speechFrom, until);
    if (threshold === null) return null;
    let loudest = this.frameOf(speechFrom);
    for (let frame = loudest; frame <= this.frameOf(until - 1); frame++) {
      if (this.has(frame) && this.at(frame) > this.at(loudest)) loudest = frame;
    }
    let found = loudest;
    const first = this.frameOf(from);
    for (let frame = loudest, quiet = 0; frame >= first && this.has(frame); frame--) {
      quiet = this.at(frame) >= threshold ? 0 : quiet + 1;
      if (quiet === 0) found = frame;
      else if (quiet > closureFrames) break;
    }
    return (this.base + found) * energyFrameSamples;
  }

  private threshold(from: number, until: number): number | null {
    let peak = lowestDb;
    for (let frame = this.frameOf(from); frame <= this.frameOf(until - 1); frame++) {
      if (this.has(frame) && this.at(frame) > peak) peak = this.at(frame);
    }
    const floor = this.floorDb;
    if (peak - floor < leastRangeDb) return null;
    return Math.max(floor + aboveFloorDb, peak - belowPeakDb);
  }

  private track(meanSquare: number, echoDb: number): void {
    const levelDb = toDb(meanSquare);
    const isEcho = levelDb < echoDb;
    this.ring[this.frames & ringMask] = isEcho ? lowestDb : Math.max(lowestDb, levelDb);
    if (isEcho && this.frames > 0) {
      this.frames += 1;
      return;
    }
    this.smoothed = this.frames === 0 ? meanSquare : smoothing * this.smoothed + (1 - smoothing) * meanSquare;
    if (this.frames === 0 || this.age >= minimumFrames) {
      this.minimum = this.frames === 0 ? this.smoothed : this.nextMinimum;
      this.nextMinimum = this.smoothed;
      this.age = 0;
    }
    if (this.smoothed < this.nextMinimum) this.nextMinimum = this.smoothed;
    this.age += 1;
    this.frames += 1;
  }

  private frameOf(sample: number): number {
    return Math.floor(sample / energyFrameSamples) - this.base;
  }

  private has(frame: number): boolean {
    return frame >= 0 && frame < this.frames && frame >= this.frames - ringFrames;
  }

  private at(frame: number): number {
    return this.ring[frame & ringMask]!;
  }
}

function toDb(meanSquare: number): number {
  return 10 * Math.log10(meanSquare / (32768 * 32768) + 1e-12);
}
