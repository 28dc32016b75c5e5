import { latencyBudgetMs } from "../../gateway/config.ts";
import { politeScript } from "../../loadtest/callers/script.ts";
import { turnLatencyMs } from "../../loadtest/callers/turn-record.ts";
import type { TurnEvent } from "../../wire/extensions.ts";
import { scriptedEngines, startGateway } from "../support/gateway.ts";
import { sayUtterance } from "../support/speech.ts";
import { complaintsOf, describeHealth, runCalls } from "./calls.ts";
import { type Bench, percentile, percentileRows, type Row } from "./report.ts";

const sessions = 10;
const turnsPerSession = 20;
const thinkMs = 400;
/** Of the scripted reply's nine words: long enough to be a reply, short enough for 200 turns. */
const replyWordMs = 120;
const agreementMs = 10;
/** Spoken to their natural end: speech cut off in the middle has its last sample where no voice ever has one. */
const sayings = [
  "What is the weather like today?",
  "Please tell me about the spectral gate.",
  "How long does a turn take?",
  "Where are the models kept?",
  "Which of the two answers is right?",
  "I would like to hear it again.",
];

/** What one gateway stage had of each turn's critical path; 0 where the path didn't wait for it. */
function stageRows(reports: readonly TurnEvent[]): Row[] {
  return Object.entries(latencyBudgetMs).flatMap(([stage, shareMs]) => {
    const values = reports.map((report) =>
      report.spans
        .filter(({ span }) => span === stage)
        .reduce((sum, { duration_ms }) => sum + duration_ms, 0),
    );
    return percentileRows(stage, values, { p99: shareMs });
  });
}

export const bench: Bench = {
  description:
    "10 sessions x 20 turns, scripted engines: infrastructure latency, its stages, inside against outside",
  async run() {
    const utterances = await Promise.all(sayings.map((text) => sayUtterance(text)));
    const gateway = await startGateway({ env: { ...scriptedEngines }, script: { wordMs: replyWordMs } });
    try {
      const plans = Array.from({ length: sessions }, (_, session) => {
        const lines = Array.from(
          { length: turnsPerSession },
          (_, turn) => utterances[(session + turn) % utterances.length]!,
        );
        return { audio: "binary-pcm16k" as const, script: politeScript(lines, thinkMs), debug: true };
      });
      const outcome = await runCalls(gateway.wsUrl, plans);
      const paired = outcome.turns.flatMap((turn) => {
        const outsideMs = turnLatencyMs(turn, "due");
        return turn.report === null || outsideMs === null ? [] : [{ report: turn.report, outsideMs }];
      });
      const reports = paired.map(({ report }) => report);
      const insideMs = reports.map((report) => report.totals.turn_ms);
      const unreported = outcome.turns.length - paired.length;
      const differenceMs = percentile(
        paired.map(({ report, outsideMs }) => outsideMs - report.totals.turn_ms),
        0.5,
      );
      return {
        rows: [
          ...percentileRows(
            "infra",
            reports.map((report) => report.totals.infra_ms),
            { p50: 40, p99: 100 },
          ),
          ...stageRows(reports),
          ...percentileRows("turn, inside", insideMs),
          ...percentileRows(
            "turn, outside",
            paired.map(({ outsideMs }) => outsideMs),
          ),
          {
            name: "|outside - inside| p50",
            measured: Math.abs(differenceMs),
            unit: "ms",
            atMost: agreementMs,
          },
        ],
        notes: [
          `${outcome.turns.length} turns; outside counts from the moment at which the frame with the last voiced sample was due on the wire`,
          describeHealth(outcome.health),
        ],
        veto:
          complaintsOf(outcome) ??
          (unreported > 0 ? `${unreported} turns have no report of the gateway's own` : null),
      };
    } finally {
      await gateway.stop();
    }
  },
};
