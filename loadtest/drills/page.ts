/** The page that a person reads: verdict, timeline of the vendors and the callers, every judged turn, the recordings. */
import { type Drill, standinsOf } from "./drill.ts";
import type { JudgedTurn, Probe } from "./measures.ts";
import { type DrillRun, unixMs } from "./runner.ts";
import type { Verdict } from "./verdict.ts";

const width = 1100;
const labelWidth = 120;
const rowHeight = 22;
const maxCallerRows = 20;
const maxTurnRows = 300;
const voiceColours: Readonly<Record<string, string>> = {
  "google-tts": "#3b7dd8",
  elevenlabs: "#8a4fd0",
  cartesia: "#0f9d8a",
  "openai-tts": "#c2731a",
  embedded: "#7a7a7a",
};

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

interface Scale {
  x(unixTimeMs: number): number;
}

function makeScale(run: DrillRun): Scale {
  const from = run.startedAtMs;
  const until = Math.max(...run.phases.map((phase) => phase.endedAtMs), from + 1);
  return {
    x: (ms) =>
      labelWidth + ((Math.min(until, Math.max(from, ms)) - from) / (until - from)) * (width - labelWidth),
  };
}

function rect(x: number, y: number, w: number, h: number, fill: string, title = ""): string {
  const shape = `x="${x.toFixed(1)}" y="${y}" width="${Math.max(1, w).toFixed(1)}" height="${h}" fill="${fill}"`;
  return `<rect ${shape}><title>${escapeText(title)}</title></rect>`;
}

function label(text: string, y: number): string {
  return `<text x="0" y="${y + 14}">${escapeText(text)}</text>`;
}

/** Red where a fault was on, with a tick for every call: green as it should be, red broken, grey given up by the gateway. */
function drawVendors(run: DrillRun, drill: Drill, scale: Scale): string[] {
  const end = Math.max(...run.phases.map((phase) => phase.endedAtMs));
  return standinsOf(drill).map((name, row) => {
    const y = row * rowHeight;
    const changes = run.faults.filter((change) => change.standin === name);
    const bands = changes.map((change, index) => {
      if (change.fault === null) return "";
      const until = changes[index + 1]?.atMs ?? end;
      const from = scale.x(change.atMs);
      return rect(from, y + 2, scale.x(until) - from, rowHeight - 4, "#f6c9c4", JSON.stringify(change.fault));
    });
    const ticks = run.calls
      .filter((call) => call.standin === name)
      .map((call) => {
        const colour = { completed: "#2f9e44", cancelled: "#8a8a8a", failed: "#d6336c", open: "#8a8a8a" }[
          call.outcome
        ];
        const about = `${call.outcome}${call.fault ? `, ${call.fault}` : ""} after ${Math.round(call.durationMs ?? 0)} ms ${call.detail.text ?? ""}`;
        return rect(scale.x(call.startedAtMs), y + 5, 2, rowHeight - 10, colour, about);
      });
    const ground = rect(labelWidth, y + 2, width - labelWidth, rowHeight - 4, "#e7f4ea");
    return `${label(name, y)}${ground}${bands.join("")}${ticks.join("")}`;
  });
}

/** What each caller heard: a bar a voice. */
function drawCallers(run: DrillRun, scale: Scale, top: number): string[] {
  const callers = Math.min(maxCallerRows, run.sessions);
  return Array.from({ length: callers }, (_, caller) => {
    const y = top + caller * rowHeight;
    const bars = run.turns
      .filter((turn) => turn.caller === caller)
      .flatMap((turn) => turn.parts.map((part) => drawPart(turn, part, y, scale)));
    return `${label(`caller ${caller + 1}`, y)}${bars.join("")}`;
  });
}

function drawPart(turn: JudgedTurn, part: JudgedTurn["parts"][number], y: number, scale: Scale): string {
  const from = scale.x(unixMs(turn.startedAtMs + part.fromMs));
  const until = scale.x(unixMs(turn.startedAtMs + part.untilMs));
  return rect(
    from,
    y + 3,
    until - from,
    rowHeight - 6,
    voiceColours[part.voice] ?? "#444",
    `${part.voice}: ${turn.heard}`,
  );
}

function drawTimeline(run: DrillRun): string {
  const scale = makeScale(run);
  const vendors = drawVendors(run, run.drill, scale);
  const top = (vendors.length + 1) * rowHeight;
  const callers = drawCallers(run, scale, top);
  const height = top + callers.length * rowHeight + rowHeight;
  const phases = run.phases.map(({ phase, startedAtMs }) => {
    const x = scale.x(startedAtMs).toFixed(1);
    return `<line x1="${x}" x2="${x}" y1="0" y2="${height - rowHeight}" stroke="#999" stroke-dasharray="3 3"/><text x="${x}" y="${height - 6}">${phase}</text>`;
  });
  const about = "Timeline of the vendors' health and of what each caller heard";
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${about}">${vendors.join("")}${callers.join("")}${phases.join("")}</svg>`;
}

function drawProbes(title: string, probes: readonly Probe[]): string {
  const rows = probes.map(({ name, value, unit, tolerance, isLeast, isMet }) => {
    const sign = isMet === null ? "" : isMet ? "✓" : "✗";
    const shown = value === null ? "none" : Number(value.toFixed(1));
    const wanted = tolerance === null || tolerance > 1e9 ? "" : `${isLeast ? "≥" : "≤"} ${tolerance}`;
    return `<tr class="${isMet === false ? "bad" : ""}"><td>${sign}</td><td>${escapeText(name)}</td><td>${shown} ${escapeText(unit)}</td><td>${wanted}</td></tr>`;
  });
  return `<section><h2>${title}</h2><table><tr><th></th><th>measured</th><th>value</th><th>wanted</th></tr>${rows.join("")}</table></section>`;
}

function drawTurn(turn: JudgedTurn): string {
  const faults = [
    turn.isSilent ? "silent" : "",
    turn.isLost ? `lost (${turn.status ?? "no reply"})` : "",
    list("missing", [...turn.missing, ...turn.missingOfAnswer]),
    list("repeated", [...turn.repeated, ...turn.repeatedOfAnswer]),
    list("broken", turn.fragments),
    list("unheard in history", turn.unheard),
    turn.gapMs > 0 ? `gap ${Math.round(turn.gapMs)} ms` : "",
  ].filter(Boolean);
  const chain = turn.providers.map((one) => `${one.stage}/${one.provider} ${one.outcome}`).join(", ");
  const cells = [
    `${turn.caller + 1}, ${turn.phase}`,
    turn.question,
    turn.transcript,
    turn.heard,
    chain,
    faults.join("; "),
  ];
  return `<tr class="${faults.some((one) => !one.startsWith("gap")) ? "bad" : ""}">${cells.map((cell) => `<td>${escapeText(cell)}</td>`).join("")}</tr>`;
}

function list(what: string, words: readonly string[]): string {
  return words.length === 0 ? "" : `${what}: ${words.join(" ")}`;
}

/** Draws the page; it needs nothing beside itself but the recordings. */
export function drawPage(run: DrillRun, verdict: Verdict, recordings: readonly string[]): string {
  const { drill } = run;
  const held = verdict.isDeviated ? "did not hold" : "held";
  const voices = Object.entries(voiceColours).map(
    ([name, colour]) => `<span style="color:${colour}">■ ${name}</span>`,
  );
  const players = recordings.map(
    (name) => `<li><a href="${name}">${name}</a> <audio controls preload="none" src="${name}"></audio></li>`,
  );
  const turns = run.turns.slice(0, maxTurnRows).map(drawTurn);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeText(drill.name)}: ${held}</title>
<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1150px;padding:0 1rem;color:#222}
svg{width:100%;font:12px system-ui,sans-serif}table{border-collapse:collapse;margin-bottom:1.5rem}
td,th{padding:.15rem .7rem;text-align:left;vertical-align:top;border-bottom:1px solid #ddd}
.bad{background:#fdecea}h1 span{color:${verdict.isDeviated ? "#b3261e" : "#1b7a3d"}}
.phases{display:flex;flex-wrap:wrap;gap:2rem}</style>
<h1>${escapeText(drill.title)}: <span>${held}</span></h1>
<p>${escapeText(drill.hypothesis)}</p>
<p>Drill ${escapeText(drill.name)}, seed ${run.seed}, ${run.sessions} callers. Red bands: the fault was on. Ticks: calls (green
completed, red failed, grey given up). ${voices.join(" ")}</p>
${drawTimeline(run)}
<div class="phases">${drawProbes("Before", verdict.before)}${drawProbes("During", verdict.during)}${drawProbes("After", verdict.after)}</div>
<h2>To listen to</h2><p>The caller on the left, the gateway on the right.</p><ul>${players.join("")}</ul>
<h2>Turns</h2><table><tr><th>caller</th><th>asked</th><th>understood</th><th>heard</th><th>vendors</th><th>what was wrong</th></tr>${turns.join("")}</table>
<p><a href="journal.json">journal.json</a>, <a href="gateway.log">gateway.log</a></p></html>
`;
}
