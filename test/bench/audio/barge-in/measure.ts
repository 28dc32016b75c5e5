/**
 * Barge-in through a real gateway: nods, interruptions and noises over a reply that plays, on the caller's own clock
 * from the first voiced sample. And the gateway's own voice coming back.
 */
import { Pacer, type PacerHealth } from "../../../../loadtest/callers/pacer.ts";
import { type RunningGateway, startGateway } from "../../../support/gateway.ts";
import { type BenchReport, percentile, type Row } from "../../report.ts";
import { type BargeInCase, listCases } from "./cases.ts";
import { type Echo, Listener } from "./listener.ts";
import { soundOf } from "./sounds.ts";

export interface BargeInOptions {
  /** A ninth of the cases, for CI: under 40 s. */
  quick?: boolean;
  /** At most 8. Default 4: the recogniser is one process, and these machines have two cores. */
  sessions?: number;
}

/** What became of one case. Times count from its first voiced sample. */
export interface CaseOutcome extends BargeInCase {
  voicedMs: number;
  duckedMs: number | null;
  stoppedMs: number | null;
  unduckedMs: number | null;
}

/** What the gateway did about its own voice. */
export interface EchoOutcome {
  guarded: boolean;
  replySeconds: number;
  ducked: number;
  interrupted: number;
  transcripts: string[];
}

export interface BargeInReport extends BenchReport {
  cases: CaseOutcome[];
  echo: EchoOutcome[];
}

const maxSessions = 8;
/** The reply has been sounding for that long when somebody speaks. */
const settleMs = 900;
/** After the last voiced sample, until it counts as not having stopped anything: endpointing and the recogniser. */
const verdictMs = 2_600;
/** Of reply that must still be left when a case begins. */
const leastReplyMs = 1_500;
const echoPath: Echo = { gainDb: -20, delayMs: 150 };
/** With a ninth of the cases one case is many per cent: one of each kind may go wrong. */
const quickTargets = { nodsPercent: 25, missedPercent: 13 };
const targets = { duckedMs: 300, stoppedMs: 900, nodsPercent: 10, missedPercent: 2 };

const longReply = Array.from(
  { length: 14 },
  (_, index) =>
    `This is sentence number ${index + 1} of a long answer, and it goes on so that there is time to listen to it.`,
).join(" ");

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function runCase(listener: Listener, one: BargeInCase): Promise<CaseOutcome> {
  const pcm = await keptSound(one);
  const voicedMs = pcm.length / 16;
  if (!listener.isPlayingFor(leastReplyMs)) {
    listener.silence();
    await listener.startReply();
    await sleep(settleMs);
  }
  const from = listener.events.length;
  const beganAtMs = listener.say(pcm, 100);
  await sleep(beganAtMs - performance.now() + voicedMs + verdictMs);
  const since = (type: string): number | null => {
    const found = listener.events.slice(from).find(({ event }) => event.type === type);
    return found ? found.atMs - beganAtMs : null;
  };
  const outcome: CaseOutcome = {
    ...one,
    voicedMs,
    duckedMs: since("parley.duck"),
    stoppedMs: since("input_audio_buffer.speech_started"),
    unduckedMs: since("parley.unduck"),
  };
  // What was stopped is begun again for the next.
  if (outcome.stoppedMs !== null) listener.silence();
  return outcome;
}

/** Shares the cases out to sessions, one reply after the other. */
async function runCases(
  gateway: RunningGateway,
  pacer: Pacer,
  cases: readonly BargeInCase[],
  sessions: number,
): Promise<CaseOutcome[]> {
  // Rendering blocks this thread: all of it before the microphones are on.
  for (const one of cases) await keptSound(one);
  const outcomes: CaseOutcome[] = [];
  let next = 0;
  const work = async (seed: number) => {
    const listener = await Listener.open(gateway.wsUrl, pacer, { seed });
    try {
      await sleep(600 + 400 * seed);
      for (let one = cases[next++]; one; one = cases[next++]) outcomes.push(await runCase(listener, one));
    } finally {
      listener.close();
    }
  };
  await Promise.all(Array.from({ length: sessions }, (_, index) => work(index)));
  return outcomes;
}

const sounds = new Map<string, Promise<Int16Array>>();
function keptSound(one: BargeInCase): Promise<Int16Array> {
  const key = `${one.speaker}:${one.text}`;
  const kept = sounds.get(key) ?? soundOf(one);
  sounds.set(key, kept);
  return kept;
}

/** Listens to a whole reply that comes back into the microphone. */
async function hearEcho(
  gateway: RunningGateway,
  pacer: Pacer,
  guarded: boolean,
  replySeconds: number,
): Promise<EchoOutcome> {
  const query: Record<string, string> = guarded ? { aec: "none" } : {};
  const listener = await Listener.open(gateway.wsUrl, pacer, {
    seed: guarded ? 71 : 72,
    echo: echoPath,
    query,
  });
  try {
    await sleep(500);
    await listener.startReply();
    await sleep(replySeconds * 1_000);
    // The last of the echo, its endpointing and its words.
    listener.silence();
    await sleep(echoPath.delayMs + verdictMs);
    const count = (type: string) => listener.events.filter(({ event }) => event.type === type).length;
    const transcripts = listener.events.flatMap(({ event }) =>
      event.type === "conversation.item.input_audio_transcription.completed"
        ? [String(event.transcript)]
        : [],
    );
    return {
      guarded,
      replySeconds,
      ducked: count("parley.duck"),
      interrupted: count("input_audio_buffer.speech_started"),
      transcripts,
    };
  } finally {
    listener.close();
  }
}

function rowsOf(cases: readonly CaseOutcome[], echo: readonly EchoOutcome[], quick: boolean): Row[] {
  const { nodsPercent, missedPercent } = quick ? quickTargets : targets;
  const of = (kind: CaseOutcome["kind"]) => cases.filter((one) => one.kind === kind);
  const stopped = (some: readonly CaseOutcome[]) => some.filter((one) => one.stoppedMs !== null).length;
  const percent = (part: number, whole: number) => (100 * part) / whole;
  const interruptions = of("interruption");
  // A stop without a duck before it is the first that the caller noticed.
  const ducked = interruptions.flatMap((one) => one.duckedMs ?? one.stoppedMs ?? []);
  // A missed one stops nothing, however long one waits.
  const stops = interruptions.map((one) => one.stoppedMs ?? Number.POSITIVE_INFINITY);
  const guarded = echo.filter((one) => one.guarded);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const nods = of("backchannel");
  return [
    { name: "ducked p50", measured: percentile(ducked, 0.5), unit: "ms" },
    { name: "ducked p95", measured: percentile(ducked, 0.95), unit: "ms", atMost: targets.duckedMs },
    { name: "stopped p50", measured: percentile(stops, 0.5), unit: "ms" },
    { name: "stopped p95", measured: percentile(stops, 0.95), unit: "ms", atMost: targets.stoppedMs },
    {
      name: `interruptions missed, of ${interruptions.length}`,
      measured: percent(interruptions.length - stopped(interruptions), interruptions.length),
      unit: "%",
      atMost: missedPercent,
    },
    {
      name: `nods that stop the reply, of ${nods.length}`,
      measured: percent(stopped(nods), nods.length),
      unit: "%",
      atMost: nodsPercent,
    },
    {
      name: `noises that stop the reply, of ${of("noise").length}`,
      measured: percent(stopped(of("noise")), of("noise").length),
      unit: "%",
    },
    {
      name: "interrupted by its own voice",
      measured: sum(guarded.map((one) => one.interrupted)),
      unit: "times",
      atMost: 0,
    },
    {
      name: "its own voice transcribed",
      measured: sum(guarded.map((one) => one.transcripts.length)),
      unit: "times",
      atMost: 0,
    },
    {
      name: "interrupted by its own voice, without aec=none",
      measured: sum(echo.filter((one) => !one.guarded).map((one) => one.interrupted)),
      unit: "times",
    },
  ];
}

function notesOf(cases: readonly CaseOutcome[], health: PacerHealth): string[] {
  const told = cases.filter((one) => (one.kind === "interruption") !== (one.stoppedMs !== null));
  const list = (kind: CaseOutcome["kind"]) =>
    told.filter((one) => one.kind === kind).map((one) => `"${one.text}" (${one.speaker})`);
  return [
    `missed: ${list("interruption").join(", ") || "none"}`,
    `stopped by a nod: ${list("backchannel").join(", ") || "none"}`,
    `stopped by a noise: ${list("noise").join(", ") || "none"}`,
    `frames sent ${health.latenessP99Ms.toFixed(1)} ms late at p99`,
  ];
}

/** Starts a gateway with scripted answers, flite's voice and the embedded recogniser, and talks over it. */
export async function measureBargeIn(options: BargeInOptions = {}): Promise<BargeInReport> {
  const { quick = false } = options;
  const sessions = Math.min(maxSessions, options.sessions ?? 4);
  const gateway = await startGateway({
    env: { PARLEY_STT: "embedded", PARLEY_AI: "scripted", PARLEY_TTS: "embedded" },
    script: { reply: longReply },
  });
  const pacer = new Pacer();
  try {
    const cases = await runCases(gateway, pacer, listCases(quick), sessions);
    const echoSeconds = quick ? 5 : 20;
    const echo = await Promise.all(
      [true, false].map((guarded) => hearEcho(gateway, pacer, guarded, echoSeconds)),
    );
    const health = pacer.health();
    return {
      rows: rowsOf(cases, echo, quick),
      notes: notesOf(cases, health),
      veto: health.healthy
        ? null
        : `the callers were late themselves (p99 ${health.latenessP99Ms.toFixed(1)} ms)`,
      cases,
      echo,
    };
  } finally {
    pacer.stop();
    await gateway.stop();
  }
}
