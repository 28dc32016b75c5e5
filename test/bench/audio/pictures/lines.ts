/** Curves and single points over two axes. */
import { drawLine, drawText, faint, labelOf, n, palette, panel, ticksOf, wrapSvg } from "./svg.ts";

export interface Series {
  name: string;
  points: readonly { x: number; y: number; label?: string }[];
  /** Marks at each point; curves of many points do without. */
  hasMarks?: boolean;
  isDashed?: boolean;
  isThick?: boolean;
  /** Points without a line between them. */
  isApart?: boolean;
}

/** What a chart shows, and where its axes begin and end. */
export interface Chart {
  title: string;
  x: { label: string; from: number; until: number };
  y: { label: string; from: number; until: number };
  series: readonly Series[];
  /** Shaded rectangles: where a target is met. */
  goals?: readonly { name: string; fromX: number; untilX: number; fromY: number; untilY: number }[];
  width?: number;
  height?: number;
}

const left = 58;
const right = 16;
const bottom = 46;
const legendLine = 18;

export function drawChart(chart: Chart): string {
  const { width = 720, height = 400, x, y } = chart;
  const columns = width > 600 ? 3 : 2;
  const top = 40 + legendLine * Math.ceil(chart.series.length / columns);
  const innerWidth = width - left - right;
  const innerHeight = height - top - bottom;
  const px = (value: number) => left + (innerWidth * (value - x.from)) / (x.until - x.from);
  const py = (value: number) => top + innerHeight * (1 - (value - y.from) / (y.until - y.from));
  const parts = [drawText(left, 20, chart.title, { size: 14, bold: true })];
  for (const [index, { name, isDashed }] of chart.series.entries()) {
    const atX = left + (index % columns) * (innerWidth / columns);
    const atY = 42 + legendLine * Math.floor(index / columns);
    parts.push(drawSwatch(atX, atY, colourOf(index), isDashed === true));
    parts.push(drawText(atX + 28, atY, name, { colour: faint }));
  }
  for (const { name, fromX, untilX, fromY, untilY } of chart.goals ?? []) {
    parts.push(
      `<rect x="${n(px(fromX))}" y="${n(py(untilY))}" width="${n(px(untilX) - px(fromX))}" height="${n(py(fromY) - py(untilY))}" fill="${palette[2]}" opacity="0.1"/>`,
      drawText(px(untilX) - 6, py(untilY) + 12, name, { anchor: "end", colour: palette[2], size: 11 }),
    );
  }
  for (const tick of ticksOf(x.from, x.until, 7)) {
    parts.push(drawLine(px(tick), top, px(tick), top + innerHeight));
    parts.push(
      drawText(px(tick), top + innerHeight + 14, labelOf(tick), { anchor: "middle", colour: faint }),
    );
  }
  for (const tick of ticksOf(y.from, y.until)) {
    parts.push(drawLine(left, py(tick), left + innerWidth, py(tick)));
    parts.push(drawText(left - 8, py(tick), labelOf(tick), { anchor: "end", colour: faint }));
  }
  parts.push(
    drawText(left + innerWidth / 2, height - 12, x.label, { anchor: "middle" }),
    drawText(16, top + innerHeight / 2, y.label, { anchor: "middle", turned: true }),
    // All pictures of a page share their names.
    `<clipPath id="${clipName(chart)}"><rect x="${left}" y="${top}" width="${innerWidth}" height="${innerHeight}"/></clipPath>`,
  );
  for (const [index, series] of chart.series.entries())
    parts.push(drawSeries(series, colourOf(index), clipName(chart), px, py));
  return wrapSvg(width, height, chart.title, parts.join("\n"));
}

function drawSeries(
  { points, hasMarks, isDashed, isThick, isApart }: Series,
  colour: string,
  clip: string,
  px: (value: number) => number,
  py: (value: number) => number,
): string {
  const path = points.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${n(px(x))} ${n(py(y))}`).join("");
  const dash = isDashed === true ? ` stroke-dasharray="5 4"` : "";
  const parts: string[] = [];
  if (isApart !== true) {
    parts.push(
      `<path d="${path}" fill="none" stroke="${colour}" stroke-width="${isThick === true ? 3 : 1.8}"${dash} stroke-linejoin="round" clip-path="url(#${clip})"/>`,
    );
  }
  for (const { x, y, label } of points) {
    if (hasMarks === true) {
      const radius = isThick === true ? 5 : 3.6;
      parts.push(
        `<circle cx="${n(px(x))}" cy="${n(py(y))}" r="${radius}" fill="${colour}" stroke="${panel}" stroke-width="1.5"/>`,
      );
    }
    if (label !== undefined) {
      parts.push(drawText(px(x) + 8, py(y) - 9, label, { size: 11, bold: isThick === true, colour }));
    }
  }
  return parts.join("");
}

function drawSwatch(x: number, y: number, colour: string, isDashed: boolean): string {
  const dash = isDashed ? ` stroke-dasharray="5 4"` : "";
  return `<line x1="${n(x)}" y1="${n(y)}" x2="${n(x + 22)}" y2="${n(y)}" stroke="${colour}" stroke-width="2.6"${dash}/>`;
}

function clipName({ title }: Chart): string {
  return `inside-${title.toLowerCase().replace(/[^a-z]+/g, "-")}`;
}

function colourOf(index: number): string {
  return palette[index % palette.length]!;
}
