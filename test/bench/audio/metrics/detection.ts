/** How well a detector of speech does: windows labelled by the clean signal's energy against its probabilities. */

/** Samples of a window (32 ms at 16 kHz), and of the frames that its label is made of. */
export const windowSamples = 512;
const frameSamples = 128;
/** Windows next to a change of label that aren't scored: where speech begins is nobody's to the window. */
export const collarWindows = 2;
/** A frame this far under the active level is no speech. */
export const labelFloorDb = 25;

/** 1 speech, 0 none, -1 not scored; one a whole window. */
export type Labels = Int8Array;

/**
 * Labels windows by the clean signal.
 *
 * @param levelDb - its active level in dBFS
 */
export function labelWindows(clean: ArrayLike<number>, levelDb: number): Labels {
  const labels = new Int8Array(Math.floor(clean.length / windowSamples));
  for (let w = 0; w < labels.length; w++) {
    let voiced = 0;
    for (let from = w * windowSamples; from < (w + 1) * windowSamples; from += frameSamples) {
      if (isVoiced(clean, from, levelDb)) voiced += 1;
    }
    labels[w] = 2 * voiced >= windowSamples / frameSamples ? 1 : 0;
  }
  return labels;
}

/** The same labels without those next to a change. */
export function withCollar(labels: Labels): Labels {
  const scored = labels.slice();
  for (let w = 1; w < labels.length; w++) {
    if (labels[w] === labels[w - 1]) continue;
    scored.fill(-1, Math.max(0, w - collarWindows), w + collarWindows);
  }
  return scored;
}

function isVoiced(clean: ArrayLike<number>, from: number, levelDb: number): boolean {
  let energy = 0;
  for (let i = from; i < from + frameSamples; i++) energy += (clean[i]! / 32768) ** 2;
  return 10 * Math.log10(energy / frameSamples + 1e-30) >= levelDb - labelFloorDb;
}

/** A stretch of speech, in samples. */
export interface Stretch {
  from: number;
  until: number;
}

/** Stretches of voiced frames (8 ms) with at least `gapMs` of nothing between them. */
export function findStretches(clean: ArrayLike<number>, levelDb: number, gapMs = 500): Stretch[] {
  const stretches: Stretch[] = [];
  for (let from = 0; from + frameSamples <= clean.length; from += frameSamples) {
    if (!isVoiced(clean, from, levelDb)) continue;
    const last = stretches.at(-1);
    if (last !== undefined && from - last.until < gapMs * 16) last.until = from + frameSamples;
    else stretches.push({ from, until: from + frameSamples });
  }
  return stretches;
}

/** Scored windows of many recordings. */
export interface Scores {
  speech: number[];
  others: number[];
}

/** Adds one recording's windows; a window without a probability counts as 0. */
export function addScores(scores: Scores, labels: Labels, ratios: ArrayLike<number>): void {
  for (let w = 0; w < labels.length; w++) {
    if (labels[w] === 1) scores.speech.push(ratios[w] ?? 0);
    else if (labels[w] === 0) scores.others.push(ratios[w] ?? 0);
  }
}

/** Area under the ROC curve: how often speech gets the higher probability; equal ones count half. */
export function areaUnderCurve({ speech, others }: Scores): number {
  const sorted = [...others].sort((a, b) => a - b);
  let sum = 0;
  for (const ratio of speech) {
    const below = lowerBound(sorted, ratio);
    sum += below + (lowerBound(sorted, ratio, true) - below) / 2;
  }
  return sum / (speech.length * others.length);
}

/** How many of the sorted values lie below one (or not above it). */
function lowerBound(sorted: readonly number[], value: number, orEqual = false): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value || (orEqual && sorted[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Shares of windows that are wrong at a threshold. */
export function errorRatios(
  { speech, others }: Scores,
  threshold: number,
): { missRatio: number; falseRatio: number } {
  return {
    missRatio: speech.filter((ratio) => ratio < threshold).length / speech.length,
    falseRatio: others.filter((ratio) => ratio >= threshold).length / others.length,
  };
}

/** Points of the ROC curve, thresholds from high to low. */
export function rocCurve(scores: Scores, points = 200): { falseRatio: number; hitRatio: number }[] {
  return Array.from({ length: points + 1 }, (_, i) => {
    // Thresholds close to 0 and 1 tell most.
    const threshold = 0.5 - 0.5 * Math.sin(Math.PI * (i / points - 0.5)) ** 3;
    const { missRatio, falseRatio } = errorRatios(scores, threshold);
    return { falseRatio, hitRatio: 1 - missRatio };
  });
}

/** Thresholds of the detector's hysteresis. */
export interface Hysteresis {
  on: number;
  off: number;
}

/**
 * How late a stretch's beginning and end are known, counted to the end of the window that tells.
 *
 * @returns null where the stretch was not noticed within it, or its end not within `searchMs`
 */
export function edgeDelaysMs(
  stretch: Stretch,
  ratios: ArrayLike<number>,
  { on, off }: Hysteresis,
  searchMs = 1000,
): { onsetMs: number | null; offsetMs: number | null } {
  const first = Math.floor(stretch.from / windowSamples);
  const last = Math.ceil(stretch.until / windowSamples);
  let onsetMs: number | null = null;
  for (let w = first; w < last && onsetMs === null; w++) {
    if ((ratios[w] ?? 0) >= on) onsetMs = ((w + 1) * windowSamples - stretch.from) / 16;
  }
  const firstAfter = Math.floor(stretch.until / windowSamples);
  for (let w = firstAfter; w < firstAfter + (searchMs * 16) / windowSamples && w < ratios.length; w++) {
    const delayMs = ((w + 1) * windowSamples - stretch.until) / 16;
    if (ratios[w]! < off) return { onsetMs, offsetMs: delayMs };
  }
  return { onsetMs, offsetMs: null };
}

/** What the detector decided, and the end of the window with which it did. */
export interface DecidedEdge {
  type: "onset" | "pause" | "resumed";
  decidedAtSample: number;
}

/**
 * How late the detector itself says that a stretch begins and ends: its least durations are part of it.
 *
 * @returns null where it didn't say so within the stretch, or of its end not within `searchMs`
 */
export function decidedDelaysMs(
  { from, until }: Stretch,
  edges: readonly DecidedEdge[],
  searchMs = 1000,
): { onsetMs: number | null; offsetMs: number | null } {
  const within = (lowest: number, highest: number) => (edge: DecidedEdge) =>
    edge.decidedAtSample > lowest && edge.decidedAtSample <= highest;
  const before = edges.findLast(({ decidedAtSample }) => decidedAtSample <= from);
  // Speech that goes on over a short pause has no onset of its own.
  const goesOn = before !== undefined && before.type !== "pause";
  const onset = edges.filter(within(from, until)).find(({ type }) => type !== "pause");
  const offset = edges.filter(within(until, until + searchMs * 16)).find(({ type }) => type === "pause");
  return {
    onsetMs: goesOn || onset === undefined ? null : (onset.decidedAtSample - from) / 16,
    offsetMs: offset === undefined ? null : (offset.decidedAtSample - until) / 16,
  };
}
