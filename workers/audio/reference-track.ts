/** What a client plays, on the clock of its input: levels in frames of 16 ms, from some seconds back to some ahead. */

/** Frames remembered (8.2 s): two seconds ahead, and what a new thread hears again. */
export const referenceFrames = 512;
/** Most frames of one `reference` (4 s). */
export const maxReferenceCall = 256;
/** Level of frames of which nothing was said. */
export const silentDb = -120;
/** Samples in a frame; one hop of the gate. */
export const referenceFrameSamples = 256;

const frameMask = referenceFrames - 1;

/** One channel's ring. */
export class ReferenceTrack {
  private readonly levels = new Float32Array(referenceFrames).fill(silentDb);
  /** The frame after the last one known. */
  private until = 0;

  /** Whether something is said of that frame or one after it. */
  reaches(frame: number): boolean {
    return frame < this.until;
  }

  /** Level in dBFS of a frame (sample / 256); silent where nothing is known. */
  at(frame: number): number {
    if (frame < 0 || frame >= this.until || frame < this.until - referenceFrames) return silentDb;
    return this.levels[frame & frameMask]!;
  }

  /**
   * Replaces all that is known from a sample on.
   *
   * @param fromSample - rounded to a frame
   * @throws RangeError for more than `maxReferenceCall` frames or a sample below 0 (a bug of the caller)
   */
  put(fromSample: number, framesDb: Float32Array): void {
    if (!(fromSample >= 0)) throw new RangeError(`a reference can't begin at sample ${fromSample}`);
    if (framesDb.length > maxReferenceCall) {
      throw new RangeError(`a reference of ${framesDb.length} frames, at most ${maxReferenceCall} at once`);
    }
    const from = Math.round(fromSample / referenceFrameSamples);
    // What is replaced, and the gap to what comes: silent.
    const stale = Math.max(Math.min(from, this.until), Math.max(from, this.until) - referenceFrames);
    for (let frame = stale; frame < Math.max(from, this.until); frame++)
      this.levels[frame & frameMask] = silentDb;
    for (let i = 0; i < framesDb.length; i++) {
      const level = framesDb[i]!;
      this.levels[(from + i) & frameMask] = level > silentDb ? Math.min(level, 0) : silentDb;
    }
    this.until = from + framesDb.length;
  }

  /** All that is known, for a new thread. */
  snapshot(): { fromFrame: number; framesDb: Float32Array } {
    const fromFrame = Math.max(0, this.until - referenceFrames);
    return {
      fromFrame,
      framesDb: Float32Array.from({ length: this.until - fromFrame }, (_, i) => this.at(fromFrame + i)),
    };
  }

  restore(snapshot: { fromFrame: number; framesDb: Float32Array }): void {
    const { fromFrame, framesDb } = snapshot;
    this.levels.fill(silentDb);
    for (let i = 0; i < framesDb.length; i++) this.levels[(fromFrame + i) & frameMask] = framesDb[i]!;
    this.until = fromFrame + framesDb.length;
  }
}
