/** When recent input was taken by the thread's tick; a ring, so that a tick costs no allocation. */

/** Ticks remembered: more than the longest wait for a window to fill. */
export const rememberedTicks = 16;

export class TakenTimes {
  private readonly untilSample = new Float64Array(rememberedTicks);
  private readonly atMs = new Float64Array(rememberedTicks);
  private count = 0;

  /** Remembers that everything before `untilSample` was there at `atMs`. */
  push(untilSample: number, atMs: number): void {
    const at = this.count % rememberedTicks;
    this.untilSample[at] = untilSample;
    this.atMs[at] = atMs;
    this.count += 1;
  }

  /** When the tick ran that took the sample before `endSample`; the oldest one known where it is too long ago. */
  find(endSample: number): number {
    let foundAtMs = 0;
    for (let i = this.count - 1; i >= 0 && i >= this.count - rememberedTicks; i--) {
      const at = i % rememberedTicks;
      if (foundAtMs !== 0 && this.untilSample[at]! < endSample) break;
      foundAtMs = this.atMs[at]!;
    }
    return foundAtMs;
  }
}
