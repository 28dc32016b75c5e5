/** Groups of upright bars. */
import { drawLine, drawText, faint, grid, labelOf, n, palette, ticksOf, wrapSvg } from "./svg.ts";

export interface BarGroup {
  name: string;
  bars: readonly { name: string; value: number }[];
}

export interface BarOptions {
  /** What the values are, and their unit. */
  label: string;
  unit: string;
  /** A line across: the target. */
  target?: { name: string; value: number };
  width?: number;
}

const height = 330;
const top = 76;
const left = 52;
const right = 14;
const bottom = 34;

/** Bars of the same name have the same colour in all groups; negative values hang. */
export function drawBars(groups: readonly BarGroup[], options: BarOptions): string {
  const { width = 720 } = options;
  const values = groups.flatMap(({ bars }) => bars.map(({ value }) => value));
  const ticks = ticksOf(Math.min(0, ...values), Math.max(0, options.target?.value ?? 0, ...values) * 1.08);
  const lowest = Math.min(ticks[0]!, ...values);
  const highest = Math.max(ticks.at(-1)!, ...values);
  const innerHeight = height - top - bottom;
  const py = (value: number) => top + (innerHeight * (highest - value)) / (highest - lowest);
  const parts = [drawText(left, 20, `${options.label}, ${options.unit}`, { size: 14, bold: true })];
  for (const tick of ticks) {
    parts.push(drawLine(left, py(tick), width - right, py(tick), tick === 0 ? faint : grid));
    parts.push(drawText(left - 8, py(tick), labelOf(tick), { anchor: "end", colour: faint }));
  }
  for (const [index, { name }] of groups[0]!.bars.entries()) {
    const x = left + index * 92;
    parts.push(
      `<rect x="${x}" y="37" width="12" height="12" rx="2" fill="${palette[index % palette.length]}"/>`,
    );
    parts.push(drawText(x + 18, 43, name, { colour: faint }));
  }
  const groupWidth = (width - left - right) / groups.length;
  for (const [at, group] of groups.entries()) {
    const barWidth = Math.min(46, (groupWidth * 0.78) / group.bars.length);
    const from = left + groupWidth * at + (groupWidth - barWidth * group.bars.length) / 2;
    for (const [index, { value }] of group.bars.entries()) {
      const x = from + index * barWidth;
      const y = Math.min(py(value), py(0));
      parts.push(
        `<rect x="${n(x + 1)}" y="${n(y)}" width="${n(barWidth - 2)}" height="${n(Math.abs(py(value) - py(0)))}" rx="2" fill="${palette[index % palette.length]}"/>`,
        drawText(
          x + barWidth / 2,
          value < 0 ? py(value) + 9 : y - 8,
          value.toFixed(Math.abs(value) < 100 ? 1 : 0),
          {
            anchor: "middle",
            size: 10,
            colour: faint,
          },
        ),
      );
    }
    parts.push(drawText(left + groupWidth * (at + 0.5), height - 14, group.name, { anchor: "middle" }));
  }
  if (options.target !== undefined) {
    const { name, value } = options.target;
    parts.push(
      `<line x1="${left}" y1="${n(py(value))}" x2="${width - right}" y2="${n(py(value))}" stroke="${palette[2]}" stroke-width="1.5" stroke-dasharray="6 4"/>`,
      drawText(left + 6, py(value) - 9, name, { size: 11, colour: palette[2] }),
    );
  }
  return wrapSvg(width, height, options.label, parts.join("\n"));
}
