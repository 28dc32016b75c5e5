/** Pieces of SVG that stand alone: colours come from the page where there is one, else from the defaults here. */

/** Colours as CSS variables with their values for a picture by itself. */
export const ink = "var(--ink, #1c2430)";
export const faint = "var(--faint, #6b7686)";
export const grid = "var(--grid, #e2e6ec)";
export const panel = "var(--panel, #ffffff)";
/** Of series, in order; told apart also by people who see few colours. */
export const palette = [
  "var(--c0, #0b6bcb)",
  "var(--c1, #d9480f)",
  "var(--c2, #0a8754)",
  "var(--c3, #8b5cd6)",
  "var(--c4, #b8860b)",
  "var(--c5, #c2255c)",
  "var(--c6, #4b5563)",
  "var(--c7, #0e9aa7)",
  "var(--c8, #7a5230)",
  "var(--c9, #3f51b5)",
  "var(--c10, #5c7c1a)",
] as const;

const font = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

/** A whole picture. */
export function wrapSvg(width: number, height: number, title: string, body: string): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}" font-family="${font}" font-size="12">`,
    `<rect width="${width}" height="${height}" rx="8" fill="${panel}"/>`,
    body,
    "</svg>",
  ].join("\n");
}

export function escapeXml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

/** How a text is set; the middle of the line is at `y`. */
export interface TextStyle {
  anchor?: "start" | "middle" | "end";
  colour?: string;
  size?: number;
  bold?: boolean;
  turned?: boolean;
}

export function drawText(x: number, y: number, text: string, style: TextStyle = {}): string {
  const { anchor = "start", colour = ink, size = 12, bold = false, turned = false } = style;
  const place = turned ? ` transform="rotate(-90 ${n(x)} ${n(y)})"` : "";
  const weight = bold ? ` font-weight="600"` : "";
  return `<text x="${n(x)}" y="${n(y)}" dy="0.35em" text-anchor="${anchor}" fill="${colour}" font-size="${size}"${weight}${place}>${escapeXml(text)}</text>`;
}

export function drawLine(x1: number, y1: number, x2: number, y2: number, colour = grid, width = 1): string {
  return `<line x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}" stroke="${colour}" stroke-width="${width}"/>`;
}

/** Coordinates to a hundredth: files stay small. */
export function n(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Round numbers that span a range. */
export function ticksOf(from: number, until: number, about = 5): number[] {
  const rough = (until - from) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!;
  const ticks: number[] = [];
  for (let value = Math.ceil(from / step - 1e-9) * step; value <= until + step * 1e-6; value += step) {
    ticks.push(Math.round(value / step) * step);
  }
  return ticks;
}

/** "0.05", "10", "1,000". */
export function labelOf(value: number): string {
  return Math.abs(value) >= 1000
    ? Math.round(value).toLocaleString("en-US")
    : String(Number(value.toPrecision(4)));
}
