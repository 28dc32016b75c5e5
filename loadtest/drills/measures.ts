/** What a drill comes to in numbers: of the callers' turns and of the stand-ins' record. */
import type { CallRecord } from "../standins/call-record.ts";
import { registry } from "../standins/registry.ts";
import type { Tolerances } from "./drill.ts";
import type { TurnVerdict } from "./turn-judge.ts";

/** One number with what is tolerated; `isMet` is null for numbers that are only shown. */
export interface Probe {
  name: string;
  value: number | null;
  unit: string;
  tolerance: number | null;
  /** The tolerance is the least, not the most. */
  isLeast?: true;
  isMet: boolean | null;
}

/** What became of a caller's interruption. */
export interface Interruption {
  isObeyed: boolean;
  /** From its first voiced sample to when the caller was told that the reply is over; null when that was never. */
  afterMs: number | null;
}

/** A judged turn of one caller. */
export interface JudgedTurn extends TurnVerdict {
  caller: number;
  phase: "before" | "during" | "after";
  toolCalls: number;
  /** How an interruption of it went; null where there was to be none. */
  interruption: Interruption | null;
  /** Of a caller who joined when the faults were over. */
  isNewcomer: boolean;
}

/** Nearest rank; null of nothing. */
export function percentileOf(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))]!;
}

/** Of fewer values the nearest rank of 95 % is the worst one. */
const fewestForP95 = 20;

/**
 * The figure that a tolerance for nearly all is held against. Of few values one outlier, a slow moment of the machine, is
 * left out, and the name says so.
 */
export function nearlyWorstOf(
  what: string,
  values: readonly number[],
): { name: string; value: number | null } {
  if (values.length >= fewestForP95) return { name: `${what}, p95`, value: percentileOf(values, 0.95) };
  if (values.length < 3) return { name: `${what}, worst`, value: percentileOf(values, 1) };
  const value = [...values].sort((a, b) => b - a)[1]!;
  return { name: `${what}, all but the worst`, value };
}

export function atMost(name: string, value: number | null, unit: string, tolerance: number | null): Probe {
  // What could not be measured is not met: a drill without turns proves nothing.
  const isMet = tolerance === null ? null : value !== null && value <= tolerance;
  return { name, value, unit, tolerance, isMet };
}

/** Judges the turns of one phase. */
export function probeTurns(turns: readonly JudgedTurn[], tolerances: Tolerances): Probe[] {
  const sum = (count: (turn: JudgedTurn) => number) =>
    turns.length === 0 ? null : turns.reduce((total, turn) => total + count(turn), 0);
  const switches = sum((turn) => turn.switches) ?? 0;
  const repeatedMost = tolerances.repeatedWords + tolerances.repeatedWordsPerSwitch * switches;
  const listened = turns.filter((turn) => turn.isListenedTo);
  const gaps = listened.filter((turn) => !turn.isSilent).map((turn) => turn.gapMs);
  const firstSounds = turns.flatMap((turn) => turn.firstSoundMs ?? []);
  return [
    { name: "turns", value: turns.length, unit: "", tolerance: 1, isLeast: true, isMet: turns.length > 0 },
    // All, but of a crowd.
    ...(listened.length === turns.length ? [] : [atMost("turns listened to", listened.length, "", null)]),
    atMost(
      "silent turns",
      sum((turn) => Number(turn.isSilent)),
      "",
      tolerances.silentTurns,
    ),
    atMost(
      "turns lost",
      sum((turn) => Number(turn.isLost)),
      "",
      tolerances.lostTurns,
    ),
    atMost(
      "missing words",
      sum((turn) => turn.missing.length + turn.missingOfAnswer.length),
      "",
      tolerances.missingWords,
    ),
    atMost(
      "repeated words",
      sum((turn) => turn.repeated.length + turn.repeatedOfAnswer.length),
      "",
      repeatedMost,
    ),
    atMost(
      "broken words",
      sum((turn) => turn.fragments.length),
      "",
      null,
    ),
    atMost(
      "unheard words in history",
      sum((turn) => turn.unheard.length),
      "",
      tolerances.unheardWords,
    ),
    atMost(
      "histories that could not be read",
      sum((turn) => Number(turn.isHistoryUnread)),
      "",
      0,
    ),
    atMost(
      "heard words that the history lacks",
      sum((turn) => turn.forgotten.length),
      "",
      tolerances.unheardWords,
    ),
    atMost(
      "words of no answer",
      sum((turn) => turn.foreignOfAnswer.length),
      "",
      tolerances.missingWords,
    ),
    atMost(
      "words misunderstood by vendors",
      sum((turn) => turn.misunderstood.length),
      "",
      tolerances.missingWords,
    ),
    atMost(
      "functions called again",
      sum((turn) => Math.max(0, turn.toolCalls - 1)),
      "",
      tolerances.repeatedTools,
    ),
    ...probeInterruptions(turns, tolerances.interruptedMs),
    atMost("gap in a reply, median", percentileOf(gaps, 0.5), "ms", tolerances.gapMedianMs),
    judgeNearlyAll("gap in a reply", gaps, tolerances.gapMs),
    atMost("first sound, median", percentileOf(firstSounds, 0.5), "ms", null),
    judgeNearlyAll("first sound", firstSounds, tolerances.firstSoundMs),
    atMost("changes of voice", switches, "", null),
  ];
}

/** Of callers who spoke over a reply; nothing where none did. */
function probeInterruptions(turns: readonly JudgedTurn[], mostMs: number | null): Probe[] {
  const all = turns.flatMap(({ interruption }) => interruption ?? []);
  if (all.length === 0) return [];
  const times = all.flatMap(({ afterMs }) => afterMs ?? []);
  return [
    atMost("interruptions", all.length, "", null),
    atMost("interruptions ignored", all.filter(({ isObeyed }) => !isObeyed).length, "", 0),
    judgeNearlyAll("interruption obeyed after", times, mostMs),
  ];
}

function judgeNearlyAll(what: string, values: readonly number[], tolerance: number | null): Probe {
  const { name, value } = nearlyWorstOf(what, values);
  return atMost(name, value, "ms", tolerance);
}

/** Turns with an answer by the second. */
export function probeAnswered(
  turns: readonly JudgedTurn[],
  spanMs: number,
  leastPerSecond: number | null,
): Probe {
  const answered = turns.filter((turn) => !turn.isLost && !turn.isSilent).length;
  const value = spanMs > 0 ? (answered * 1000) / spanMs : null;
  return {
    ...{ name: "turns answered", value, unit: "a second", tolerance: leastPerSecond, isLeast: true },
    isMet: leastPerSecond === null ? null : value !== null && value >= leastPerSecond,
  };
}

/** The most calls that a stand-in had at the same time. */
export function mostAtOnce(calls: readonly CallRecord[], standin: string): number {
  const edges = calls
    .filter((call) => call.standin === standin)
    .flatMap(({ startedAtMs, durationMs }) => [
      { atMs: startedAtMs, by: 1 },
      { atMs: startedAtMs + (durationMs ?? Number.POSITIVE_INFINITY), by: -1 },
    ])
    // One that ends in the moment in which another begins is gone before it.
    .sort((a, b) => a.atMs - b.atMs || a.by - b.by);
  let [now, most] = [0, 0];
  for (const { by } of edges) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}

/** How long one broken call took to be noticed, and to be followed by one at the next vendor. */
export interface Failover {
  standin: string;
  next: string;
  fault: string;
  /** From the broken call's start to its end at the vendor. */
  detectionMs: number;
  /** From there to the next vendor's call. */
  failoverMs: number;
}

/** A call later than that after a failure does not follow from it. */
const followsWithinMs = 5000;

/** Pairs each call that a fault broke with the next one elsewhere for the same words. */
export function pairFailovers(calls: readonly CallRecord[]): Failover[] {
  const failovers: Failover[] = [];
  const taken = new Set<number>();
  for (const call of calls) {
    if (call.fault === null || call.outcome === "completed" || call.durationMs === null) continue;
    const { capability } = registry[call.standin];
    const endedAtMs = call.startedAtMs + call.durationMs;
    const next = calls.find(
      (other) =>
        other.standin !== call.standin &&
        registry[other.standin].capability === capability &&
        other.startedAtMs >= call.startedAtMs &&
        other.startedAtMs <= endedAtMs + followsWithinMs &&
        !taken.has(other.id) &&
        belongs(call, other),
    );
    if (next === undefined) continue;
    taken.add(next.id);
    failovers.push({
      standin: call.standin,
      next: next.standin,
      fault: call.fault,
      detectionMs: call.durationMs,
      failoverMs: Math.max(0, next.startedAtMs - endedAtMs),
    });
  }
  return failovers;
}

/** Whether two calls are about the same words, as far as both have said any. */
function belongs(a: CallRecord, b: CallRecord): boolean {
  const [first, second] = [a.detail.text ?? "", b.detail.text ?? ""];
  if (first === "" || second === "") return true;
  const end = second.slice(-24);
  return first.endsWith(end) || second.endsWith(first.slice(-24));
}

/** From when the faults were taken off to the first call that a stand-in completed after it; null for none. */
export function recoveryMs(
  calls: readonly CallRecord[],
  standin: string,
  clearedAtMs: number,
): number | null {
  const first = calls.find(
    (call) => call.standin === standin && call.outcome === "completed" && call.startedAtMs >= clearedAtMs,
  );
  return first === undefined ? null : first.startedAtMs - clearedAtMs;
}
