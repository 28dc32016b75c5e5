/**
 * The endpointing curve: share of pauses taken for the end against dead air after true ends, for silence alone and for
 * the detector of the gateway, on the same turns, through the gateway's own ears.
 */
import { semanticTurnEnd, waitForCostMs } from "../../../../gateway/session/turn-taking/semantic-turn-end.ts";
import { type Eagerness, longestWaitMs } from "../../../../gateway/session/turn-taking/turn-end.ts";
import type { BenchReport, Row } from "../../report.ts";
import { type HeardTurn, Hearing } from "./hearing.ts";
import { type Policy, type ReplayResult, replay, type SweepPoint, summarise } from "./replay.ts";
import { measureStall, type StallOutcome } from "./stall.ts";
import { planTurns } from "./turns.ts";

export interface TurnEndsOptions {
  /** Few turns, for CI: under 60 s with nothing kept from before. */
  quick?: boolean;
}

/** A curve of the report: points in the order of their setting. */
export interface TurnEndCurve {
  name: string;
  /** What the setting is. */
  setting: string;
  points: SweepPoint[];
}

export interface TurnEndsReport extends BenchReport {
  /** Silence alone, and the detector over all prices of a cut-off, with and without the speaker's habit. */
  curves: TurnEndCurve[];
  /** The settings that a client has. */
  eagerness: Record<"low" | "medium" | "high", SweepPoint>;
  /** Dead air, ms, at 10 % and 5 % of pauses cut off; null where the curve doesn't reach that. */
  deadAirAtMs: Record<"silence" | "semantic", { at10Percent: number | null; at5Percent: number | null }>;
  turns: number;
  pauses: number;
  stall: StallOutcome[];
}

/** Public figures, English (livekit/eot-bench): dead air at 10 % and at 5 % of pauses cut off, ms. */
export const publishedTurnEnds: readonly {
  name: string;
  at10PercentMs: number | null;
  at5PercentMs: number | null;
}[] = [
  { name: "silence only", at10PercentMs: 1_000, at5PercentMs: 1_600 },
  { name: "OpenAI GPT Realtime 2", at10PercentMs: 824, at5PercentMs: 1_143 },
  { name: "SmartTurn v3.2", at10PercentMs: 739, at5PercentMs: 1_051 },
  { name: "AssemblyAI", at10PercentMs: 713, at5PercentMs: 1_049 },
  { name: "LiveKit v1-mini", at10PercentMs: 698, at5PercentMs: 1_070 },
  { name: "Deepgram Flux", at10PercentMs: 548, at5PercentMs: 1_151 },
  { name: "Soniox", at10PercentMs: 512, at5PercentMs: 647 },
  { name: "LiveKit v1 (cloud)", at10PercentMs: 295, at5PercentMs: 543 },
];

const quickTurns = 32;
const silencesMs = [200, 300, 400, 500, 600, 700, 800, 900, 1_000, 1_200, 1_400, 1_600, 2_000, 2_500];
const costsMs = [
  400, 700, 1_000, 1_500, 2_000, 2_500, 3_000, 3_200, 4_000, 5_000, 6_500, 8_000, 9_500, 13_000, 17_000,
  25_000,
];
const targets = { cutPercent: 10, deadAirMs: 750, lowCutPercent: 5, lowDeadAirMs: 1_150 };
const quickSlack = 1.25;
const shownCuts = 12;

async function hearAll(quick: boolean): Promise<HeardTurn[]> {
  const plans = planTurns("measured");
  const hearing = new Hearing();
  try {
    const turns: HeardTurn[] = [];
    for (const plan of quick ? plans.slice(0, quickTurns) : plans) turns.push(await hearing.hear(plan));
    return turns;
  } finally {
    await hearing.close();
  }
}

const pricedAt =
  (costMs: number): Policy =>
  (evidence) =>
    Math.min(longestWaitMs.low, waitForCostMs(evidence, costMs));

const eager =
  (eagerness: Eagerness): Policy =>
  (evidence) =>
    semanticTurnEnd.waitMs(evidence, eagerness);

/** Dead air where the curve crosses a share of cut-offs, on the straight line between its points. */
export function deadAirAt(points: readonly SweepPoint[], cutPercent: number): number | null {
  for (const [index, to] of points.entries()) {
    const from = points[index - 1];
    if (!from || to.cutPausesPercent > cutPercent) continue;
    const share = (from.cutPausesPercent - cutPercent) / (from.cutPausesPercent - to.cutPausesPercent || 1);
    return from.meanDeadAirMs + share * (to.meanDeadAirMs - from.meanDeadAirMs);
  }
  return null;
}

function sweep(turns: readonly HeardTurn[]): TurnEndCurve[] {
  const priced = (habit: boolean) =>
    costsMs.map((costMs) => summarise(costMs, replay(turns, pricedAt(costMs), { habit })));
  const silent = silencesMs.map((ms) =>
    summarise(
      ms,
      replay(turns, () => ms, { words: false }),
    ),
  );
  const cost = "dead air as bad as one cut-off, ms";
  return [
    { name: "silence", setting: "silence, ms", points: silent },
    { name: "semantic", setting: cost, points: priced(true) },
    { name: "semantic, habit not learned", setting: cost, points: priced(false) },
  ];
}

function rowsOf(report: Pick<TurnEndsReport, "eagerness" | "deadAirAtMs" | "stall">, quick: boolean): Row[] {
  const { low, medium, high } = report.eagerness;
  const { silence, semantic } = report.deadAirAtMs;
  // A tenth of the turns is too few for the promise: there it only shows a detector that is broken.
  const promise = (atMost: number) => ({ atMost: quick ? atMost * quickSlack : atMost });
  const stalled = (clock: StallOutcome["clock"]) => report.stall.find((one) => one.clock === clock);
  return [
    {
      name: "medium: pauses cut off",
      measured: medium.cutPausesPercent,
      unit: "%",
      ...promise(targets.cutPercent),
    },
    {
      name: "medium: dead air, mean",
      measured: medium.meanDeadAirMs,
      unit: "ms",
      ...promise(targets.deadAirMs),
    },
    { name: "medium: dead air, p95", measured: medium.p95DeadAirMs, unit: "ms" },
    {
      name: "medium: cut off, or just begun again and not noticed",
      measured: medium.endedPausesPercent,
      unit: "%",
    },
    { name: "medium: turns cut off", measured: medium.cutTurnsPercent, unit: "%" },
    {
      name: "low: pauses cut off",
      measured: low.cutPausesPercent,
      unit: "%",
      ...promise(targets.lowCutPercent),
    },
    {
      name: "low: dead air, mean",
      measured: low.meanDeadAirMs,
      unit: "ms",
      ...promise(targets.lowDeadAirMs),
    },
    { name: "low: turns cut off", measured: low.cutTurnsPercent, unit: "%" },
    { name: "high: pauses cut off", measured: high.cutPausesPercent, unit: "%" },
    { name: "high: dead air, mean", measured: high.meanDeadAirMs, unit: "ms" },
    { name: "dead air at 10 % cut off", measured: semantic.at10Percent ?? Number.NaN, unit: "ms" },
    { name: "dead air at 5 % cut off", measured: semantic.at5Percent ?? Number.NaN, unit: "ms" },
    { name: "silence alone at 10 %", measured: silence.at10Percent ?? Number.NaN, unit: "ms" },
    { name: "silence alone at 5 %", measured: silence.at5Percent ?? Number.NaN, unit: "ms" },
    {
      name: "turns ended by a stall of 2 s",
      measured: stalled("samples")?.endedFalsely ?? Number.NaN,
      unit: "of 3",
      atMost: 0,
    },
    {
      name: "true ends found around it",
      measured: stalled("samples")?.endedTruly ?? Number.NaN,
      unit: "of 3",
      atLeast: 3,
    },
    {
      name: "ended by it on the wall clock (mutant)",
      measured: stalled("wall")?.endedFalsely ?? Number.NaN,
      unit: "of 3",
      atLeast: 1,
    },
  ];
}

function notesOf(turns: readonly HeardTurn[], medium: ReplayResult): string[] {
  const couldEnd = (100 * medium.couldEnd.pauses) / medium.pauses;
  const percent = ({ pauses, cut }: { pauses: number; cut: number }) =>
    `${((100 * cut) / Math.max(1, pauses)).toFixed(1)} %`;
  return [
    `${turns.length} turns, ${medium.turns} of them with ${medium.pauses} pauses inside; voices slt, rms, espeak-ng`,
    `${couldEnd.toFixed(0)} % of the pauses follow words that could stand as a turn: of these medium cuts ${percent(medium.couldEnd)}, of the others ${percent(medium.unfinished)}`,
    ...medium.cuts
      .slice(0, shownCuts)
      .map(
        ({ words, pauseMs, waitMs }) =>
          `cut after ${waitMs.toFixed(0)} of ${pauseMs.toFixed(0)} ms: "${words.slice(-60)}"`,
      ),
  ];
}

/** Measures the whole curve; the first time it listens for minutes, later it reads what it kept. */
export async function measureTurnEnds(options: TurnEndsOptions = {}): Promise<TurnEndsReport> {
  const { quick = false } = options;
  const turns = await hearAll(quick);
  const stall = await measureStall();
  const curves = sweep(turns);
  const medium = replay(turns, eager("medium"));
  const eagerness = {
    low: summarise("low", replay(turns, eager("low"))),
    medium: summarise("medium", medium),
    high: summarise("high", replay(turns, eager("high"))),
  };
  const at = (name: string) => {
    const points = curves.find((curve) => curve.name === name)?.points ?? [];
    return { at10Percent: deadAirAt(points, 10), at5Percent: deadAirAt(points, 5) };
  };
  const deadAirAtMs = { silence: at("silence"), semantic: at("semantic") };
  return {
    rows: rowsOf({ eagerness, deadAirAtMs, stall }, quick),
    notes: notesOf(turns, medium),
    veto: null,
    ...{ curves, eagerness, deadAirAtMs, turns: turns.length, pauses: medium.pauses, stall },
  };
}
