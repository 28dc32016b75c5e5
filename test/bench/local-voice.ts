/** The voice in LOCAL_VOICE_DIR: what its speech costs, how soon it sounds, and whether it is understood. */
import { createLocalTts } from "../../gateway/providers/tts/local.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import { joinPcm, startEngines } from "../providers/engines.ts";
import { readProcessTree } from "../support/process-tree.ts";
import { transcribe } from "../support/transcribe.ts";
import { countWordErrors } from "../support/word-errors.ts";
import { type Bench, percentileRows, type Row } from "./report.ts";
import { sentences } from "./sentences.ts";

const rateHz = 24_000;
const usualSentences = 24;
const quickSentences = 4;
const callLimitMs = 30_000;

interface Said {
  pcm: Int16Array;
  firstMs: number;
}

function cpuMs(pid: number): number {
  return readProcessTree(pid).find((cost) => cost.pid === pid)?.cpuMs ?? Number.NaN;
}

async function say(tts: ReturnType<typeof createLocalTts>, text: string): Promise<Said> {
  const clock = createSystemClock();
  const beganMs = clock.nowMs();
  const parts: Int16Array[] = [];
  let firstMs = Number.NaN;
  const context = { clock, tenant: "bench", callId: "bench", deadlineMs: beganMs + callLimitMs };
  const stream = tts.stream(
    { text, voice: "", speedRatio: 1, sampleRateHz: rateHz },
    { ...context, signal: new AbortController().signal },
  );
  for await (const event of stream) {
    if (event.type === "end" && event.outcome !== "completed")
      throw new Error(`no speech: ${event.error?.message}`);
    if (event.type !== "audio") continue;
    if (parts.length === 0) firstMs = clock.nowMs() - beganMs;
    parts.push(event.pcm);
  }
  return { pcm: joinPcm(parts), firstMs };
}

async function measure(folder: string, texts: readonly string[]): Promise<Row[]> {
  const speech = await startEngines({ local: { "local-voices": folder }, recogniserThreads: 1 });
  const socketPath = speech.sockets["local-voices"]!;
  const tts = createLocalTts({ socketPath, clock: createSystemClock(), voice: "", language: "" });
  try {
    await tts.warm?.();
    const problem = await tts.check?.(new AbortController().signal);
    if (problem) throw new Error(problem.message);
    const { pid, loadMs } = speech.states()["local-voices"]!;
    const beforeMs = cpuMs(pid!);
    const said: Said[] = [];
    for (const text of texts) said.push(await say(tts, text));
    const usedMs = cpuMs(pid!) - beforeMs;
    const seconds = said.reduce((sum, { pcm }) => sum + pcm.length / rateHz, 0);
    const heard = texts.map((text, index) => countWordErrors(text, transcribe(said[index]!.pcm, rateHz)));
    const words = heard.reduce((sum, one) => sum + one.words, 0);
    const errors = heard.reduce((sum, one) => sum + one.errors, 0);
    const firstMs = said.map((one) => one.firstMs);
    return [
      { name: "CPU a second of speech", measured: usedMs / seconds, unit: "ms", atMost: 300 },
      ...percentileRows("text to first sound, one caller, one thread", firstMs, {}),
      {
        name: "words that the embedded recogniser hears wrong",
        measured: (errors / words) * 100,
        unit: "%",
        atMost: 10,
      },
      { name: "speech made", measured: seconds, unit: "s" },
      { name: "model loaded in", measured: loadMs ?? Number.NaN, unit: "ms" },
    ];
  } finally {
    await tts.close?.();
    await speech.close();
  }
}

export const bench: Bench = {
  description: "the voice in LOCAL_VOICE_DIR: CPU of its speech, first sound, words understood",
  async run({ quick = false, sentences: count } = {}) {
    const folder = process.env.LOCAL_VOICE_DIR ?? "";
    if (folder === "") {
      const note = "skipped: LOCAL_VOICE_DIR names no folder of a voice (docs/local-engines.md)";
      return { rows: [], notes: [note], veto: null };
    }
    const texts = sentences.slice(0, count ?? (quick ? quickSentences : usualSentences));
    const rows = await measure(folder, texts);
    return { rows, notes: [`${texts.length} sentences, one after the other, at ${rateHz} Hz`], veto: null };
  },
};
