/** Which token of a text begins where in its speech: sounds of each token alone, aligned with the sounds as spoken. */

/** A sound as spoken. */
export interface Segment {
  /** Phone name, e.g. "ax"; "pau" is silence. */
  phone: string;
  fromSeconds: number;
  toSeconds: number;
}

const silence = "pau";
const vowels = new Set("aa ae ah ao aw ax axr ay eh er ey ih iy ow oy uh uw".split(" "));

/**
 * Reads what flite's `-psdur` prints: `phone:endSeconds` separated by blanks. Other words are left out: a voice that
 * has no recording of a pair of sounds says so on a line before ("udb failed to find entry for: w-hh"), and speaks on.
 */
export function parseSegments(printed: string): Segment[] {
  const segments: Segment[] = [];
  let fromSeconds = 0;
  for (const [, phone = "", end] of printed.matchAll(/(?<!\S)([a-z]+\d?):(\d+(?:\.\d+)?)(?!\S)/g)) {
    const toSeconds = Number(end);
    segments.push({ phone, fromSeconds, toSeconds });
    fromSeconds = toSeconds;
  }
  return segments;
}

/** Groups of sounds between silences: the sounds of each token when tokens were spoken with pauses between. */
export function splitAtSilence(segments: Segment[]): string[][] {
  const groups: string[][] = [];
  let open: string[] = [];
  for (const { phone } of segments) {
    if (phone !== silence) open.push(phone);
    else if (open.length > 0) {
      groups.push(open);
      open = [];
    }
  }
  if (open.length > 0) groups.push(open);
  return groups;
}

function substitutionCost(a: string, b: string): number {
  if (a === b) return 0;
  return vowels.has(a) === vowels.has(b) ? 0.6 : 1.4;
}

/** Least-cost alignment: for each index of `expected` the index in `spoken` that it fell on. */
function align(expected: string[], spoken: string[]): { at: number[]; cost: number } {
  const width = spoken.length + 1;
  const costs = new Float64Array((expected.length + 1) * width);
  for (let j = 1; j < width; j++) costs[j] = j;
  for (let i = 1; i <= expected.length; i++) {
    costs[i * width] = i;
    for (let j = 1; j < width; j++) {
      costs[i * width + j] = Math.min(
        costs[(i - 1) * width + j - 1]! + substitutionCost(expected[i - 1]!, spoken[j - 1]!),
        costs[(i - 1) * width + j]! + 1,
        costs[i * width + j - 1]! + 1,
      );
    }
  }
  const at = new Array<number>(expected.length).fill(0);
  let j = spoken.length;
  for (let i = expected.length; i > 0; i--) {
    while (j > 0 && costs[i * width + j] === costs[i * width + j - 1]! + 1) j--;
    const matched =
      j > 0 &&
      costs[i * width + j] ===
        costs[(i - 1) * width + j - 1]! + substitutionCost(expected[i - 1]!, spoken[j - 1]!);
    if (matched) j--;
    at[i - 1] = j;
  }
  return { at, cost: costs[expected.length * width + spoken.length]! };
}

/** Alignments worse than that share of the sounds are no alignment. */
const MAX_COST_RATIO = 0.45;

/**
 * Start of each token, in seconds.
 *
 * @param tokens sounds of each token when spoken alone
 * @param segments the whole as spoken
 * @returns null if the two don't fit together
 */
export function alignTokens(tokens: string[][], segments: Segment[]): number[] | null {
  const spoken = segments.filter((segment) => segment.phone !== silence);
  const expected = tokens.flat();
  if (spoken.length === 0 || expected.length === 0) return null;
  const { at, cost } = align(
    expected,
    spoken.map((segment) => segment.phone),
  );
  if (cost > MAX_COST_RATIO * Math.max(expected.length, spoken.length)) return null;
  let index = 0;
  let last = 0;
  return tokens.map((phones) => {
    const segment = spoken[Math.min(at[index] ?? spoken.length - 1, spoken.length - 1)]!;
    index += phones.length;
    last = Math.max(last, segment.fromSeconds);
    return last;
  });
}

/** Starts by length of the tokens' texts alone, over the stretch that has sound in it; for when alignment fails. */
export function estimateTokens(tokens: string[], segments: Segment[]): number[] {
  const spoken = segments.filter((segment) => segment.phone !== silence);
  const from = spoken[0]?.fromSeconds ?? 0;
  const to = spoken.at(-1)?.toSeconds ?? from;
  const total = tokens.reduce((sum, token) => sum + token.length + 1, 0);
  let before = 0;
  return tokens.map((token) => {
    const start = from + ((to - from) * before) / Math.max(1, total);
    before += token.length + 1;
    return start;
  });
}
