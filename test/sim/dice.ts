/** Chance from a seed: one seed, one course of events. */
export interface Dice {
  /** From 0 to 1, 1 excluded. */
  ratio(): number;
  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number;
  chance(ratio: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** Log-normal with these percentiles, ms. */
  latencyMs(p50Ms: number, p95Ms: number): number;
  id(bytes: number): string;
  /** Dice of their own, so that one part's throws don't move another's. */
  fork(): Dice;
}

/** mulberry32 */
export function createDice(seed: number): Dice {
  let state = seed >>> 0;
  const ratio = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const dice: Dice = {
    ratio,
    whole: (min, max) => min + Math.floor(ratio() * (max - min + 1)),
    chance: (share) => ratio() < share,
    pick: (from) => from[Math.floor(ratio() * from.length)]!,
    latencyMs(p50Ms, p95Ms) {
      const normal = Math.sqrt(-2 * Math.log(1 - ratio())) * Math.cos(2 * Math.PI * ratio());
      return p50Ms * Math.exp((normal * Math.log(p95Ms / p50Ms)) / 1.645);
    },
    id: (bytes) =>
      Buffer.from(Array.from({ length: bytes }, () => Math.floor(ratio() * 256))).toString("base64url"),
    fork: () => createDice(Math.floor(ratio() * 2 ** 32)),
  };
  return dice;
}
