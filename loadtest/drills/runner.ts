/** Runs one drill: stand-ins, a gateway, callers, faults; then judges what was heard. */
import { setTimeout as sleep } from "node:timers/promises";
import { frameMs, Pacer, type PacerHealth } from "../callers/pacer.ts";
import type { Line } from "../callers/script.ts";
import { answerTo as answerOf } from "../standins/answers.ts";
import type { CallRecord } from "../standins/call-record.ts";
import { registry } from "../standins/registry.ts";
import type { Capability, Fault } from "../standins/standin.ts";
import { type Standins, startStandins } from "../standins/start.ts";
import { type Drill, type FaultStep, isCrowd, standinOf, standinsOf } from "./drill.ts";
import { DrillCaller, drillRateHz, linesFor, type Phase } from "./drill-caller.ts";
import { type GatewayProcess, startGatewayProcess } from "./gateway-process.ts";
import type { JudgedTurn } from "./measures.ts";
import { Questions } from "./questions.ts";
import { spareVoice } from "./spare-voice.ts";
import { judgeTurn } from "./turn-judge.ts";

/** How many turns a drill has. */
export type DrillLength = "usual" | "quick" | "brief";

export interface RunOptions {
  seed: number;
  sessions: number;
  length: DrillLength;
  /** Where stand-ins keep their speech for other drills; nowhere by default. */
  voiceFolder?: string;
  /** Told what is going on. */
  onStep?(text: string): void;
}

/** A change of a stand-in's fault, as it was made. Unix time, ms. */
export interface FaultChange {
  atMs: number;
  standin: string;
  fault: Fault | null;
}

export interface PhaseSpan {
  phase: Phase;
  startedAtMs: number;
  endedAtMs: number;
}

export interface DrillRun {
  drill: Drill;
  seed: number;
  sessions: number;
  /** Unix time, ms. */
  startedAtMs: number;
  endedAtMs: number;
  phases: PhaseSpan[];
  faults: FaultChange[];
  clearedAtMs: number;
  turns: JudgedTurn[];
  calls: readonly CallRecord[];
  callers: readonly DrillCaller[];
  errors: { code: string; message: string }[];
  closedEarly: number;
  /** Why callers who came when the faults were over were not let in. */
  refusals: readonly string[];
  health: PacerHealth;
  /** Of the gateway's process; 0 is well. */
  exit: number | string;
  log: string;
}

/** How long an open breaker waits before its probe, in drills: shorter than usual, so that they don't take minutes. */
export const drillResetMs = 3000;
const resetMarginMs = 400;
const leadInMs = 400;
/** Callers begin one after another, within so long … */
const leastSpreadMs = 1500;
/** … and no more than four a second: with answers of ten seconds, fifty callers have no more than the embedded engines carry. */
const spreadMs = 250;
/** Callers whose calls are kept as sound. */
export const keptRecordings = 10;
/** To listen takes long: of a crowd's turns a part must do. All are judged by what was told and when it sounded. */
const listenedPerPhase = 60;
/** Callers of a crowd begin one after another: ten a second, twice what the embedded engines answer on two cores. */
const crowdSpreadMs = 100;
const connectedAtOnce = 20;
/** The vendors' own look at themselves, after the gateway's start. */
const settleMs = 1500;
/** Turns of each caller; in all but the usual length long answers are shorter, too. */
const turnsOf: Readonly<Record<Phase, Record<DrillLength, number>>> = {
  before: { usual: 2, quick: 1, brief: 1 },
  during: { usual: 3, quick: 2, brief: 1 },
  after: { usual: 2, quick: 2, brief: 2 },
};
/** Different questions of a run; then they come again. A crowd is about load, and its answers take longest to speak ahead. */
const differentQuestions = 60;
const crowdQuestions = 30;
/** Speech that is kept: all of those answers in two voices. */
const maxVoiceCacheBytes = 384 * 1024 * 1024;
/** Of a run that broke off. */
const keptLogLines = 200;
const stages: readonly Capability[] = ["stt", "ai", "tts"];

/** Unix time of a moment on performance.now(). */
export function unixMs(performanceMs: number): number {
  return performance.timeOrigin + performanceMs;
}

/**
 * Runs it once.
 *
 * @throws {Error} when stand-ins, gateway or callers can't start: no verdict then
 */
export async function runDrill(drill: Drill, options: RunOptions): Promise<DrillRun> {
  const sessions = isCrowd(drill) ? drill.sessions! : Math.max(drill.sessions ?? 0, options.sessions);
  const names = standinsOf(drill);
  const preparedVoices = names.filter((name) => registry[name].capability === "tts");
  const { seed, voiceFolder } = options;
  const kept = voiceFolder === undefined ? {} : { voiceFolder };
  const standins = await startStandins({ seed, names, preparedVoices, maxVoiceCacheBytes, ...kept });
  let gateway: GatewayProcess | null = null;
  const pacer = new Pacer();
  const callers: DrillCaller[] = [];
  try {
    options.onStep?.("writing what is asked, speaking what is answered");
    const script = await writeScript(drill, sessions, options.length, standins);
    gateway = await startGatewayProcess(settingsOf(drill, standins, sessions));
    await sleep(settleMs);
    const startedAtMs = unixMs(performance.now());
    callers.push(...(await connectAll(gateway.wsUrl, pacer, drill, sessions)));
    const { wsUrl } = gateway;
    const join = () => DrillCaller.connect(wsUrl, pacer, drill.talk);
    const played = await playPhases({ drill, options, standins, callers, script, join });
    await Promise.all(callers.map((caller) => caller.readHistory()));
    for (const caller of callers) caller.close();
    const health = pacer.health();
    pacer.stop();
    const exit = await gateway.stop();
    options.onStep?.("judging what was heard");
    const turns = await judgeAll(
      callers,
      standins,
      isCrowd(drill) ? listenedPerPhase : Number.POSITIVE_INFINITY,
    );
    return {
      ...{ drill, seed: options.seed, sessions, startedAtMs, endedAtMs: unixMs(performance.now()) },
      ...{ ...played, turns, callers, health, exit, log: gateway.log() },
      calls: [...standins.world.calls()],
      errors: callers.flatMap((caller) => caller.errors),
      closedEarly: callers.filter((caller) => caller.closedEarly !== null).length,
    };
  } catch (error) {
    // What the gateway said of it is all that is left of such a run.
    const printed = gateway?.log().split("\n").slice(-keptLogLines).join("\n");
    throw new Error(`${error instanceof Error ? error.message : error}; the gateway printed:\n${printed}`);
  } finally {
    for (const caller of callers) caller.close();
    pacer.stop();
    await gateway?.stop();
    await standins.close();
  }
}

function settingsOf(drill: Drill, standins: Standins, sessions: number): Record<string, string> {
  return {
    ...standins.settings,
    PARLEY_STT: drill.chains.stt.join(","),
    PARLEY_AI: drill.chains.ai.join(","),
    PARLEY_TTS: drill.chains.tts.join(","),
    PARLEY_VOICE: spareVoice,
    PARLEY_BREAKER_RESET_MS: String(drillResetMs),
    PARLEY_MAX_SESSIONS: String(Math.max(256, sessions + 16)),
    ...drill.settings,
  };
}

async function connectAll(
  wsUrl: string,
  pacer: Pacer,
  drill: Drill,
  sessions: number,
): Promise<DrillCaller[]> {
  const callers: DrillCaller[] = [];
  for (let from = 0; from < sessions; from += connectedAtOnce) {
    const count = Math.min(connectedAtOnce, sessions - from);
    const batch = Array.from({ length: count }, () => DrillCaller.connect(wsUrl, pacer, drill.talk));
    callers.push(...(await Promise.all(batch)));
  }
  return callers;
}

/** What each caller says in each phase. */
type Script = Readonly<Record<Phase, readonly (readonly Line[])[]>>;

async function writeScript(
  drill: Drill,
  sessions: number,
  length: DrillLength,
  { world }: Standins,
): Promise<Script> {
  const questions = new Questions(world, isCrowd(drill) ? crowdQuestions : differentQuestions);
  const linesOf = (phase: Phase, callers: number) => {
    const asked = { count: turnsOf[phase][length], quick: length !== "usual", questions };
    return Promise.all(Array.from({ length: callers }, () => linesFor(phase, drill.talk, asked)));
  };
  const script = {
    before: await linesOf("before", sessions),
    during: await linesOf("during", sessions),
    // And a newcomer.
    after: await linesOf("after", sessions + 1),
  };
  await questions.prepareAnswers();
  return script;
}

interface Stage {
  drill: Drill;
  options: RunOptions;
  standins: Standins;
  /** Grows by a newcomer when the faults are over. */
  callers: DrillCaller[];
  script: Script;
  join(): Promise<DrillCaller>;
}

type Played = Pick<DrillRun, "phases" | "faults" | "clearedAtMs" | "refusals">;

async function playPhases(stage: Stage): Promise<Played> {
  const { drill, options, standins } = stage;
  const phases: PhaseSpan[] = [];
  const faults: FaultChange[] = [];
  options.onStep?.("steady state before");
  phases.push(await playPhase("before", stage));
  options.onStep?.("faults on");
  const script = await startScript(drill, standins, faults);
  phases.push(await playPhase("during", stage, script.begin));
  await script.stop();
  const names = standinsOf(drill);
  await standins.world.faults.setAll(names, null);
  const clearedAtMs = unixMs(performance.now());
  for (const standin of names) faults.push({ atMs: clearedAtMs, standin, fault: null });
  options.onStep?.("faults off, recovery");
  await sleep(drillResetMs + resetMarginMs);
  // A voice that took over inside a sentence stays for its call: only who calls anew can tell whether the first one is back.
  const refusals = await letJoin(stage);
  phases.push(await playPhase("after", stage));
  return { phases, faults, clearedAtMs, refusals };
}

/** A gateway that takes no new call after an outage has not come back: that is a finding, and the others are still judged. */
async function letJoin({ callers, options, join }: Stage): Promise<string[]> {
  try {
    callers.push(await join());
    return [];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    options.onStep?.(`a newcomer was refused: ${why}`);
    return [why];
  }
}

/** @param onBegin - told when callers begin to speak (performance.now) */
async function playPhase(
  phase: Phase,
  stage: Stage,
  onBegin: (startMs: number) => void = () => {},
): Promise<PhaseSpan> {
  const { drill, options, callers } = stage;
  const lines = stage.script[phase];
  const startMs = performance.now() + leadInMs;
  onBegin(startMs);
  // Stand-ins that are well need a share of the machine: then a crowd asks no more than ten questions a second.
  const isHarmed = phase === "during" && drill.steps.length > 0;
  await Promise.all(
    callers.map((caller, index) => {
      // A newcomer is among the first: its call tells whether the first voice is back.
      const place = index % stage.script.before.length;
      const turns = isHarmed ? 1 : turnsOf[phase][options.length];
      const untilMs = isCrowd(drill)
        ? callers.length * turns * crowdSpreadMs
        : Math.max(leastSpreadMs, callers.length * spreadMs);
      const phaseMs = (place * untilMs + index * frameMs) / callers.length;
      return caller.speak(phase, lines[index]!, startMs + phaseMs);
    }),
  );
  return { phase, startedAtMs: unixMs(startMs), endedAtMs: unixMs(performance.now()) };
}

/** Puts the faults on: those of the beginning at once, the others when their time has come after `begin`. */
async function startScript(
  drill: Drill,
  standins: Standins,
  changes: FaultChange[],
): Promise<{ begin(startMs: number): void; stop(): Promise<void> }> {
  const stopping = new AbortController();
  const change = async ({ standins: names, fault }: FaultStep) => {
    await standins.world.faults.setAll(names, fault);
    const nowMs = unixMs(performance.now());
    for (const standin of names) changes.push({ atMs: nowMs, standin, fault: fault && { ...fault } });
  };
  for (const step of drill.steps) if (step.atMs === 0) await change(step);
  let running: Promise<void>[] = [];
  return {
    begin(startMs) {
      const later = drill.steps.filter(({ atMs }) => atMs > 0);
      running = later.map(async (step) => {
        const waitMs = Math.max(0, startMs + step.atMs - performance.now());
        await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => {});
        if (!stopping.signal.aborted) await change(step);
      });
    },
    async stop() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}

async function judgeAll(
  callers: readonly DrillCaller[],
  standins: Standins,
  mostPerPhase: number,
): Promise<JudgedTurn[]> {
  const calls = standins.world.calls().filter((call) => call.detail.pcm !== undefined);
  const turns = callers.flatMap((one, caller) => one.turns().map((turn) => ({ ...turn, one, caller })));
  const listens = chooseListened(turns, mostPerPhase);
  const judged: JudgedTurn[] = [];
  for (const [
    index,
    { phase, record, history, spokenAgainAtMs, interruptedAtMs, interruption, toolCalls, one, caller },
  ] of turns.entries()) {
    const verdict = await judgeTurn({
      turn: record,
      rateHz: drillRateHz,
      answer: answerTo(standins, record.transcript, toolCalls),
      ...{ history, spokenAgainAtMs, interruptedAtMs, calls },
      listens: listens[index]!,
    });
    judged.push({ ...verdict, caller, phase, interruption, toolCalls, isNewcomer: one.isNewcomer });
    // A crowd's turns take minutes: who presses Ctrl-C meanwhile is heard.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return judged;
}

/** So many turns of each phase, evenly spread, and all of the callers whose calls are kept as sound. */
export function chooseListened(
  turns: readonly { phase: string; caller: number }[],
  mostPerPhase: number,
): boolean[] {
  const seen = new Map<string, number>();
  return turns.map(({ phase, caller }) => {
    const count = turns.filter((other) => other.phase === phase).length;
    const index = seen.get(phase) ?? 0;
    seen.set(phase, index + 1);
    const share = Math.min(1, mostPerPhase / count);
    return caller < keptRecordings || Math.floor((index + 1) * share) > Math.floor(index * share);
  });
}

/** What the vendors' assistant says to what was understood; null where a function's output is in it. */
function answerTo(standins: Standins, transcript: string | null, toolCalls: number): string | null {
  if (transcript === null || transcript === "" || toolCalls > 0) return null;
  const messages = [{ role: "user", text: transcript }];
  return answerOf(standins.world.seed, { system: "", messages, tools: [] }).text;
}

/** The first vendor of each stage, as stand-in and as the gateway's turns name it. */
export function firstVendors(drill: Drill): { stage: Capability; link: string; standin: string }[] {
  return stages.flatMap((stage) => {
    const link = drill.chains[stage][0] ?? "embedded";
    const standin = standinOf(stage, link);
    return standin === null ? [] : [{ stage, link, standin }];
  });
}
