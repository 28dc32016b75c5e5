/** What a vendor was asked while its breaker stood open: nothing, and when it is half-open one probe at a time. */
import type { CallRecord } from "../standins/call-record.ts";
import type { Capability } from "../standins/standin.ts";
import { standinOf } from "./drill.ts";

/** A call was on its way already, or the log's line was. */
const graceMs = 150;

interface BreakerChange {
  atMs: number;
  stage: Capability;
  provider: string;
  state: "open" | "half_open" | "closed";
}

/** Changes of breakers in a gateway's log, oldest first. */
function changesIn(log: string): BreakerChange[] {
  return log.split("\n").flatMap((line) => {
    if (!line.includes('"state":')) return [];
    try {
      const { time, stage, provider, state } = JSON.parse(line);
      return [{ atMs: Date.parse(time), stage, provider, state }];
    } catch {
      return [];
    }
  });
}

/**
 * Calls that reached a vendor although its breaker was open, and those beyond the one probe while it was half-open.
 *
 * @param latenessMs - by which the process with the stand-ins ran late: so much later a call may have been noted
 */
export function callsThroughOpenBreakers(
  log: string,
  calls: readonly CallRecord[],
  latenessMs: number,
): number {
  const changes = changesIn(log);
  let through = 0;
  for (const [index, { atMs, stage, provider, state }] of changes.entries()) {
    if (state === "closed") continue;
    const standin = standinOf(stage, provider);
    const next = changes.slice(index + 1).find((one) => one.stage === stage && one.provider === provider);
    const fromMs = atMs + (state === "open" ? graceMs + latenessMs : 0);
    const untilMs = (next?.atMs ?? Number.POSITIVE_INFINITY) - (next?.state === "closed" ? graceMs : 0);
    const during = calls.filter(
      (call) => call.standin === standin && call.startedAtMs > fromMs && call.startedAtMs < untilMs,
    );
    through += Math.max(0, during.length - (state === "half_open" ? 1 : 0));
  }
  return through;
}
