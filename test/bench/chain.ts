import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AiRequest, CallContext, EndEvent, Provider } from "../../gateway/providers/provider.ts";
import { aiPolicy } from "../../gateway/resilience/ai-policy.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import type { Guards } from "../../gateway/resilience/guard.ts";
import { createGuards } from "../../gateway/resilience/guard.ts";
import { sttPolicy } from "../../gateway/resilience/stt-policy.ts";
import { ttsPolicy } from "../../gateway/resilience/tts-policy.ts";
import { createVendorHealthStore } from "../../gateway/state/vendor-health.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import type { Handover, Trouble } from "./chain-vendors.ts";
import {
  createAnswerer,
  createEar,
  createFailing,
  createVoice,
  renderAnswer,
  sentences,
  utterance,
} from "./chain-vendors.ts";
import type { Bench, BenchReport, Row } from "./report.ts";
import { percentile } from "./report.ts";

const cpuAtMostMs = 0.5;
const addedAtMostMs = 50;
/** Short, so that a run takes seconds; what counts is how late it is noticed. */
const stallMs = 100;
const callsAtOnce = 20;
/** Playback runs up to that far ahead. */
const aheadMs = 2000;

const clock = createSystemClock();
const request: AiRequest = {
  instructions: "Answer briefly.",
  messages: [{ role: "user", text: "When does the next train leave?" }],
  passages: [],
  tools: [],
  toolChoice: "auto",
  spokenPrefix: "",
  maxOutputTokens: null,
};

interface Engines {
  stt: Provider<ReturnType<typeof utterance>, { type: string }>;
  ai: Provider<AiRequest, { type: string }>;
  tts: Provider<Parameters<ReturnType<typeof createVoice>["stream"]>[0], { type: string }>;
}

let calls = 0;
/** @param unplayedMs - of a reply: what its listener has still to hear */
function openContext(unplayedMs?: () => number): CallContext {
  calls += 1;
  const { signal } = new AbortController();
  return {
    signal,
    deadlineMs: clock.nowMs() + 60_000,
    clock,
    tenant: "bench",
    callId: String(calls),
    ...(unplayedMs === undefined ? {} : { unplayedMs }),
  };
}

type AnyEvent = { type: string; pcm?: Int16Array } | EndEvent;

async function drain(stream: AsyncIterable<AnyEvent>, heard?: (pcm: Int16Array) => void): Promise<number> {
  let events = 0;
  for await (const event of stream) {
    events += 1;
    if ("pcm" in event && event.pcm !== undefined) heard?.(event.pcm);
  }
  return events;
}

/** One turn: an utterance, an answer, its sentences one after the other. @returns its events */
async function runTurn({ stt, ai, tts }: Engines): Promise<number> {
  let events = await drain(stt.stream(utterance(), openContext()));
  events += await drain(ai.stream(request, openContext()));
  // All of it comes long before it is played.
  let unplayedMs = 0;
  for (const text of sentences) {
    const spoken = { text, voice: "v", speedRatio: 1, sampleRateHz: 16000 } as const;
    const stream = tts.stream(
      spoken,
      openContext(() => Math.min(aheadMs, unplayedMs)),
    );
    events += await drain(stream, ({ length }) => {
      unplayedMs += length / 16;
    });
  }
  return events;
}

async function cpuOf(turns: number, engines: Engines): Promise<number> {
  const before = process.cpuUsage();
  for (let turn = 0; turn < turns; turn += 1) await runTurn(engines);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / turns;
}

/** CPU a turn: chains of three links with everything on, and the same vendors bare, in turn. */
async function measureCpu(guards: Guards, quick: boolean): Promise<{ rows: Row[]; notes: string[] }> {
  const speech = await renderAnswer();
  const voice = (name: string) => createVoice(name, speech);
  const bare = { stt: createEar("a"), ai: createAnswerer("a"), tts: voice("a") };
  const chained = {
    stt: createChain([bare.stt, createEar("b"), createEar("embedded")], sttPolicy, { guards }),
    ai: createChain([bare.ai, createAnswerer("b"), createAnswerer("embedded")], aiPolicy, { guards }),
    tts: createChain([bare.tts, voice("b"), voice("embedded")], ttsPolicy, { guards }),
  };
  const events = await runTurn(chained);
  const turns = quick ? 100 : 400;
  const rounds = quick ? 3 : 9;
  await cpuOf(turns, bare);
  await cpuOf(turns, chained);
  const differences: number[] = [];
  const bareMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const [without, within] = [await cpuOf(turns, bare), await cpuOf(turns, chained)];
    bareMs.push(without);
    differences.push(within - without);
  }
  return {
    rows: [
      {
        name: "CPU of the chains a turn, beside the bare vendors",
        measured: percentile(differences, 0.5),
        unit: "ms",
        atMost: cpuAtMostMs,
      },
      { name: "CPU of the bare vendors a turn", measured: percentile(bareMs, 0.5), unit: "ms" },
    ],
    notes: [
      `A turn: 3 s of speech in 150 frames, an answer of 28 words, ${sentences.length} sentences spoken; ${events} events in 5 calls. Median of ${rounds} rounds of ${turns} turns.`,
    ],
  };
}

interface Switching {
  name: string;
  trouble: Exclude<Trouble, "well">;
  /** What is counted from: the vendor's failure, or the deadline that it missed. */
  fromMs(handover: Handover): number;
}

const switchings: readonly Switching[] = [
  { name: "an error before useful output", trouble: "refuses", fromMs: ({ failedAtMs }) => failedAtMs },
  { name: "an error in mid-answer", trouble: "breaks off", fromMs: ({ failedAtMs }) => failedAtMs },
  { name: "silence, beyond the deadline", trouble: "hangs", fromMs: ({ askedAtMs }) => askedAtMs + stallMs },
  {
    name: "a stall, beyond the deadline",
    trouble: "stalls",
    fromMs: ({ failedAtMs }) => failedAtMs + stallMs,
  },
];

/** Time added by us until the next vendor is asked. Two calls of five are in trouble, so that no breaker opens. */
async function measureSwitching(
  { name, trouble, fromMs }: Switching,
  guards: Guards,
  quick: boolean,
): Promise<{ rows: Row[]; complaint: string | null }> {
  const { first, next, handovers } = createFailing((call) => (call % 5 < 3 ? "well" : trouble), clock.nowMs);
  const named = { ...first, name: `a-${trouble.replace(" ", "-")}` };
  const deadlines = { connectMs: stallMs, usefulMs: stallMs, stallMs };
  const chain = createChain([named, next], aiPolicy, { guards, deadlines });
  const rounds = quick ? 10 : 50;
  for (let round = 0; round < rounds; round += 1) {
    await Promise.all(Array.from({ length: callsAtOnce }, () => drain(chain.stream(request, openContext()))));
  }
  const added = [...handovers.values()].map((handover) => handover.nextAtMs - fromMs(handover));
  const expected = (rounds * callsAtOnce * 2) / 5;
  const lost = handovers.size !== expected || added.some((ms) => !(ms > -stallMs && ms < 60_000));
  return {
    rows: [
      { name: `added on ${name}, p50`, measured: percentile(added, 0.5), unit: "ms" },
      { name: `added on ${name}, p95`, measured: percentile(added, 0.95), unit: "ms", atMost: addedAtMostMs },
    ],
    complaint: lost ? `${name}: ${handovers.size} of ${expected} calls were handed over` : null,
  };
}

async function run(quick: boolean): Promise<BenchReport> {
  const home = mkdtempSync(join(tmpdir(), "parley-chain-"));
  const quiet = { warn: (_: object, words: string) => complaints.push(words), info: () => undefined };
  const complaints: string[] = [];
  const shared = createVendorHealthStore({ path: join(home, "vendors.sqlite"), clock, log: quiet });
  const guards = createGuards({
    ...{ clock, shared, breakerWindowMs: 30_000, breakerResetMs: 10_000, caps: {} },
    // A hedge would take the calls over that are to be given up.
    hedge: { enabled: false, limitUsdPerHour: null },
  });
  try {
    const cpu = await measureCpu(guards, quick);
    const rows = [...cpu.rows];
    for (const switching of switchings) {
      const { rows: more, complaint } = await measureSwitching(switching, guards, quick);
      rows.push(...more);
      if (complaint !== null) complaints.push(complaint);
    }
    const notes = [
      ...cpu.notes,
      `Deadlines of ${stallMs} ms, ${callsAtOnce} calls at once; two of five in trouble.`,
    ];
    return { rows, notes, veto: complaints.length === 0 ? null : complaints.join("; ") };
  } finally {
    guards.shutdown();
    shared.shutdown();
    rmSync(home, { recursive: true, force: true });
  }
}

export const bench: Bench = {
  description: "What the chains cost a turn, and what they add when a vendor fails or stalls",
  run: (options) => run(options?.quick === true),
};
