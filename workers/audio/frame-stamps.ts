/** When recent frames were read and stood in the bus; a ring, so that a frame costs no allocation. */

/** Frames remembered: 10 s of frames of 20 ms. */
export const rememberedFrames = 512;

/** Times of one channel's recent frames (10 KB). */
export class FrameStamps {
  private readonly untilSample = new Int32Array(rememberedFrames);
  private readonly readAtMs = new Float64Array(rememberedFrames);
  private readonly inBusAtMs = new Float64Array(rememberedFrames);
  private count = 0;
  /** First sample of the oldest frame remembered. */
  private fromSample = 0;

  /** Remembers the frame that ends before `untilSample`; one that ended no sample is left out. */
  push(untilSample: number, readAtMs: number, inBusAtMs: number): void {
    if (this.count > 0 && this.untilSample[(this.count - 1) % rememberedFrames]! >= untilSample) return;
    if (untilSample <= 0) return;
    const at = this.count % rememberedFrames;
    if (this.count >= rememberedFrames) this.fromSample = this.untilSample[at]!;
    this.untilSample[at] = untilSample;
    this.readAtMs[at] = readAtMs;
    this.inBusAtMs[at] = inBusAtMs;
    this.count += 1;
  }

  /** The frame that holds the sample; null if it's forgotten or still to come. */
  find(sample: number): { readAtMs: number; inBusAtMs: number } | null {
    if (this.count === 0 || sample < this.fromSample) return null;
    let low = Math.max(0, this.count - rememberedFrames);
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.untilSample[middle % rememberedFrames]! > sample) high = middle;
      else low = middle + 1;
    }
    if (low === this.count) return null;
    const at = low % rememberedFrames;
    return { readAtMs: this.readAtMs[at]!, inBusAtMs: this.inBusAtMs[at]! };
  }
}
