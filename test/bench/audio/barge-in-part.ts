/** Barge-in, as the suite shows it. */
import { measureBargeIn } from "./barge-in/measure.ts";
import type { Figure, Part, PartReport, SuiteContext } from "./part.ts";
import { drawBars } from "./pictures/bars.ts";
import { drawChart, type Series } from "./pictures/lines.ts";

/** False stops of other detectors on TurnBench's development set, in percent (Trelis/barge-in-detector). */
const published = [
  { name: "voice detection alone (published)", value: 34 },
  { name: "trained detector (published)", value: 10.8 },
] as const;
const longestMs = 1400;

export const bargeInPart: Part = {
  title: "Barge-in",
  about:
    "Nods, interruptions and noises over a reply that plays, through a whole gateway in real time, on the caller's own clock from the first voiced sample; and the gateway's own voice coming back 20 dB down and 150 ms late.",
  measure,
};

async function measure({ isQuick }: SuiteContext): Promise<PartReport> {
  if (isQuick)
    return { rows: [], notes: ["barge-in: not in a quick run"], tables: [], figures: [], data: null };
  const { rows, notes, veto, cases, echo } = await measureBargeIn();
  if (veto !== null) throw new Error(`barge-in could not be measured: ${veto}`);
  const interruptions = cases.filter(({ kind }) => kind === "interruption");
  const nods = cases.filter(({ kind }) => kind === "backchannel");
  const stopped = nods.filter(({ stoppedMs }) => stoppedMs !== null).length;
  const ducked = interruptions.map((one) => one.duckedMs ?? one.stoppedMs);
  return {
    rows,
    notes,
    tables: [],
    figures: [
      drawReaction([
        spread("ducked", ducked, interruptions.length),
        spread(
          "stopped",
          interruptions.map(({ stoppedMs }) => stoppedMs),
          interruptions.length,
        ),
      ]),
      {
        name: "barge-in-nods",
        caption:
          'How often a nod ("mm-hm", "right", "okay") stops the reply; the published figures are of another set',
        svg: drawBars(
          [
            {
              name: "Parley",
              bars: [{ name: "nods that stop the reply", value: (100 * stopped) / nods.length }],
            },
            ...published.map(({ name, value }) => ({
              name,
              bars: [{ name: "nods that stop the reply", value }],
            })),
          ],
          {
            label: "Nods that stop the reply",
            unit: "%",
            target: { name: "target: at most 10 %", value: 10 },
          },
        ),
      },
    ],
    data: { cases, echo },
  };
}

/** Share of the interruptions that were answered by a moment. */
function spread(name: string, times: readonly (number | null)[], of: number): Series {
  const sorted = times.filter((ms) => ms !== null).sort((a, b) => a - b);
  const points = sorted.flatMap((ms, index) => [
    { x: ms, y: (100 * index) / of },
    { x: ms, y: (100 * (index + 1)) / of },
  ]);
  return { name, points: [...points, { x: longestMs, y: (100 * sorted.length) / of }], isThick: true };
}

function drawReaction(series: Series[]): Figure {
  return {
    name: "barge-in-reaction",
    caption:
      "Interruptions that were noticed (reply turned down) and obeyed (reply stopped) by a moment after their first voiced sample",
    svg: drawChart({
      title: "How soon an interruption is answered",
      x: { label: "ms after the caller's first voiced sample", from: 0, until: longestMs },
      y: { label: "% of interruptions", from: 0, until: 100 },
      series,
      goals: [
        { name: "ducked", fromX: 0, untilX: 300, fromY: 95, untilY: 100 },
        { name: "stopped", fromX: 300, untilX: 900, fromY: 95, untilY: 100 },
      ],
    }),
  };
}
