/** The suite's page: one file that needs nothing else. */
import { describeTarget, describeVerdict, formatNumber, isMet, type Row, reachesTarget } from "../report.ts";
import type { DetailTable, Figure, PartReport } from "./part.ts";
import { escapeXml } from "./pictures/svg.ts";

/** A part with its outcome. */
export interface PageSection {
  title: string;
  about: string;
  report: PartReport;
}

export interface PageOptions {
  machine: string;
  date: string;
  command: string;
  /** What could not be measured, and why. */
  leftOut: readonly string[];
  mutant: string | null;
}

const style = `
:root{--bg:#f5f6f8;--panel:#fff;--ink:#1c2430;--faint:#667080;--grid:#e2e6ec;--good:#0a7f4f;--bad:#c92a2a;--accent:#0b6bcb;
--c0:#0b6bcb;--c1:#d9480f;--c2:#0a8754;--c3:#8b5cd6;--c4:#b8860b;--c5:#c2255c;--c6:#4b5563;--c7:#0e9aa7;--c8:#7a5230;--c9:#3f51b5;--c10:#5c7c1a}
@media (prefers-color-scheme:dark){:root{--bg:#0f141b;--panel:#171e28;--ink:#e8edf4;--faint:#97a3b4;--grid:#2a3442;--good:#4ade9c;--bad:#ff8787;--accent:#6ab0ff;
--c0:#6ab0ff;--c1:#ff9d5c;--c2:#4ade9c;--c3:#bda0ff;--c4:#e6bf4d;--c5:#ff8fb3;--c6:#a8b3c2;--c7:#5fd4de;--c8:#d9a877;--c9:#9aa8ff;--c10:#b6d46a}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1080px;margin:0 auto;padding:48px 20px 80px}h1{font-size:2.1rem;line-height:1.15;letter-spacing:-.02em;margin:0 0 8px}
h2{font-size:1.35rem;margin:56px 0 4px;letter-spacing:-.01em}h3{font-size:1rem;margin:28px 0 8px}p{margin:6px 0 14px;max-width:72ch}.faint{color:var(--faint)}
.tally{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:12px;margin:26px 0 8px}.tally div{background:var(--panel);border:1px solid var(--grid);border-radius:12px;padding:14px 18px}
.tally b{display:block;font-size:1.7rem;line-height:1.2;letter-spacing:-.02em;font-variant-numeric:tabular-nums}.tally span{color:var(--faint);font-size:.86rem}
.scroll{overflow-x:auto;background:var(--panel);border:1px solid var(--grid);border-radius:12px}table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{padding:7px 14px;text-align:left;border-top:1px solid var(--grid);white-space:pre}thead th{border-top:0;color:var(--faint);font-weight:500}
td.number{text-align:right}.met{color:var(--good);font-weight:600}.missed{color:var(--bad);font-weight:600}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:18px;margin:20px 0}figure{margin:0;background:var(--panel);border:1px solid var(--grid);border-radius:12px;padding:10px 10px 12px}
figure svg{display:block;width:100%;height:auto}figcaption{color:var(--faint);font-size:.88rem;padding:8px 8px 0}.notes{color:var(--faint);font-size:.9rem;padding-left:20px}
code{font:.9em ui-monospace,SFMono-Regular,Menlo,monospace;background:var(--panel);border:1px solid var(--grid);border-radius:6px;padding:1px 6px}
.warning{border-left:4px solid var(--bad);background:var(--panel);padding:10px 16px;border-radius:0 10px 10px 0;margin:16px 0}
`;

/** @returns a whole HTML document */
export function renderPage(sections: readonly PageSection[], options: PageOptions): string {
  const rows = sections.flatMap(({ report }) => report.rows).filter((row) => describeTarget(row) !== "");
  const missed = rows.filter((row) => !isMet(row));
  const warnings = [
    ...(options.mutant === null ? [] : [`Broken on purpose: ${options.mutant}. This run must fail.`]),
    ...options.leftOut.map((line) => `Left out: ${line}.`),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Parley: how well it hears</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>How well Parley hears</h1>
<p class="faint">Noise, voices, pauses and interruptions, made from seeds and measured through the gateway itself. <code>${escapeXml(options.command)}</code></p>
${warnings.map((line) => `<p class="warning">${escapeXml(line)}</p>`).join("\n")}
<div class="tally">
<div><b>${rows.length - missed.length} of ${rows.length}</b><span>targets met<br>in this run</span></div>
${sections.flatMap(headline).join("\n")}
</div>
${sections.map(renderSection).join("\n")}
<h2>This run</h2>
<p class="faint">${escapeXml(options.date)}, ${escapeXml(options.machine)}</p>
</main>
</body>
</html>
`;
}

/** The first figure with a target of each part, large. */
function headline({ title, report }: PageSection): string[] {
  const row = report.rows.find((one) => describeTarget(one) !== "");
  if (row === undefined) return [];
  return [
    `<div><b>${escapeXml(`${formatNumber(row.measured)} ${row.unit}`.trim())}</b><span>${escapeXml(title)}<br>${escapeXml(row.name.trim())}</span></div>`,
  ];
}

function renderSection({ title, about, report }: PageSection): string {
  return `<section>
<h2>${escapeXml(title)}</h2>
<p class="faint">${escapeXml(about)}</p>
${renderRows(report.rows)}
${report.figures.length === 0 ? "" : `<div class="pictures">${report.figures.map(renderFigure).join("\n")}</div>`}
${report.tables.map(renderTable).join("\n")}
${report.notes.length === 0 ? "" : `<ul class="notes">${report.notes.map((note) => `<li>${escapeXml(note)}</li>`).join("")}</ul>`}
</section>`;
}

function renderRows(rows: readonly Row[]): string {
  if (rows.length === 0) return "";
  const lines = rows.map((row) => {
    const verdict = describeVerdict(row);
    const kind = reachesTarget(row) ? "met" : "missed";
    return `<tr><td>${escapeXml(row.name)}</td><td class="number">${escapeXml(`${formatNumber(row.measured)} ${row.unit}`.trim())}</td><td class="number">${escapeXml(prettyTarget(row))}</td><td class="${verdict === "" ? "" : kind}">${verdict.toLowerCase()}</td></tr>`;
  });
  return `<div class="scroll"><table><thead><tr><th>what</th><th style="text-align:right">measured</th><th style="text-align:right">target</th><th></th></tr></thead><tbody>${lines.join("")}</tbody></table></div>`;
}

function prettyTarget(row: Row): string {
  return describeTarget(row).replace("<=", "≤").replace(">=", "≥").trim();
}

function renderFigure({ caption, svg }: Figure): string {
  return `<figure>${svg}<figcaption>${escapeXml(caption)}</figcaption></figure>`;
}

function renderTable({ title, header, rows }: DetailTable): string {
  const head = header.map((cell) => `<th>${escapeXml(cell)}</th>`).join("");
  const body = rows
    .map((cells) => `<tr>${cells.map((cell) => `<td>${escapeXml(cell)}</td>`).join("")}</tr>`)
    .join("");
  return `<h3>${escapeXml(title)}</h3><div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}
