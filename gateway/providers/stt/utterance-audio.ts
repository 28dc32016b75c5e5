/** The part of an utterance that is not yet transcribed for good, and where it may be cut. */

const SAMPLE_RATE_HZ = 16000;
const FRAME_SAMPLES = 320;
/** A quiet stretch is this much below the loud ones. */
const QUIET_DB = 25;

/** Audio from `fromSample` on; grows at its end, shrinks at its start. */
export class UtteranceAudio {
  /** First sample that is kept. */
  fromSample: number;
  private samples = new Int16Array(4 * SAMPLE_RATE_HZ);
  private length = 0;

  constructor(fromSample: number) {
    this.fromSample = fromSample;
  }
  /** One past the last sample. */
  get untilSample(): number {
    return this.fromSample + this.length;
  }
  /** Appends; what lies before the end of what is there is left out, a gap becomes silence. */
  append(fromSample: number, pcm: Int16Array): void {
    const fresh = pcm.subarray(Math.max(0, this.untilSample - fromSample));
    if (fresh.length === 0) return;
    const at = Math.max(this.length, fromSample - this.fromSample);
    if (at + fresh.length > this.samples.length) {
      const grown = new Int16Array(Math.max(at + fresh.length, this.samples.length * 2));
      grown.set(this.samples.subarray(0, this.length));
      this.samples = grown;
    }
    this.samples.fill(0, this.length, at);
    this.samples.set(fresh, at);
    this.length = at + fresh.length;
  }
  /** Samples [from, until) as far as they are kept; shares memory. */
  between(from: number, until: number): Int16Array {
    return this.samples.subarray(
      Math.max(0, from - this.fromSample),
      Math.max(0, Math.min(this.length, until - this.fromSample)),
    );
  }
  /** Forgets everything before `sample`. */
  dropBefore(sample: number): void {
    const dropped = Math.max(0, Math.min(this.length, sample - this.fromSample));
    this.samples.copyWithin(0, dropped, this.length);
    this.length -= dropped;
    this.fromSample += dropped;
  }
  private levels(from: number, until: number): number[] {
    const pcm = this.between(from, until);
    const levels: number[] = [];
    for (let at = 0; at + FRAME_SAMPLES <= pcm.length; at += FRAME_SAMPLES) {
      let sum = 0;
      for (let i = at; i < at + FRAME_SAMPLES; i++) sum += pcm[i]! ** 2;
      levels.push(10 * Math.log10(sum / FRAME_SAMPLES + 1));
    }
    return levels;
  }
  /**
   * The middle of the last stretch of at least `minMs` that is quiet beside the rest.
   *
   * @param afterSample only there
   * @returns null if there is none
   */
  lastQuiet(afterSample: number, minMs: number): number | null {
    const levels = this.levels(this.fromSample, this.untilSample);
    const limit = levels.reduce((peak, level) => Math.max(peak, level), 0) - QUIET_DB;
    const frames = Math.ceil((minMs * SAMPLE_RATE_HZ) / 1000 / FRAME_SAMPLES);
    let run = 0;
    for (let index = levels.length - 1; index >= 0; index--) {
      run = levels[index]! < limit ? run + 1 : 0;
      if (run < frames) continue;
      const middle = this.fromSample + Math.round((index + run / 2) * FRAME_SAMPLES);
      return middle > afterSample ? middle : null;
    }
    return null;
  }
  /** The middle of the quietest 200 ms in [from, until). */
  quietest(from: number, until: number): number {
    const levels = this.levels(from, until);
    const width = 10;
    let best = 0;
    let bestSum = Number.POSITIVE_INFINITY;
    for (let index = 0; index + width <= levels.length; index++) {
      const sum = levels.slice(index, index + width).reduce((total, level) => total + level, 0);
      if (sum < bestSum) {
        bestSum = sum;
        best = index;
      }
    }
    return Math.max(from, this.fromSample) + Math.round((best + width / 2) * FRAME_SAMPLES);
  }
}
