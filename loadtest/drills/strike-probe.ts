/** Whether a drill's faults struck anybody: one whose faults hit no call proves nothing. */
import { registry } from "../standins/registry.ts";
import type { FaultKind, StandinName } from "../standins/standin.ts";
import { type Drill, standinOf } from "./drill.ts";
import { atMost, type Probe } from "./measures.ts";
import type { DrillRun } from "./runner.ts";

/** Vendors that have these go on answering: nobody asks the next one for sure. */
const answering: ReadonlySet<FaultKind> = new Set([
  "brown_out",
  "slow_drip",
  "flapping",
  "wrong_rate",
  "truncated_utf8",
]);
/** Vendors that have these are waited for: in the stages after them the spare stands beside the first vendor already. */
const keepingWaiting: ReadonlySet<FaultKind> = new Set(["hang", "slow_first"]);
/** Of faults that strike by chance so many calls must be left unharmed before it is none. */
const chancesLeast = 20;
const stages = ["stt", "ai", "tts"] as const;
/** A call was on its way already. */
const graceMs = 500;

/** One fault on one stand-in, while it was on. Unix time, ms. */
interface Spell {
  standin: StandinName;
  kind: FaultKind;
  share: number;
  fromMs: number;
  untilMs: number;
}

function spellsOf({ faults }: DrillRun): Spell[] {
  return faults.flatMap(({ atMs, standin, fault }, index) => {
    if (fault === null) return [];
    const next = faults.slice(index + 1).find((later) => later.standin === standin);
    const { kind, share = 1 } = fault as { kind: FaultKind; share?: number };
    const untilMs = next?.atMs ?? Number.POSITIVE_INFINITY;
    return [{ standin: standin as StandinName, kind, share, fromMs: atMs, untilMs }];
  });
}

/**
 * Who is asked for sure while this is on: nobody before it in its chain goes on answering, and no stage before that has kept
 * the turn waiting, so that the spare comes before it.
 */
function isExposed({ chains }: Drill, spells: readonly Spell[], spell: Spell): boolean {
  const stage = registry[spell.standin].capability;
  const lineOf = (one: typeof stage) => chains[one].flatMap((link) => standinOf(one, link) ?? []);
  const line = lineOf(stage);
  const ahead = line.slice(0, Math.max(0, line.indexOf(spell.standin)));
  const inStagesBefore = stages.slice(0, stages.indexOf(stage)).flatMap(lineOf);
  const isWaitedFor = (other: Spell) =>
    inStagesBefore.includes(other.standin) &&
    keepingWaiting.has(other.kind) &&
    other.fromMs < spell.untilMs &&
    other.untilMs > spell.fromMs;
  if (ahead.length > 0 && spells.some(isWaitedFor)) return false;
  return ahead.every((before) =>
    spells.some(
      (other) =>
        other.standin === before &&
        other.share === 1 &&
        !answering.has(other.kind) &&
        other.fromMs <= spell.fromMs + graceMs &&
        other.untilMs >= spell.untilMs,
    ),
  );
}

/** Each fault must have struck, on every stand-in that was asked for sure. */
export function probeStrikes(run: DrillRun): Probe[] {
  const spells = spellsOf(run);
  return spells.flatMap((spell) => {
    const { standin, kind, fromMs, untilMs } = spell;
    const calls = run.calls.filter(
      (call) => call.standin === standin && call.startedAtMs >= fromMs && call.startedAtMs < untilMs,
    );
    const exposed = isExposed(run.drill, spells, spell);
    if (kind === "refuse") return probeRefused(run, spell, exposed);
    const value = calls.filter(({ fault }) => fault === kind).length;
    const byChance = kind === "flapping" || spell.share < 1;
    const isJudged = exposed && (!byChance || calls.length >= chancesLeast);
    return [
      {
        ...{ name: `calls that ${kind} struck at ${standin}`, value, unit: "", isLeast: true as const },
        ...{ tolerance: isJudged ? 1 : null, isMet: isJudged ? value >= 1 : null },
      },
    ];
  });
}

/** Refused connections are no calls: the gateway must have failed to make one, and none came through. */
function probeRefused(
  { calls, turns }: DrillRun,
  { standin, fromMs, untilMs }: Spell,
  exposed: boolean,
): Probe[] {
  const stage = registry[standin].capability;
  const isIt = (provider: string) => standinOf(stage, provider) === standin;
  const through = calls.filter(
    (call) =>
      call.standin === standin &&
      call.outcome === "completed" &&
      call.startedAtMs > fromMs + graceMs &&
      call.startedAtMs < untilMs,
  );
  const failed = turns
    .filter(({ phase }) => phase === "during")
    .flatMap(({ providers }) => providers)
    .filter((one) => one.stage === stage && isIt(one.provider) && one.outcome === "failed").length;
  return [
    atMost(`calls that got through to ${standin}`, through.length, "", 0),
    {
      ...{ name: `calls refused by ${standin}`, value: failed, unit: "", isLeast: true as const },
      ...{ tolerance: exposed ? 1 : null, isMet: exposed ? failed >= 1 : null },
    },
  ];
}
