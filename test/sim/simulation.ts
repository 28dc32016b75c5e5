/**
 * The whole turn machine and its chains under a virtual clock: people talk, vendors fail as the seed has it, and every
 * promise to the caller is checked. One seed, one course of events.
 */
import type {
  AiProvider,
  SttProvider,
  TtsEvent,
  TtsProvider,
  TtsRequest,
} from "../../gateway/providers/provider.ts";
import { aiPolicy } from "../../gateway/resilience/ai-policy.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import type { ChainPolicy } from "../../gateway/resilience/continuation.ts";
import { sttPolicy } from "../../gateway/resilience/stt-policy.ts";
import { createReferenceReader } from "../../gateway/resilience/tts-place.ts";
import { createTtsPolicy, ttsPolicy } from "../../gateway/resilience/tts-policy.ts";
import { PlaybackTicker } from "../../gateway/session/playback-ticker.ts";
import { createReplyRunner } from "../../gateway/turn/reply-runner.ts";
import { createTranscriber } from "../../gateway/turn/transcription.ts";
import { plainTurnEnds } from "../session/session-fixtures.ts";
import { type CallDependencies, type CallReport, SimCall } from "./call.ts";
import { type ChainWatch, watchChains } from "./chain-watch.ts";
import { createDice, type Dice } from "./dice.ts";
import { judge } from "./judge.ts";
import { answerTo } from "./script.ts";
import { createSimAi, createSimStt, createSimTts, type Script, type Weather } from "./vendors.ts";
import { installVirtualTime } from "./virtual-time.ts";
import { createWeather, type KeptWeather } from "./weather.ts";
import { soundOf } from "./word-sound.ts";

/** Paced audio is looked after that often: a handful of events a turn. */
const tickMs = 500;

export interface SimulationResult {
  seed: number;
  turns: number;
  switches: number;
  problems: string[];
}

/** Faults of our own that the simulation must find: a check that cannot fail is none. */
export type Mutant = "skips a word" | "repeats sentences" | "drops the floor" | "asks dead vendors";

/** Runs one seed: some people, a few turns each, over vendors whose weather the seed makes. */
export async function simulate(seed: number, mutant?: Mutant): Promise<SimulationResult> {
  const dice = createDice(seed);
  const time = installVirtualTime(dice.fork());
  try {
    const calls: SimCall[] = [];
    const script: Script = {
      heard: (tenant, from, until) => calls.find((call) => call.tenant === tenant)?.heard(from, until) ?? "",
      answer: answerTo,
    };
    const weather = createWeather(dice.fork(), time.clock);
    const deps = buildSession(time.clock, weather, script, dice, mutant);
    const people = dice.whole(1, 6);
    for (let index = 0; index < people; index++) {
      calls.push(new SimCall(`person-${index}`, dice.fork(), deps));
    }
    const reports: CallReport[] = [];
    const running = Promise.all(
      calls.map((call) => call.run(dice.whole(1, 6)).then((report) => reports.push(report))),
    );
    let over = false;
    void running.then(() => {
      over = true;
    });
    const ended = await time.run(() => over, 3_600_000);
    const problems = reports.flatMap((report) => [
      ...report.problems,
      ...judge(report, deps.voicesTellWords),
    ]);
    if (!ended) problems.push("a conversation did not end");
    for (const call of calls) for (const problem of ended ? [] : call.problems) problems.push(problem);
    deps.watch.close();
    await time.run(() => false, 120_000);
    if (time.pending > 0) problems.push(`${time.pending} timers are left`);
    problems.push(...deps.watch.problems());
    const replies = reports.flatMap((report) => report.replies);
    return {
      seed,
      turns: reports.reduce((sum, { turns }) => sum + turns, 0),
      switches: replies.filter(({ providers }) => providers.some(({ outcome }) => outcome === "failed"))
        .length,
      problems,
    };
  } finally {
    time.uninstall();
  }
}

function buildSession(
  clock: ReturnType<typeof installVirtualTime>["clock"],
  weather: KeptWeather,
  script: Script,
  dice: Dice,
  mutant: Mutant | undefined,
): CallDependencies & { voicesTellWords: boolean; watch: ChainWatch } {
  const calm: Weather = { draw: () => null, firstMs: () => 5, called: () => undefined };
  const ai: AiProvider[] = ["gemini", "claude"].map((name) =>
    createSimAi(name, weather.of("ai"), script, dice.fork()),
  );
  ai.push(createSimAi("embedded", calm, script, createDice(1)));
  // Where they do not, the place is found along another reading, which costs a hundred times the rest of a turn.
  const voicesTellWords = !dice.chance(0.04);
  const tts: TtsProvider[] = ["google", "elevenlabs"].map((name, index) =>
    createSimTts(name, weather.of("tts"), { marks: voicesTellWords, wordMs: 300 + 80 * index }, dice.fork()),
  );
  tts.push(createSimTts("embedded", calm, { marks: true, wordMs: 330 }, createDice(2)));
  const stt: SttProvider[] = ["google", "deepgram"].map((name) =>
    createSimStt(name, weather.of("stt"), script),
  );
  stt.push(createSimStt("embedded", calm, script));
  const watch = watchChains(clock, weather, mutant);
  if (mutant === "drops the floor") for (const links of [ai, tts, stt]) links.pop();
  const chains = {
    ai: createChain(ai, aiPolicy, watch.options),
    tts: createChain(
      tts,
      spoil(voicesTellWords ? ttsPolicy : readingAlong(calm, dice), mutant),
      watch.options,
    ),
    stt: createChain(stt, sttPolicy, watch.options),
  };
  return {
    clock,
    voicesTellWords,
    watch,
    brokenVoices: watch.brokenVoices,
    replies: createReplyRunner({
      spareAi: "embedded",
      ai: chains.ai,
      tts: chains.tts,
      clock,
      retrieval: "never",
      retrieve: async () => [],
      buildQuery: () => "",
      prepared: {
        sentence: () => "I'm sorry.",
        audio: (_code, rate) => soundOf(0, rate, Math.round(rate / 5)),
        warm: async () => 0,
      },
    }),
    ticker: new PlaybackTicker(clock, tickMs),
    transcriber: createTranscriber({ stt: chains.stt, clock }),
    playbackLimits: { aheadMs: 2_000, chunkMs: 500, heardLagMs: 200 },
    turnEnds: plainTurnEnds,
    listening: { vadInput: "raw", sttInput: "raw" },
    maxBufferMs: 60_000,
    observer: { turnClosed: () => undefined, refused: () => undefined, failed: () => undefined },
  };
}

function readingAlong(calm: Weather, dice: Dice): ChainPolicy<TtsRequest, TtsEvent> {
  const reader = createSimTts("reader", calm, { marks: true, wordMs: 330 }, dice.fork());
  return createTtsPolicy({ reference: createReferenceReader(reader, "reader") });
}

/** A voice's policy that asks the next one for too much or too little. */
function spoil(policy: ChainPolicy<TtsRequest, TtsEvent>, mutant: Mutant | undefined) {
  if (mutant !== "repeats sentences" && mutant !== "skips a word") return policy;
  const spoilt: ChainPolicy<TtsRequest, TtsEvent> = {
    ...policy,
    begin(request, ...rest) {
      const call = policy.begin(request, ...rest);
      const nextRequest = (link: string) => {
        const asked = call.nextRequest(link);
        if (asked === null || asked.text === request.text) return asked;
        return mutant === "repeats sentences"
          ? request
          : { ...asked, text: asked.text.replace(/^\S+\s+/, "") };
      };
      return {
        nextRequest,
        take: (event, out) => call.take(event, out),
        complete: (out, last) => call.complete(out, last),
        fail: (out) => call.fail(out),
        dueAtMs: (...at) => call.dueAtMs(...at),
        get useful() {
          return call.useful;
        },
      };
    },
  };
  return spoilt;
}
