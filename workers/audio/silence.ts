/** Windows so silent that nobody needs to ask whether they hold speech. */
import { windowSamples } from "./speech-detector.ts";

/** Samples of a silent window lie this close together (20 steps about their middle, -64 dBFS), whatever their offset. */
export const silentSpan = 40;
/** Silence that is heard out before inference rests (512 ms). */
export const silentWindowsBefore = 16;
/** Samples looked at before a window that is plainly not silent is given up. */
const stepSamples = 64;

/** Follows one channel's windows. */
export class SilenceWatch {
  private silentWindows = 0;

  /**
   * Takes the window at `pool[at]`; to be asked once a window, in order.
   *
   * @returns true when it and all windows of the last half second are silent
   */
  take(pool: Int16Array, at: number): boolean {
    this.silentWindows = isSilent(pool, at) ? this.silentWindows + 1 : 0;
    return this.silentWindows > silentWindowsBefore;
  }
}

function isSilent(pool: Int16Array, at: number): boolean {
  let lowest = 32767;
  let highest = -32768;
  for (let from = at; from < at + windowSamples; from += stepSamples) {
    for (let i = from; i < from + stepSamples; i++) {
      const sample = pool[i]!;
      if (sample < lowest) lowest = sample;
      if (sample > highest) highest = sample;
    }
    if (highest - lowest > silentSpan) return false;
  }
  return true;
}
