/**
 * How long people pause inside a turn, as a density: the silence curve of livekit/eot-bench (55.6 % of such pauses
 * last over 300 ms, 21.7 % over 600, 10 % over 1,000, 5 % over 1,600), smoothed between its points.
 */

/** Natural logarithm of the density per ms; straight lines between the points. */
const logDensity: readonly (readonly [ms: number, log: number])[] = [
  [100, -5.84],
  [300, -6.4],
  [600, -7.55],
  [1_000, -8.8],
  [1_600, -9.75],
  [4_000, -12.5],
  [9_000, -18.3],
];

/**
 * The length that divides the pauses still worth waiting out from those too rare for it: beyond it the density is
 * lower than asked for. Falls as the density rises.
 *
 * @param log - natural logarithm of a density per ms
 * @returns milliseconds, from 0 to 9,000
 */
export function pauseOfDensityMs(log: number): number {
  for (const [index, [toMs, toLog]] of logDensity.entries()) {
    if (log < toLog) continue;
    const before = logDensity[index - 1];
    if (!before) {
      // Shorter pauses are gaps between words; the line goes on to nothing.
      return Math.max(0, toMs - (log - toLog) * 350);
    }
    const [fromMs, fromLog] = before;
    return fromMs + ((fromLog - log) / (fromLog - toLog)) * (toMs - fromMs);
  }
  return logDensity.at(-1)?.[0] ?? 0;
}
