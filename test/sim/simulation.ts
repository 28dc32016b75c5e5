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
import { type CallDependencies, type CallReport, type HeardReply, SimCall } from "./call.ts";
import { type ChainCounts, type ChainWatch, watchChains } from "./chain-watch.ts";
import { createDice, type Dice } from "./dice.ts";
import { judge } from "./judge.ts";
import { type Mutant, spoilChain, spoilPlayback, spoilPolicy } from "./mutants.ts";
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
  counts: Counts;
  problems: string[];
}

/** What the checks had to see; one that stays at nothing makes a check idle. */
export interface Counts extends ChainCounts {
  /** Replies that were completed although a vendor had failed. */
  rescued: number;
}

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
    // What is slow for a vendor is known once it was asked often: some runs last longer, with little else amiss.
    const sluggish = dice.chance(0.08);
    const weather = createWeather(dice.fork(), time.clock, sluggish);
    const deps = buildSession(time.clock, weather, script, dice, mutant);
    const people = dice.whole(1, 6);
    for (let index = 0; index < people; index++) {
      calls.push(new SimCall(`person-${index}`, dice.fork(), deps));
    }
    const reports: CallReport[] = [];
    const running = Promise.all(
      calls.map((call) => call.run(dice.whole(1, sluggish ? 25 : 6)).then((report) => reports.push(report))),
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
      counts: { ...deps.watch.counts, rescued: replies.filter(isRescued).length },
      problems,
    };
  } finally {
    time.uninstall();
  }
}

function isRescued({ status, providers }: HeardReply): boolean {
  return status === "completed" && providers.some(({ outcome }) => outcome === "failed");
}

function buildSession(
  clock: ReturnType<typeof installVirtualTime>["clock"],
  weather: KeptWeather,
  script: Script,
  dice: Dice,
  mutant: Mutant | undefined,
): CallDependencies & { voicesTellWords: boolean; watch: ChainWatch } {
  const calm: Weather = {
    draw: () => null,
    firstMs: () => 5,
    called: () => undefined,
    left: () => undefined,
  };
  // Somebody may stand between those that failed and the spare.
  const places = dice.chance(0.3) ? 3 : 2;
  const ai: AiProvider[] = ["gemini", "claude", "openai"]
    .slice(0, places)
    .map((name) => createSimAi(name, weather.of("ai"), script, dice.fork()));
  ai.push(createSimAi("embedded", calm, script, createDice(1)));
  // Where they do not, the place is found along another reading, which costs a hundred times the rest of a turn.
  const voicesTellWords = !dice.chance(0.04);
  // Words are shorter than what would be taken for noise, which their sounds are.
  const wordsMs = [300, 340, 320];
  const tts: TtsProvider[] = ["google", "elevenlabs", "cartesia"].slice(0, places).map((name, index) => {
    const spoken = { marks: voicesTellWords, wordMs: wordsMs[index]! };
    return createSimTts(name, weather.of("tts"), spoken, dice.fork());
  });
  tts.push(createSimTts("embedded", calm, { marks: true, wordMs: 330 }, createDice(2)));
  const stt: SttProvider[] = ["google", "deepgram", "openai"]
    .slice(0, places)
    .map((name) => createSimStt(name, weather.of("stt"), script));
  // Some callers speak a language that the spare does not know: it says so at once, while they speak on.
  const refusing: Weather = { ...calm, draw: () => ({ kind: "refuse" }) };
  const spareUnderstands = !dice.chance(0.05);
  stt.push(createSimStt("embedded", spareUnderstands ? calm : refusing, script));
  const watch = watchChains(clock, weather, dice.fork(), mutant);
  if (mutant === "drops the floor") for (const links of [ai, tts, stt]) links.pop();
  // Some operators are in a hurry.
  const patienceMs = dice.chance(0.25) ? dice.whole(0, 3_000) : 4_700;
  const voices = voicesTellWords ? ttsPolicy : readingAlong(calm, dice);
  return {
    clock,
    voicesTellWords,
    spareUnderstands,
    watch,
    brokenVoices: watch.brokenVoices,
    replies: createReplyRunner({
      spareAi: "embedded",
      patienceMs,
      ai: watch.counted(spoilChain(createChain(ai, aiPolicy, watch.options), mutant)),
      tts: watch.counted(createChain(tts, spoilPolicy(voices, mutant), watch.options)),
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
    transcriber: createTranscriber({
      stt: watch.counted(createChain(stt, sttPolicy, watch.options)),
      ...{ clock, patienceMs },
    }),
    playbackLimits: spoilPlayback({ aheadMs: 2_000, chunkMs: 500, heardLagMs: 200 }, mutant),
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
