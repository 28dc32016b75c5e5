/** Logistic regression on named features, with a penalty on large weights. Deterministic. */

export interface Example {
  features: readonly string[];
  /** 1: the turn was over. */
  label: 0 | 1;
  weight: number;
}

export type Weights = Map<string, number>;

const iterations = 300;
const momentum = 0.95;
const rate = 0.5;

/** Features seen less often than that say nothing reliable. */
export function frequentFeatures(examples: readonly Example[], leastCount: number): Set<string> {
  const counts = new Map<string, number>();
  for (const { features, weight } of examples) {
    for (const feature of features) counts.set(feature, (counts.get(feature) ?? 0) + weight);
  }
  return new Set([...counts].filter(([, count]) => count >= leastCount).map(([feature]) => feature));
}

/** Log-odds under the weights. */
export function logOdds(weights: Weights, features: readonly string[]): number {
  let sum = weights.get("bias") ?? 0;
  for (const feature of features) sum += weights.get(feature) ?? 0;
  return sum;
}

/**
 * Gradient descent with momentum.
 *
 * @param penalty - on the squares of the weights, as so many examples' worth; the bias is free
 */
export function fitLogistic(examples: readonly Example[], penalty: number, leastCount: number): Weights {
  const names = ["bias", ...[...frequentFeatures(examples, leastCount)].sort()];
  const indexOf = new Map(names.map((name, index) => [name, index]));
  const rows = examples.map(({ features, label, weight }) => ({
    label,
    weight,
    columns: Int32Array.from([0, ...features.flatMap((feature) => indexOf.get(feature) ?? [])]),
  }));
  const weights = new Float64Array(names.length);
  const speed = new Float64Array(names.length);
  const gradient = new Float64Array(names.length);
  const total = examples.reduce((sum, { weight }) => sum + weight, 0);
  for (let step = 0; step < iterations; step++) {
    gradient.fill(0);
    for (const { columns, label, weight } of rows) {
      let score = 0;
      for (const column of columns) score += weights[column]!;
      const error = weight * (label - 1 / (1 + Math.exp(-score)));
      for (const column of columns) gradient[column] = gradient[column]! + error;
    }
    for (let column = 0; column < names.length; column++) {
      const shrink = column === 0 ? 0 : penalty * weights[column]!;
      const push = (gradient[column]! - shrink) / total;
      speed[column] = momentum * speed[column]! + rate * push;
      weights[column] = weights[column]! + speed[column]!;
    }
  }
  return new Map(names.map((name, index) => [name, weights[index]!]));
}

/** Area under the ROC curve of scores. */
export function areaUnderRoc(scored: readonly { score: number; label: 0 | 1 }[]): number {
  const sorted = [...scored].sort((a, b) => a.score - b.score);
  let below = 0;
  let won = 0;
  const positives = sorted.filter(({ label }) => label === 1).length;
  for (let at = 0; at < sorted.length; ) {
    let to = at;
    let ties = 0;
    let hits = 0;
    while (to < sorted.length && sorted[to]!.score === sorted[at]!.score) {
      if (sorted[to]!.label === 1) hits++;
      else ties++;
      to++;
    }
    won += hits * (below + ties / 2);
    below += ties;
    at = to;
  }
  return won / (positives * (sorted.length - positives));
}

/** Mean surprise, in nats, under the weights. */
export function logLoss(weights: Weights, examples: readonly Example[]): number {
  let sum = 0;
  let total = 0;
  for (const { features, label, weight } of examples) {
    const score = logOdds(weights, features);
    sum += weight * Math.log1p(Math.exp(label === 1 ? -score : score));
    total += weight;
  }
  return sum / total;
}
