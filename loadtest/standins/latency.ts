/** How long vendors take: log-normal, as services on a network are, from two percentiles that a user can name. */
import { drawNormal } from "./chance.ts";
import type { StandinName } from "./standin.ts";

/** A distribution of times; p95 must not be under p50. */
export interface Percentiles {
  p50Ms: number;
  p95Ms: number;
}

/** Of one vendor: to the first useful output, and between its pieces. */
export interface VendorLatency {
  first: Percentiles;
  piece: Percentiles;
}

/** What is used where nothing else is given. */
export const defaultLatency: Readonly<VendorLatency> = {
  first: { p50Ms: 250, p95Ms: 500 },
  piece: { p50Ms: 20, p95Ms: 50 },
};

/** Latencies by vendor; what is missing is the default. */
export type Latencies = Partial<Record<StandinName, Partial<VendorLatency>>>;

/** 95 % of a normal distribution lie under that many deviations. */
const deviationsOfP95 = 1.6448536269514722;
/** Draws beyond p95 by that much are cut: a stand-in that takes minutes by chance tells nothing, and no voice that is well
 * speaks more slowly than it is listened to. */
const longestRatioToP95 = 1.6;

/**
 * Draws from the log-normal distribution with these percentiles.
 *
 * @throws {RangeError} for percentiles that no such distribution has
 */
export function drawLatencyMs({ p50Ms, p95Ms }: Percentiles, random: () => number): number {
  if (!(p50Ms >= 0 && p95Ms >= p50Ms && Number.isFinite(p95Ms))) {
    throw new RangeError("percentiles must be finite and p50 at most p95");
  }
  if (p50Ms === 0) return 0;
  const deviation = Math.log(p95Ms / p50Ms) / deviationsOfP95;
  const drawn = p50Ms * Math.exp(deviation * drawNormal(random));
  return Math.min(drawn, p95Ms * longestRatioToP95);
}

/** The latencies of one vendor, defaults filled in. */
export function latencyOf(latencies: Latencies, name: StandinName): VendorLatency {
  const given = latencies[name];
  return { first: given?.first ?? defaultLatency.first, piece: given?.piece ?? defaultLatency.piece };
}
