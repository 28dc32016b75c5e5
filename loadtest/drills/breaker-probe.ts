/** What a vendor was asked that its breaker should have kept from it. */
import type { CallRecord } from "../standins/call-record.ts";
import type { Capability, FaultKind } from "../standins/standin.ts";
import { standinOf } from "./drill.ts";
import type { DrillRun } from "./runner.ts";

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

/** Failures that open a breaker by the rules: three in 30 s, and half of all; with a margin for what we see later than it. */
const votesLeast = 3;
const votesWindowMs = 30_000;
const votesMargin = 2;
/** From the last vote to the breaker's opening, as seen by the vendor. */
const openingMs = 1000;
/** Vendors' answers that are failures beyond doubt; a wrong key or model opens at the first one. */
const failing: ReadonlySet<FaultKind> = new Set([
  "internal_error",
  "unavailable",
  "request_timeout",
  "reset",
]);
const final: ReadonlySet<FaultKind> = new Set(["unauthorized", "forbidden", "unknown_model"]);

interface Evidence {
  calls: readonly CallRecord[];
  log: string;
  health: { latenessP99Ms: number };
}

const endOf = ({ startedAtMs, durationMs }: CallRecord) =>
  startedAtMs + (durationMs ?? Number.POSITIVE_INFINITY);

/** Calls to a vendor whose breaker should have been open since its newest failure, by the vendor's own record. */
export function callsPastVotes({ calls, log, health }: Evidence): number {
  const changes = changesIn(log);
  const byStandin = Map.groupBy(calls, ({ standin }) => standin);
  return calls.filter((call) => {
    const last = changes.findLast(
      ({ stage, provider, atMs }) =>
        standinOf(stage, provider) === call.standin && atMs <= call.startedAtMs + graceMs,
    );
    if (last !== undefined && last.state !== "closed") return false;
    const seenMs = call.startedAtMs - openingMs - health.latenessP99Ms;
    // A breaker that opened and closed began to count anew.
    const before = (byStandin.get(call.standin) ?? []).filter(
      (one) => one.outcome !== "open" && endOf(one) <= seenMs && endOf(one) > (last?.atMs ?? 0),
    );
    if (before.some(({ fault }) => fault !== null && final.has(fault))) return true;
    // A breaker looks at its votes when one comes that is a failure.
    const newestMs = Math.max(...before.filter(isFailure).map(endOf));
    const votes = before.filter((one) => endOf(one) > newestMs - votesWindowMs && endOf(one) <= newestMs);
    const failed = votes.filter(isFailure).length;
    const well = votes.filter(({ outcome }) => outcome === "completed").length;
    return failed >= votesLeast && failed >= well + votesMargin;
  }).length;
}

function isFailure({ fault, outcome }: CallRecord): boolean {
  return outcome === "failed" && fault !== null && failing.has(fault);
}

/** Calls to a vendor that had said when to come back, and not so soon. */
export function callsBeforeRetryAfter({
  calls,
  health,
  faults,
}: Evidence & Pick<DrillRun, "faults">): number {
  return faults.reduce((count, { standin, fault }) => {
    const seconds = fault?.kind === "rate_limited" ? fault.retryAfterSeconds : undefined;
    if (typeof seconds !== "number") return count;
    const told = calls.filter((call) => call.standin === standin && call.fault === "rate_limited");
    const early = calls.filter((call) =>
      told.some(
        (one) =>
          call.standin === standin &&
          call.startedAtMs > endOf(one) + graceMs + health.latenessP99Ms &&
          call.startedAtMs < endOf(one) + seconds * 1000 - graceMs,
      ),
    );
    return count + early.length;
  }, 0);
}
