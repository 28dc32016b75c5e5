/** Whether the hypothesis held: the steady state before and after, the tolerances while the faults were on, the way back. */
import { callsBeforeRetryAfter, callsPastVotes, callsThroughOpenBreakers } from "./breaker-probe.ts";
import { capsOf, type Drill, isCrowd, strict, type Tolerances } from "./drill.ts";
import {
  atMost,
  type Failover,
  type JudgedTurn,
  mostAtOnce,
  type Probe,
  pairFailovers,
  percentileOf,
  probeAnswered,
  probeTurns,
  recoveryMs,
} from "./measures.ts";
import { type DrillRun, drillResetMs, firstVendors } from "./runner.ts";
import { probeStrikes } from "./strike-probe.ts";

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

/**
 * From the end of the reset time to the first vendor's next call: the callers' lead-in (up to 2.3 s with the newcomer's), a
 * question (up to 3.5 s), and the stages before.
 */
const turnMs = 7000;

const untimed = { gapMedianMs: null, gapMs: null, firstSoundMs: null, interruptedMs: null };

/** @param times - "shown": gaps and waits are told, not judged, where a machine has other things to do */
export function judgeRun(run: DrillRun, times: "judged" | "shown" = "judged"): Verdict {
  const timed = (tolerances: Tolerances): Tolerances =>
    times === "judged" ? tolerances : { ...tolerances, ...untimed };
  const inPhase = (phase: JudgedTurn["phase"]) => run.turns.filter((turn) => turn.phase === phase);
  const failovers = pairFailovers(run.calls);
  // Replies of vendors that are well have no gaps to speak of, at any latency that stand-ins draw.
  const { repeatedWordsPerSwitch } = run.drill.tolerances;
  const steady = timed({ ...strict, repeatedWordsPerSwitch });
  const before = [
    ...probeTurns(inPhase("before"), steady),
    // A slow machine makes slow vendors, and beside these others are started.
    ...probeFirst(run.drill, inPhase("before"), "first", times),
  ];
  const during = [
    ...probeTurns(inPhase("during"), timed(run.drill.tolerances)),
    ...probeTools(run.drill, inPhase("during")),
    ...probeAnswerRate(run, inPhase("during")),
    ...probeStrikes(run),
    ...probeFailovers(failovers),
    atMost("errors told to callers", run.errors.length, "", null),
    atMost("calls closed by the gateway", run.closedEarly, "", 0),
    atMost(
      "calls through an open breaker",
      callsThroughOpenBreakers(run.log, run.calls, run.health.latenessP99Ms),
      "",
      0,
    ),
    atMost("calls to failing vendors whose breaker stayed closed", callsPastVotes(run), "", 0),
    atMost("calls before Retry-After was over", callsBeforeRetryAfter(run), "", 0),
    ...probeCaps(run),
  ];
  const after = [
    ...probeTurns(inPhase("after"), steady),
    ...probeFirst(run.drill, inPhase("after"), "last", "judged"),
    ...probeRecovery(run, times),
    atMost("newcomers refused", run.refusals.length, "", 0),
    atMost("exit code", typeof run.exit === "number" ? run.exit : null, "", 0),
  ];
  const isDeviated = [...before, ...during, ...after].some((one) => one.isMet === false);
  const isInconclusive = isDeviated && run.health.latenessP99Ms > maxLatenessP99Ms;
  return { before, during, after, failovers, isDeviated, isInconclusive };
}

/** What a crowd is answered at all, where not all of it can be. */
function probeAnswerRate({ drill, phases }: DrillRun, turns: readonly JudgedTurn[]): Probe[] {
  const least = drill.tolerances.answeredPerSecond;
  const span = phases.find(({ phase }) => phase === "during");
  if (least === null || span === undefined) return [];
  return [probeAnswered(turns, span.endedAtMs - span.startedAtMs, least)];
}

/** Questions that need a function, and were answered without one. */
function probeTools({ talk }: Drill, turns: readonly JudgedTurn[]): Probe[] {
  if (talk !== "tool") return [];
  return [atMost("functions not called", turns.filter(({ toolCalls }) => toolCalls === 0).length, "", 0)];
}

/** Calls at once at each vendor that has a cap, by its own record. */
function probeCaps({ drill, calls }: DrillRun): Probe[] {
  return capsOf(drill).map(({ standin, inFlight }) =>
    atMost(`calls at once at ${standin}`, mostAtOnce(calls, standin), "", inFlight),
  );
}

/**
 * Callers whose first or last turn was not served by the first vendor: a second one that was started beside it, and was
 * faster, is as it should be. A voice may stay with a call that it took over, so
 * after the faults only newcomers tell of it.
 */
function probeFirst(
  drill: Drill,
  turns: readonly JudgedTurn[],
  which: "first" | "last",
  times: "judged" | "shown",
): Probe[] {
  const byCaller = new Map<number, JudgedTurn>();
  for (const turn of turns) {
    if (which === "last" || !byCaller.has(turn.caller)) byCaller.set(turn.caller, turn);
  }
  const barred = harmedBy(drill, (kind) => barring.has(kind));
  return firstVendors(drill).map(({ stage, link, standin }) => {
    const stays = which === "last" && stage === "tts";
    const others = [...byCaller.values()].filter(
      (turn) =>
        (!stays || turn.isNewcomer) &&
        !turn.providers.some(
          (one) => one.stage === stage && one.provider === link && one.outcome !== "failed",
        ),
    );
    const isBarred = which === "last" && barred.has(standin);
    // They ask for more than first vendors, caps and a small machine give: words and silence are judged, not who answered.
    const tolerance = isBarred || isCrowd(drill) || times === "shown" ? null : 0;
    return atMost(`callers not served by ${stage}/${link}`, others.length, "", tolerance);
  });
}

function probeFailovers(failovers: readonly Failover[]): Probe[] {
  const detections = failovers.map((one) => one.detectionMs);
  const times = failovers.map((one) => one.failoverMs);
  return [
    atMost("failovers seen by vendors", failovers.length, "", null),
    atMost("detection, p95", percentileOf(detections, 0.95), "ms", null),
    atMost("failover, median", percentileOf(times, 0.5), "ms", null),
    atMost("failover, p95", percentileOf(times, 0.95), "ms", null),
  ];
}

/** From the faults' end to the first completed call of each first vendor that had one: within the reset time and a turn. */
function probeRecovery(run: DrillRun, times: "judged" | "shown"): Probe[] {
  const harmed = harmedBy(run.drill, () => true);
  const barred = harmedBy(run.drill, (kind) => barring.has(kind));
  return firstVendors(run.drill)
    .filter(({ standin }) => harmed.has(standin))
    .map(({ stage, link, standin }) => {
      const isJudged = times === "judged" && !barred.has(standin);
      const backMs = recoveryMs(run.calls, standin, run.clearedAtMs);
      return atMost(`${stage}/${link} back after`, backMs, "ms", isJudged ? drillResetMs + turnMs : null);
    });
}

/** Stand-ins that a drill's faults of some kinds hit. */
function harmedBy({ steps }: Drill, isMeant: (kind: string) => boolean): ReadonlySet<string> {
  return new Set(steps.flatMap(({ fault, standins }) => (isMeant(fault?.kind ?? "") ? standins : [])));
}
