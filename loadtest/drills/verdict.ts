/** Whether the hypothesis held: the steady state before and after, the tolerances while the faults were on, the way back. */
import { callsThroughOpenBreakers } from "./breaker-probe.ts";
import { type Drill, strict, type Tolerances } from "./drill.ts";
import {
  type Failover,
  type JudgedTurn,
  type Probe,
  pairFailovers,
  percentileOf,
  probeTurns,
  recoveryMs,
} from "./measures.ts";
import { type DrillRun, drillResetMs, firstVendors } from "./runner.ts";

export interface Verdict {
  before: Probe[];
  during: Probe[];
  after: Probe[];
  failovers: Failover[];
  /** The hypothesis did not hold. */
  isDeviated: boolean;
  /** The callers, and so the stand-ins beside them, could not keep their own time: what deviated may be theirs. */
  isInconclusive: boolean;
}

/** Lateness of the callers' own frames beyond which a deviation tells nothing of the gateway. */
const maxLatenessP99Ms = 100;

/** A key or a model that is not taken won't be taken a moment later: such a vendor is left alone for longer than a drill lasts. */
const barring: ReadonlySet<string> = new Set(["unauthorized", "forbidden", "unknown_model"]);

/** Replies of vendors that are well have no gaps to speak of, at any latency that stand-ins draw. */
const steady: Tolerances = { ...strict };

/** @param times - "shown": gaps and waits are told, not judged, where a machine has other things to do */
export function judgeRun(run: DrillRun, times: "judged" | "shown" = "judged"): Verdict {
  const timed = (tolerances: Tolerances): Tolerances =>
    times === "judged" ? tolerances : { ...tolerances, gapP95Ms: null, firstSoundP95Ms: null };
  const inPhase = (phase: JudgedTurn["phase"]) => run.turns.filter((turn) => turn.phase === phase);
  const failovers = pairFailovers(run.calls);
  const before = [
    ...probeTurns(inPhase("before"), timed(steady)),
    ...probeFirst(run.drill, inPhase("before"), "first"),
  ];
  const during = [
    ...probeTurns(inPhase("during"), timed(run.drill.tolerances)),
    ...probeFailovers(failovers),
    probe("errors told to callers", run.errors.length, "", null),
    probe("calls closed by the gateway", run.closedEarly, "", 0),
    probe("calls through an open breaker", callsThroughOpenBreakers(run.log, run.calls), "", 0),
  ];
  const after = [
    ...probeTurns(inPhase("after"), timed(steady)),
    ...probeFirst(run.drill, inPhase("after"), "last"),
    ...probeRecovery(run),
    { ...probe("exit code", typeof run.exit === "number" ? run.exit : null, "", 0) },
  ];
  const isDeviated = [...before, ...during, ...after].some((one) => one.isMet === false);
  const isInconclusive = isDeviated && run.health.latenessP99Ms > maxLatenessP99Ms;
  return { before, during, after, failovers, isDeviated, isInconclusive };
}

function probe(name: string, value: number | null, unit: string, tolerance: number | null): Probe {
  return {
    ...{ name, value, unit, tolerance },
    isMet: tolerance === null ? null : value !== null && value <= tolerance,
  };
}

/**
 * Callers whose first or last turn was not served by the first vendor. A voice may stay with a call that it took over, so
 * after the faults only newcomers tell of it.
 */
function probeFirst(drill: Drill, turns: readonly JudgedTurn[], which: "first" | "last"): Probe[] {
  const byCaller = new Map<number, JudgedTurn>();
  for (const turn of turns) {
    if (which === "last" || !byCaller.has(turn.caller)) byCaller.set(turn.caller, turn);
  }
  const barred = new Set(
    drill.steps.filter(({ fault }) => barring.has(fault?.kind ?? "")).flatMap(({ standins }) => standins),
  );
  return firstVendors(drill).map(({ stage, link, standin }) => {
    const stays = which === "last" && stage === "tts";
    const others = [...byCaller.values()].filter(
      (turn) =>
        (!stays || turn.isNewcomer) &&
        !turn.providers.some(
          (one) => one.stage === stage && one.provider === link && one.outcome === "completed",
        ),
    );
    const isBarred = which === "last" && barred.has(standin as never);
    return probe(`callers not served by ${stage}/${link}`, others.length, "", isBarred ? null : 0);
  });
}

function probeFailovers(failovers: readonly Failover[]): Probe[] {
  const detections = failovers.map((one) => one.detectionMs);
  const times = failovers.map((one) => one.failoverMs);
  return [
    probe("failovers seen by vendors", failovers.length, "", null),
    probe("detection, p95", percentileOf(detections, 0.95), "ms", null),
    probe("failover, median", percentileOf(times, 0.5), "ms", null),
    probe("failover, p95", percentileOf(times, 0.95), "ms", null),
  ];
}

/** From the faults' end to the first completed call of each first vendor that had one. */
function probeRecovery(run: DrillRun): Probe[] {
  const harmed = new Set(run.drill.steps.flatMap((step) => [...step.standins]));
  return firstVendors(run.drill)
    .filter(({ standin }) => harmed.has(standin as never))
    .map(({ stage, link, standin }) => {
      const afterReset = recoveryMs(run.calls, standin, run.clearedAtMs);
      return probe(`${stage}/${link} back after`, afterReset, `ms (reset ${drillResetMs})`, null);
    });
}
