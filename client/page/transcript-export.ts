/** The conversation as a text that people and programs read: Markdown. */
import type { CaptionRecord, ShownTurn } from "./captions-view.ts";
import { millisecondsOf, secondsOf } from "./figures.ts";
import type { SessionTotals, TurnRecord } from "./turn-book.ts";
import { waitOf } from "./waterfall-view.ts";

/** @param locale - for the times; tests hand one in */
export function writeTranscript(
  records: readonly CaptionRecord[],
  turns: readonly TurnRecord[],
  totals: SessionTotals,
  locale?: string,
): string {
  const first = records[0]?.atMs ?? Date.now();
  const day = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short" });
  const clock = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });
  const lines = [`# A conversation with Parley, ${day.format(first)}`, ""];
  for (const record of records) {
    if ("divider" in record) {
      lines.push("---", "", `*${record.divider}*`, "");
      continue;
    }
    lines.push(writeTurn(record.turn, clock.format(record.atMs)), "");
  }
  if (turns.length > 0) lines.push(...writeMeasures(turns, totals));
  return `${lines.join("\n").trimEnd()}\n`;
}

function writeTurn({ speaker, text, interrupted, cutOff }: ShownTurn, at: string): string {
  const who = speaker === "user" ? "You" : "Parley";
  const end = cutOff ? "*cut off*" : interrupted ? "*interrupted*" : "";
  return `**${who}** (${at}): ${[text, end].filter((part) => part !== "").join(" — ")}`;
}

function writeMeasures(turns: readonly TurnRecord[], totals: SessionTotals): string[] {
  const rows = turns.map((turn) => {
    const { number, asked, report } = turn;
    const server = report === null ? "–" : millisecondsOf(report.totals.turn_ms);
    const own = report === null ? "–" : millisecondsOf(report.totals.infra_ms);
    return `| ${number} | ${asked.replaceAll("|", "\\|")} | ${waitOf(turn)} | ${server} | ${own} |`;
  });
  return [
    "## Measures",
    "",
    "| turn | asked | heard after | on the server | Parley's own |",
    "|---|---|---|---|---|",
    ...rows,
    "",
    `Median ${secondsOf(totals.medianWaitMs)} s, ${totals.interruptions} interrupted.`,
  ];
}

/** Lets the browser save a text as a file. */
export function saveFile(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** `parley-2030-01-31-1405.md`, by the clock on the wall. */
export function fileNameOf(at: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `parley-${day}-${two(at.getHours())}${two(at.getMinutes())}.md`;
}
