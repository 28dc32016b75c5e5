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
import { compareAnswer, judgeTurn } from "../drills/turn-judge.ts";
import type { StandinName } from "../standins/standin.ts";
import { type Standins, startStandins } from "../standins/start.ts";
import { drawOutage, type OutageTurn } from "./outage-picture.ts";
import { plannedDeaths, scenes, wholeAnswerTo } from "./outage-scenes.ts";
import { type Death, deathsIn, isWhole, missingWords, survivorsOf } from "./outage-verdict.ts";

const names: readonly StandinName[] = [
  ...(["google-stt", "gemini", "claude", "google-tts", "elevenlabs"] as const),
];
const callerVoice = "rms";
const callerRateHz = 16_000;
const settleMs = 1_500;
const thinkMs = 900;

const options = {
  out: { type: "string", default: "outage-demo" },
  seed: { type: "string", default: "1" },
} as const;

/** @returns the exit code, as `npm run drill` has it */
async function main(): Promise<number> {
  const { values } = readArguments();
  const seed = Number(values.seed);
  if (!Number.isInteger(seed) || seed < 1) {
    console.error("--seed must be a whole number from 1 on");
    return 2;
  }
  return report(await play(seed, values.out), values.out);
}

function readArguments() {
  try {
    return parseArgs({ options });
  } catch (error) {
    console.error(messageOf(error));
    process.exit(2);
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** What a play leaves. */
interface Play {
  turns: OutageTurn[];
  /** The first of each vendor. */
  deaths: Death[];
}

/** Prints what was heard. @returns the exit code: 0 when every answer was heard whole, although every vendor died that should */
function report({ turns, deaths }: Play, folder: string): number {
  for (const { title, verdict } of turns) {
    console.log(`\n${title}\n  asked:  ${verdict.question}\n  heard:  ${verdict.heard}`);
    console.log(`  voices: ${verdict.voices.join(", ")}`);
    const missing = missingWords(verdict);
    if (missing.length > 0) console.log(`  missing: ${missing.join(", ")}`);
  }
  const planned = plannedDeaths(scenes);
  const survivors = survivorsOf(planned, deaths);
  const whole = turns.filter(isWhole);
  const twice = turns.flatMap(({ verdict }) => [...verdict.repeated, ...verdict.repeatedOfAnswer]);
  console.log(
    `\n${whole.length} of ${scenes.length} answers were heard whole, no word missing; ` +
      `said twice: ${twice.length === 0 ? "none" : twice.join(", ")}. ` +
      `${planned.length - survivors.length} of ${planned.length} vendors died as they should` +
      `${survivors.map(({ standin, kind }) => `, ${standin} did not (${kind})`).join("")}. ` +
      `Listen: ${join(folder, "outage.wav")}; look: ${join(folder, "outage.svg")}; ` +
      `read: ${join(folder, "outage.md")}`,
  );
  return whole.length === scenes.length && survivors.length === 0 ? 0 : 1;
}

async function play(seed: number, folder: string): Promise<Play> {
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
    const deaths: Death[] = [];
    const startedAtMs = performance.now();
    for (const [index, scene] of scenes.entries()) {
      console.log(`${index + 1}. ${scene.title}: "${scene.question}"`);
      for (const name of names) await standins.setFault(name, scene.faults[name] ?? null);
      const before = standins.world.calls().length;
      const cue = { after: "line" as const, delayMs: thinkMs };
      await caller.speak("during", [{ utterance: utterances[index]!, cue }], performance.now());
      for (const death of deathsIn(scene, standins.world.calls().slice(before))) {
        if (!deaths.some(({ standin }) => standin === death.standin)) deaths.push(death);
      }
    }
    await caller.readHistory();
    const turns = await judge(caller, standins);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "outage.wav"), recordCall(caller, startedAtMs));
    await writeFile(join(folder, "outage.md"), describe(turns));
    const shown = deaths.map(({ standin, atMs }) => ({ standin, atMs: atMs - unixMs(startedAtMs) }));
    await writeFile(join(folder, "outage.svg"), drawOutage(turns, shown, startedAtMs));
    return { turns, deaths };
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
    const scene = scenes[index]!;
    const answer = wholeAnswerTo(scene, standins.world.seed, record.transcript);
    const evidence = {
      turn: record,
      rateHz: drillRateHz,
      answer,
      history,
      interruptedAtMs,
      calls,
      listens: true,
    };
    // Also where the spare answers, which drills don't hold to the vendors' words.
    const verdict = { ...(await judgeTurn(evidence)), ...compareAnswer(answer, record.replyText) };
    judged.push({ title: scene.title, verdict, askedUntilMs: record.lastVoicedAtMs });
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
      `- missing words: ${missingWords(verdict).length}; repeated: ${verdict.repeated.length}; longest gap ${Math.round(verdict.gapMs)} ms`,
    ].join("\n\n");
  });
  return `# A conversation through an outage\n\n${parts.join("\n\n")}\n`;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(messageOf(error));
  return 3;
});
