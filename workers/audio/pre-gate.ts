/**
 * Lets Silero rest where no sub-band stands out of its noise: nobody can be speaking there. Decides by hops that the
 * gate has analysed anyway; what was skipped just before it opens is heard after all, so that words keep their beginnings.
 */

/** A sub-band so far above its minimum opens it. From 12 dB on, weak beginnings are lost; under 8 dB noise opens it. */
export const openAboveDb = 9;
/** Windows that it stays open after the last one that stood out (512 ms) … */
export const hangoverWindows = 16;
/** … unless Silero says that many times in a row … */
const surelyQuietWindows = 2;
/** … that this is hardly speech. */
const hardlySpeechRatio = 0.1;
/** Skipped windows that are heard when it opens. */
export const replayWindows = 3;
/** Windows heard in any case at the start (0.5 s): the minima have to be found first. */
export const settlingWindows = 16;

/** One channel's pre-gate; asked once a window, in order. */
export class PreGate {
  private settling = settlingWindows;
  private hangover = 0;
  private quiet = 0;
  /** Windows skipped since it closed, at most `replayWindows`. */
  skipped = 0;

  /** As for a new stream. */
  reset(): void {
    this.settling = settlingWindows;
    this.hangover = 0;
    this.quiet = 0;
    this.skipped = 0;
  }

  /**
   * @param snrDb - how far the loudest sub-band of the window's hops stands above its minimum; null if nobody knows
   * @param isWanted - the window is heard in any case
   * @returns whether the window may be skipped
   */
  mayRest(snrDb: number | null, isWanted: boolean): boolean {
    const standsOut = snrDb === null || snrDb > openAboveDb;
    if (standsOut) {
      this.hangover = hangoverWindows;
      this.quiet = 0;
    }
    if (this.settling > 0) {
      this.settling -= 1;
      return false;
    }
    if (standsOut || isWanted || this.hangover > 0) {
      if (!standsOut && this.hangover > 0) this.hangover -= 1;
      return false;
    }
    this.skipped = Math.min(replayWindows, this.skipped + 1);
    return true;
  }

  /** @returns how many of the windows just skipped have to be heard now, none of them a second time */
  takeSkipped(): number {
    const { skipped } = this;
    this.skipped = 0;
    return skipped;
  }

  /** What Silero said to a window. */
  heard(speechRatio: number): void {
    this.quiet = speechRatio < hardlySpeechRatio ? this.quiet + 1 : 0;
    if (this.quiet >= surelyQuietWindows) this.hangover = 0;
  }
}
