/** Calls of many simulated people at once, and what a bench needs to know of them. */
import { Caller, type CallerOptions, type CallResult } from "../../loadtest/callers/caller.ts";
import { frameMs, Pacer, type PacerHealth } from "../../loadtest/callers/pacer.ts";
import type { TurnRecord } from "../../loadtest/callers/turn-record.ts";

export type CallPlan = Omit<CallerOptions, "pacer" | "phaseMs" | "wsUrl">;

export interface CallsOutcome {
  calls: CallResult[];
  turns: TurnRecord[];
  health: PacerHealth;
}

/** Sessions opened at a time: a real crowd doesn't connect within one millisecond. */
const openedAtOnce = 20;
/** From the last session opened to the first word. */
const leadInMs = 500;
/** Whole calls begin spread over this long, so that turns don't fall together. */
const spreadMs = 2000;

/** Connects all callers, runs their scripts side by side, hangs up. */
export async function runCalls(
  wsUrl: string,
  plans: readonly CallPlan[],
  options: { onSpeaking?: () => void } = {},
): Promise<CallsOutcome> {
  const pacer = new Pacer();
  const callers: Caller[] = [];
  try {
    for (let from = 0; from < plans.length; from += openedAtOnce) {
      const batch = plans.slice(from, from + openedAtOnce).map((plan, index) => {
        const phaseMs = ((from + index) * frameMs) / plans.length;
        return Caller.connect({ ...plan, wsUrl, pacer, phaseMs });
      });
      callers.push(...(await Promise.all(batch)));
    }
    options.onSpeaking?.();
    const startMs = performance.now() + leadInMs;
    const calls = await Promise.all(
      callers.map((caller, index) => caller.speak(startMs + (index * spreadMs) / plans.length)),
    );
    return { calls, turns: calls.flatMap((call) => call.turns), health: pacer.health() };
  } finally {
    for (const caller of callers) caller.close();
    pacer.stop();
  }
}

/** Turns that got no audible reply, or that were cut in on, told in a sentence; null when every turn was answered. */
export function complaintsOf(outcome: CallsOutcome): string | null {
  const complaints: string[] = [];
  const { calls, turns, health } = outcome;
  const lost = turns.filter((turn) => turn.firstSoundAtMs === null).length;
  const cutIn = turns.filter((turn) => turn.cutIn).length;
  const closed = calls.filter((call) => call.closedEarly !== null);
  const errors = calls.flatMap((call) => call.errors.map((error) => error.code));
  if (!health.healthy)
    complaints.push(`the callers themselves were late (p99 ${health.latenessP99Ms.toFixed(1)} ms)`);
  if (lost > 0) complaints.push(`${lost} of ${turns.length} turns got no audible reply`);
  if (cutIn > 0)
    complaints.push(`${cutIn} of ${turns.length} turns were answered before the caller had finished`);
  if (closed.length > 0)
    complaints.push(`${closed.length} calls were closed (${closed[0]!.closedEarly!.code})`);
  if (errors.length > 0) complaints.push(`errors: ${[...new Set(errors)].join(", ")}`);
  return complaints.length === 0 ? null : complaints.join("; ");
}

/** How well the callers kept their own schedule, for a report's notes. */
export function describeHealth(health: PacerHealth): string {
  const { latenessP50Ms, latenessP99Ms, latenessMaxMs, frames } = health;
  return `callers' own lateness over ${frames} frames: p50 ${latenessP50Ms.toFixed(2)}, p99 ${latenessP99Ms.toFixed(2)}, max ${latenessMaxMs.toFixed(1)} ms`;
}
