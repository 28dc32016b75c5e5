/** The picture of the outage: who was alive when, and whose words and voice the caller heard. */

import type { TurnVerdict } from "../drills/turn-judge.ts";
import type { StandinName } from "../standins/standin.ts";

export interface OutageTurn {
  title: string;
  verdict: TurnVerdict;
  /** When the question ended (performance.now). */
  askedUntilMs: number;
}

const width = 1080;
const left = 150;
const right = 20;
const rowHeight = 30;
const top = 64;
const askedMs = 2_000;

const vendors: readonly { standin: StandinName; label: string }[] = [
  { standin: "gemini", label: "Gemini" },
  { standin: "claude", label: "Claude" },
  { standin: "google-tts", label: "Google voice" },
  { standin: "elevenlabs", label: "ElevenLabs voice" },
];
const voiceColours: Readonly<Record<string, string>> = {
  "google-tts": "#3b7dd8",
  elevenlabs: "#8a4fd0",
  embedded: "#6b7280",
};

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/**
 * @param deaths - when each vendor first failed, ms from `startedAtMs`
 * @param startedAtMs - performance.now() at the picture's left edge
 * @returns an SVG on a ground of its own, fit for light and dark pages
 */
export function drawOutage(
  turns: readonly OutageTurn[],
  deaths: readonly { standin: StandinName; atMs: number }[],
  startedAtMs: number,
): string {
  const ends = turns.flatMap(({ verdict }) =>
    verdict.parts.map((part) => verdict.startedAtMs - startedAtMs + part.untilMs),
  );
  const endMs = Math.max(1, ...ends) + 500;
  const x = (ms: number) => left + (Math.min(endMs, Math.max(0, ms)) / endMs) * (width - left - right);
  const row = (index: number) => top + index * rowHeight;
  const rect = (fromMs: number, untilMs: number, index: number, fill: string) =>
    `<rect x="${x(fromMs).toFixed(1)}" y="${row(index) + 5}" width="${Math.max(1, x(untilMs) - x(fromMs)).toFixed(1)}" height="${rowHeight - 10}" rx="3" fill="${fill}"/>`;
  const label = (text: string, index: number) =>
    `<text x="${left - 10}" y="${row(index) + 20}" text-anchor="end">${escapeText(text)}</text>`;
  const shapes: string[] = [];
  for (const [index, turn] of turns.entries()) {
    const askedUntilMs = turn.askedUntilMs - startedAtMs;
    const atX = x(askedUntilMs - askedMs);
    const titleX = atX.toFixed(1);
    const anchor = atX > width * 0.75 ? ' text-anchor="end"' : "";
    shapes.push(
      `<text class="title"${anchor} x="${anchor === "" ? titleX : width - right}" y="${index % 2 === 0 ? 30 : 50}">${index + 1}. ${escapeText(turn.title)}</text>`,
    );
    shapes.push(
      `<line x1="${titleX}" x2="${titleX}" y1="${index % 2 === 0 ? 34 : 54}" y2="${row(vendors.length + 2)}" stroke="#d1d5db"/>`,
    );
    shapes.push(rect(askedUntilMs - askedMs, askedUntilMs, 0, "#d9a441"));
    for (const part of turn.verdict.parts) {
      const fromMs = turn.verdict.startedAtMs - startedAtMs + part.fromMs;
      const untilMs = turn.verdict.startedAtMs - startedAtMs + part.untilMs;
      shapes.push(rect(fromMs, untilMs, 1, voiceColours[part.voice] ?? "#444"));
    }
  }
  for (const [index, { standin, label: name }] of vendors.entries()) {
    const death = deaths.find((one) => one.standin === standin);
    shapes.push(label(name, index + 2), rect(0, death?.atMs ?? endMs, index + 2, "#cfe8d5"));
    if (death === undefined) continue;
    shapes.push(rect(death.atMs, endMs, index + 2, "#f2b8b0"));
    shapes.push(
      `<text class="death" x="${(x(death.atMs) + 6).toFixed(1)}" y="${row(index + 2) + 20}">dead</text>`,
    );
  }
  const height = row(vendors.length + 2) + 46;
  const seconds = Array.from({ length: Math.floor(endMs / 10_000) + 1 }, (_, index) => index * 10);
  const axis = seconds.map(
    (second) =>
      `<text class="small" x="${x(second * 1_000).toFixed(1)}" y="${row(vendors.length + 2) + 16}">${second} s</text>`,
  );
  const legend = Object.entries(voiceColours)
    .map(([voice, colour]) => `<tspan fill="${colour}">■</tspan> ${voice}  `)
    .join("");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="A conversation while Gemini, Claude and the voice die: the caller hears answers throughout">
<style>text{font:13px system-ui,sans-serif;fill:#1f2937}.title{font-weight:600}.small{font-size:11px;fill:#6b7280}.death{fill:#9f1c10;font-weight:600}</style>
<rect width="${width}" height="${height}" rx="8" fill="#ffffff"/>
${label("Caller speaks", 0)}${label("Caller hears", 1)}
${shapes.join("\n")}
${axis.join("")}
<text class="small" x="${left}" y="${height - 10}">Caller hears, by voice: ${legend}</text>
</svg>
`;
}
