/**
 * `npm run demo:outage`: a conversation in which Gemini dies in mid-sentence, then Claude too, then the voice. Leaves what
 * was heard (WAV), what was said by whom (Markdown) and the timeline (SVG). All vendors are stand-ins on this machine.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Pacer } from "../callers/pacer.ts";
import { makeUtterance, type Utterance } from "../callers/utterance.ts";
import { DrillCaller, drillRateHz } from "../drills/drill-caller.ts";
import { startGatewayProcess } from "../drills/gateway-process.ts";
import { recordCall } from "../drills/recording.ts";
import { unixMs } from "../drills/runner.ts";
import { spareVoice } from "../drills/spare-voice.ts";
import { judgeTurn } from "../drills/turn-judge.ts";
import type { Fault, StandinName } from "../standins/standin.ts";
import { type Standins, startStandins } from "../standins/start.ts";
import { drawOutage, type OutageTurn } from "./outage-picture.ts";

/** What the caller asks, and what dies before or while it is answered. */
interface Scene {
  question: string;
  title: string;
  faults: Partial<Record<StandinName, Fault>>;
}

const scenes: readonly Scene[] = [
  { question: "Please tell me a long story about the river.", title: "all is well", faults: {} },
  {
    question: "Please tell me a long story about the harbour.",
    title: "Gemini dies in mid-sentence",
    faults: { gemini: { kind: "cut", afterPieces: 11 } },
  },
  {
    question: "What happens when a vendor dies?",
    title: "Gemini and Claude are dead",
    faults: { gemini: { kind: "unavailable" }, claude: { kind: "unavailable" } },
  },
  {
    question: "Please count to forty.",
    title: "the voice dies in mid-sentence",
    faults: {
      gemini: { kind: "unavailable" },
      claude: { kind: "unavailable" },
      "google-tts": { kind: "cut", afterPieces: 45 },
    },
  },
];

const names: readonly StandinName[] = [
  ...(["google-stt", "gemini", "claude", "google-tts", "elevenlabs"] as const),
];
const callerVoice = "rms";
const callerRateHz = 16_000;
const settleMs = 1_500;
const thinkMs = 900;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { out: { type: "string", default: "outage-demo" }, seed: { type: "string", default: "1" } },
  });
  const seed = Number(values.seed);
  if (!Number.isInteger(seed) || seed < 1) {
    console.error("--seed must be a whole number from 1 on");
    return 2;
  }
  const turns = await play(seed, values.out);
  for (const { title, verdict } of turns) {
    console.log(`\n${title}\n  asked:  ${verdict.question}\n  heard:  ${verdict.heard}`);
    console.log(`  voices: ${verdict.voices.join(", ")}`);
  }
  const broken = turns.filter(
    ({ verdict: { isSilent, isLost, missing, repeated, switches } }) =>
      // Google's voice does not tell where its words lie: one may be said twice where another goes on.
      isSilent || isLost || missing.length > 0 || repeated.length > switches,
  );
  const twice = turns.flatMap(({ verdict }) => verdict.repeated);
  console.log(
    `\n${turns.length - broken.length} of ${turns.length} answers were heard whole, no word missing; ` +
      `said twice at a change of voice: ${twice.length === 0 ? "none" : twice.join(", ")}. ` +
      `Listen: ${join(values.out, "outage.wav")}; look: ${join(values.out, "outage.svg")}; ` +
      `read: ${join(values.out, "outage.md")}`,
  );
  return broken.length === 0 ? 0 : 1;
}

async function play(seed: number, folder: string): Promise<OutageTurn[]> {
  const preparedVoices = ["google-tts", "elevenlabs"];
  const standins = await startStandins({ seed, names, preparedVoices });
  const pacer = new Pacer();
  let gateway: Awaited<ReturnType<typeof startGatewayProcess>> | null = null;
  let caller: DrillCaller | null = null;
  try {
    console.log(
      "Starting a gateway over stand-ins of Gemini, Claude, Google's voice and ears, and ElevenLabs.",
    );
    gateway = await startGatewayProcess({
      ...standins.settings,
      PARLEY_STT: "google,embedded",
      PARLEY_AI: "gemini,claude,embedded",
      PARLEY_TTS: "google,elevenlabs,embedded",
      PARLEY_VOICE: spareVoice,
    });
    const utterances = await Promise.all(scenes.map(({ question }) => say(standins, question)));
    await sleep(settleMs);
    caller = await DrillCaller.connect(gateway.wsUrl, pacer, "long");
    const deaths: { standin: StandinName; atMs: number }[] = [];
    const startedAtMs = performance.now();
    for (const [index, { title, faults }] of scenes.entries()) {
      console.log(`${index + 1}. ${title}: "${scenes[index]!.question}"`);
      for (const name of names) await standins.setFault(name, faults[name] ?? null);
      const before = standins.world.calls().length;
      const cue = { after: "line" as const, delayMs: thinkMs };
      await caller.speak("during", [{ utterance: utterances[index]!, cue }], performance.now());
      for (const call of standins.world.calls().slice(before)) {
        if (call.outcome !== "failed" || deaths.some(({ standin }) => standin === call.standin)) continue;
        deaths.push({ standin: call.standin, atMs: call.startedAtMs + (call.durationMs ?? 0) });
      }
    }
    await caller.readHistory();
    const turns = await judge(caller, standins);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "outage.wav"), recordCall(caller, startedAtMs));
    await writeFile(join(folder, "outage.md"), describe(turns));
    const shown = deaths.map(({ standin, atMs }) => ({ standin, atMs: atMs - unixMs(startedAtMs) }));
    await writeFile(join(folder, "outage.svg"), drawOutage(turns, shown, startedAtMs));
    return turns;
  } finally {
    caller?.close();
    pacer.stop();
    await gateway?.stop();
    await standins.close();
  }
}

async function say({ world }: Standins, text: string): Promise<Utterance> {
  await world.learn({ text, voice: callerVoice });
  const spoken = await world.speak(text, { voice: callerVoice, sampleRateHz: callerRateHz, speedRatio: 1 });
  return makeUtterance(text, spoken.pcm, callerRateHz);
}

async function judge(caller: DrillCaller, standins: Standins): Promise<OutageTurn[]> {
  const calls = standins.world.calls().filter((call) => call.detail.pcm !== undefined);
  const judged: OutageTurn[] = [];
  for (const [index, { record, history, interruptedAtMs }] of caller.turns().entries()) {
    const evidence = {
      turn: record,
      rateHz: drillRateHz,
      answer: null,
      history,
      interruptedAtMs,
      calls,
      listens: true,
    };
    const verdict = await judgeTurn(evidence);
    judged.push({ title: scenes[index]!.title, verdict, askedUntilMs: record.lastVoicedAtMs });
  }
  return judged;
}

function describe(turns: readonly OutageTurn[]): string {
  const parts = turns.map(({ title, verdict }) => {
    const by = verdict.providers.map(({ stage, provider, outcome }) => `${stage} ${provider}: ${outcome}`);
    return [
      `## ${title[0]!.toUpperCase()}${title.slice(1)}`,
      `**Caller:** ${verdict.question}`,
      `**Parley:** ${verdict.reply}`,
      `- heard, by its sound: ${verdict.heard}`,
      `- voices: ${verdict.voices.join(", ")}; ${by.join(", ")}`,
      `- missing words: ${verdict.missing.length}; repeated: ${verdict.repeated.length}; longest gap ${Math.round(verdict.gapMs)} ms`,
    ].join("\n\n");
  });
  return `# A conversation through an outage\n\n${parts.join("\n\n")}\n`;
}

process.exitCode = await main();
