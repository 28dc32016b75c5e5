/** Chance from a seed: the same seed and the same name of what is drawn give the same draws, whatever else is drawn. */

/** 32 bits of a name (FNV-1a), for a seed of its own. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/**
 * A generator of its own for whatever `parts` name.
 *
 * @returns draws, uniform in [0, 1) (mulberry32)
 */
export function createChance(...parts: readonly (string | number)[]): () => number {
  let state = hashText(parts.join("\u0000"));
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Normally distributed with mean 0 and deviation 1 (Box-Muller). */
export function drawNormal(random: () => number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return radius * Math.cos(2 * Math.PI * random());
}
