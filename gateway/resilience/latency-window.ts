/** A vendor's own recent times to its first useful output: what "slow" means for it. */

/** Times that are kept; the oldest goes first. */
export const samplesMax = 128;
/** Fewer than these tell nothing about a tail. */
export const samplesForTail = 20;
/** Times are sorted anew after that many more. */
const sortEvery = 16;

export interface LatencyWindow {
  add(latencyMs: number): void;
  /** The `ratio` quantile (nearest rank) of the last times, at most `sortEvery` of them old; null while there are too few. */
  quantileMs(ratio: number): number | null;
}

export function createLatencyWindow(): LatencyWindow {
  const times = new Float64Array(samplesMax);
  let count = 0;
  let next = 0;
  let unsorted = 0;
  let sorted = new Float64Array(0);

  return {
    add(latencyMs) {
      times[next] = latencyMs;
      next = (next + 1) % samplesMax;
      count = Math.min(samplesMax, count + 1);
      unsorted += 1;
    },
    quantileMs(ratio) {
      if (count < samplesForTail) return null;
      if (unsorted >= sortEvery || sorted.length === 0) {
        sorted = times.slice(0, count).sort();
        unsorted = 0;
      }
      return sorted[Math.max(0, Math.ceil(sorted.length * ratio) - 1)]!;
    },
  };
}
