/**
 * `node test/bench/audio/turn-ends/fit.ts`: fits the turn-end detector's weights on the training turns and writes them
 * where the gateway reads them. The measured turns are never looked at.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../../../support/gateway.ts";
import { heardExamples, writtenExamples } from "./examples.ts";
import { type HeardTurn, Hearing } from "./hearing.ts";
import { areaUnderRoc, type Example, fitLogistic, logLoss, logOdds } from "./logistic.ts";
import { numberExamples } from "./number-turns.ts";
import { planTurns } from "./turns.ts";

/** What the sets count. */
const setWeights = { training: 1, "more-training": 1, fragment: 0.3 } as const;
const folds = 6;
const penalties = [2, 4, 6, 8];
const leastCount = 1.5;
/** Smaller weights change nothing and are left out. */
const leastWeight = 0.04;
const lineLength = 108;
const target = join(repositoryRoot, "gateway/session/turn-taking/completeness-weights.ts");

/** Turns of one set, as heard. */
interface HeardSet {
  set: keyof typeof setWeights;
  turns: HeardTurn[];
}

async function hearSets(): Promise<HeardSet[]> {
  const hearing = new Hearing();
  try {
    const sets: HeardSet[] = [];
    for (const set of ["training", "more-training", "fragment"] as const) {
      const turns: HeardTurn[] = [];
      for (const plan of planTurns(set)) turns.push(await hearing.hear(plan));
      sets.push({ set, turns });
    }
    return sets;
  } finally {
    await hearing.close();
  }
}

/** All that can be learned from turns for which `isWanted`, and numbers from templates. */
function examplesOf(sets: readonly HeardSet[], isWanted: (turn: HeardTurn) => boolean): Example[] {
  const found = sets.flatMap(({ set, turns }) =>
    turns
      .filter(isWanted)
      .flatMap((turn) => [...heardExamples(turn), ...writtenExamples(turn.plan)])
      .map((example) => ({ ...example, weight: example.weight * setWeights[set] })),
  );
  return [...found, ...numberExamples()];
}

/** Loss and area on turns of sessions that the weights have not seen, over all folds; fragments are no measure. */
function crossValidate(sets: readonly HeardSet[], penalty: number): { loss: number; area: number } {
  const whole = sets.filter(({ set }) => set !== "fragment").flatMap(({ turns }) => turns);
  const foldOf = new Map(whole.map((turn) => [turn, turn.plan.session % folds]));
  let loss = 0;
  const scored: { score: number; label: 0 | 1 }[] = [];
  for (let fold = 0; fold < folds; fold++) {
    const weights = fitLogistic(
      examplesOf(sets, (turn) => foldOf.get(turn) !== fold),
      penalty,
      leastCount,
    );
    const unseen = whole.filter((turn) => foldOf.get(turn) === fold).flatMap(heardExamples);
    loss += logLoss(weights, unseen) / folds;
    for (const { features, label } of unseen) scored.push({ score: logOdds(weights, features), label });
  }
  return { loss, area: areaUnderRoc(scored) };
}

/** The module that the gateway reads: one string, filled to lines of a readable length. */
function renderTable(entries: readonly string[]): string {
  const lines: string[] = [""];
  for (const entry of entries) {
    const line = lines.at(-1) ?? "";
    if (line.length + entry.length >= lineLength) lines.push(entry);
    else lines[lines.length - 1] = line === "" ? entry : `${line} ${entry}`;
  }
  return `/**
 * What each feature of a transcript adds to the log-odds that the turn is over. Written by
 * \`node test/bench/audio/turn-ends/fit.ts\`; not to be edited by hand.
 */
const table = \`
${lines.join("\n")}
\`;

export const completenessWeights: { readonly [feature: string]: number } = Object.fromEntries(
  table
    .trim()
    .split(/\\s+/)
    .map((entry) => {
      const colon = entry.lastIndexOf(":");
      return [entry.slice(0, colon), Number(entry.slice(colon + 1))];
    }),
);
`;
}

if (import.meta.main) {
  const sets = await hearSets();
  let best = { penalty: 0, loss: Number.POSITIVE_INFINITY };
  for (const penalty of penalties) {
    const { loss, area } = crossValidate(sets, penalty);
    console.log(`penalty ${penalty}: loss ${loss.toFixed(4)}, area under ROC ${area.toFixed(4)}`);
    if (loss < best.loss) best = { penalty, loss };
  }
  const examples = examplesOf(sets, () => true);
  const weights = fitLogistic(examples, best.penalty, leastCount);
  const entries = [...weights]
    .filter(([name, weight]) => name === "bias" || Math.abs(weight) >= leastWeight)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, weight]) => `${name}:${Number(weight.toFixed(2))}`);
  writeFileSync(target, renderTable(entries));
  console.log(`${entries.length} weights with penalty ${best.penalty}, from ${examples.length} examples`);
}
