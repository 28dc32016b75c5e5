/** Turn ends, as the suite shows them. */
import type { Row } from "../report.ts";
import type { Figure, Part, PartReport, SuiteContext } from "./part.ts";
import { drawChart, type Series } from "./pictures/lines.ts";
import { measureTurnEnds, publishedTurnEnds, type TurnEndsReport } from "./turn-ends/measure.ts";
import { measureStall, type StallOutcome } from "./turn-ends/stall.ts";

const wallClockMutant = "endpointing-on-the-wall-clock";
const longestMs = 1800;
const mostCutPercent = 30;

export const turnEndsPart: Part = {
  title: "Turn ends",
  about:
    "Turns with pauses inside, as long as people make them, through the gateway's own ears: how many pauses were taken for the end, against the dead air that stood after true ends. And a network that stands still for 2 s in the middle of a pause.",
  measure,
};

async function measure({ isQuick, mutant }: SuiteContext): Promise<PartReport> {
  if (isQuick) return stallAlone(await measureStall(), mutant);
  const report = await measureTurnEnds();
  if (report.veto !== null) throw new Error(`turn ends could not be measured: ${report.veto}`);
  const { curves, eagerness, deadAirAtMs, turns, pauses, stall } = report;
  return {
    rows: mutant === wallClockMutant ? [...report.rows, ...stallRows(stall, mutant)] : report.rows,
    notes: report.notes,
    tables: [],
    figures: [drawCurve(report)],
    data: { curves, eagerness, deadAirAtMs, turns, pauses, stall },
  };
}

function stallAlone(stall: readonly StallOutcome[], mutant: string | null): PartReport {
  return {
    rows: stallRows(stall, mutant),
    notes: ["a stall of 2 s alone; turns with pauses are not in a quick run"],
    tables: [],
    figures: [],
    data: { stall },
  };
}

/** With the mutant, what a session came to whose deadlines run on the wall clock. */
function stallRows(stall: readonly StallOutcome[], mutant: string | null): Row[] {
  const outcome = stall.find(({ clock }) => clock === (mutant === wallClockMutant ? "wall" : "samples"))!;
  const unit = `of ${outcome.lines}`;
  return [
    { name: "turns ended by a stall of 2 s", measured: outcome.endedFalsely, unit, atMost: 0 },
    { name: "true ends found around it", measured: outcome.endedTruly, unit, atLeast: outcome.lines },
  ];
}

function drawCurve({ curves, eagerness }: TurnEndsReport): Figure {
  const named = (name: string) => curves.find((curve) => curve.name === name)?.points ?? [];
  const onChart = (points: TurnEndsReport["curves"][number]["points"]) =>
    points.map(({ meanDeadAirMs, cutPausesPercent }) => ({ x: meanDeadAirMs, y: cutPausesPercent }));
  const settings = (["high", "medium", "low"] as const).map((name) => ({
    x: eagerness[name].meanDeadAirMs,
    y: eagerness[name].cutPausesPercent,
    label: name,
  }));
  const published: Series[] = publishedTurnEnds.map(({ name, at10PercentMs, at5PercentMs }) => ({
    name,
    isDashed: true,
    hasMarks: true,
    points: [
      ...(at10PercentMs === null ? [] : [{ x: at10PercentMs, y: 10 }]),
      ...(at5PercentMs === null ? [] : [{ x: at5PercentMs, y: 5 }]),
    ],
  }));
  return {
    name: "turn-ends-curve",
    caption:
      "Pauses taken for the end against dead air after true ends; down and to the left is better. Dashed: published figures (livekit/eot-bench), of other recordings with the same curve of silences, beside for orientation",
    svg: drawChart({
      title: "Cut off, or kept waiting",
      x: { label: "mean dead air after a true end, ms", from: 0, until: longestMs },
      y: { label: "pauses taken for the end, %", from: 0, until: mostCutPercent },
      series: [
        { name: "Parley, semantic_vad", points: onChart(named("semantic")), isThick: true },
        { name: "Parley's eagerness", points: settings, hasMarks: true, isThick: true, isApart: true },
        { name: "silence alone, same turns", points: onChart(named("silence")) },
        ...published,
      ],
      goals: [
        { name: "target", fromX: 0, untilX: 750, fromY: 5, untilY: 10 },
        { name: "target", fromX: 0, untilX: 1150, fromY: 0, untilY: 5 },
      ],
      height: 460,
    }),
  };
}
