/** Who speaks in the mixes: human prompts of Debian's package, espeak-ng and flite. What isn't on the machine is named. */
import { execFile } from "node:child_process";
import { access, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { samplesOf, voicedRange } from "../../../loadtest/callers/samples.ts";
import { type Flite, type FliteVoice, loadFlite } from "../../../workers/speech/flite.ts";
import { resampleWhole } from "../../../workers/speech/resample.ts";
import { babbleTexts, clipTexts } from "./texts.ts";

/** All clips have this rate. */
export const rateHz = 16_000;

export type Speaker = "human" | "espeak" | "flite";

/** Something said, without silence around it: mono, 16 kHz. */
export interface Clip {
  name: string;
  speaker: Speaker;
  pcm: Int16Array;
}

/** Everything that speaks, and what could not. */
export interface Voices {
  clips: Clip[];
  /** Streams of one voice each, for babble: at least 25 s. */
  babblers: Int16Array[];
  /** One sentence for each thing left out; empty when all is there. */
  leftOut: string[];
}

const run = promisify(execFile);
const toolTimeoutMs = 20_000;
const maxToolBytes = 16 * 1024 * 1024;
const soundsFolder = "/usr/share/asterisk/sounds/en_US_f_Allison";
const howToInstall = "sh test/bench/audio/install-tools.sh";

/** Spoken sentences of 4 to 10 s; no beeps, tones or tt-monkeys (one monkey clip takes the AUC from .9997 to .968). */
const humanPrompts = [
  "queue-periodic-announce",
  "vm-review",
  "tt-allbusy",
  "agent-alreadyon",
  "dir-instr",
  "vm-instructions",
  "confbridge-lock-extended",
  "ss-noservice",
  "demo-thanks",
  "queue-youarenext",
  "dictate/enter_filename",
  "auth-incorrect",
] as const;
/** Prompts that only babble. */
const humanBabble = ["demo-instruct", "demo-congrats", "priv-callee-options"] as const;
/** Enough voices that no one of them is understood. */
const leastBabblers = 6;
const babbleSeconds = 25;

const espeakClips = ["en-us", "en-gb+f3", "en-us+m3"] as const;
const espeakBabblers = ["en-gb+m2", "en-us+f2", "en-gb-x-rp+f4"] as const;
const fliteClips: readonly FliteVoice[] = ["slt", "rms", "awb"];
const fliteBabblers: readonly (readonly [FliteVoice, number])[] = [
  ["kal16", 1],
  ["awb", 1.15],
  ["slt", 0.9],
  ["rms", 1.1],
];

/** Who is wanted; everybody by default. */
export interface VoicesWanted {
  /** Clips of each kind of speaker (of the human one twice as many). */
  most?: number;
  withHuman?: boolean;
  withBabble?: boolean;
}

/** Renders and decodes. */
export async function loadVoices(wanted: VoicesWanted = {}): Promise<Voices> {
  const { most = Number.POSITIVE_INFINITY, withHuman = true, withBabble = true } = wanted;
  const flite = await loadFlite();
  const leftOut: string[] = [];
  const human = withHuman ? await loadHuman(most, leftOut) : { clips: [], babblers: [] };
  const espeak = await loadEspeak(most, leftOut);
  const spoken = fliteClips.slice(0, most).map((voice, index) => {
    const { pcm } = flite.speak(clipTexts[index]!, voice, { words: false });
    return { name: `flite ${voice}`, speaker: "flite" as const, pcm: trim(pcm) };
  });
  const clips = [...human.clips, ...espeak.clips, ...spoken];
  if (!withBabble) return { clips, babblers: [], leftOut };
  const babblers = [...human.babblers, ...espeak.babblers, ...babbleOfFlite(flite)];
  if (babblers.length < leastBabblers) {
    // Two more men of flite's, one slow and one fast.
    babblers.push(streamOf(flite, "rms", 0.85, 4), streamOf(flite, "awb", 0.8, 5));
    leftOut.push(`babble has ${babblers.length} voices, all of flite`);
  }
  return { clips, babblers, leftOut };
}

async function loadHuman(
  most: number,
  leftOut: string[],
): Promise<{ clips: Clip[]; babblers: Int16Array[] }> {
  const problem = await whyNoPrompts();
  if (problem !== null) {
    leftOut.push(`no human voice: ${problem} (${howToInstall})`);
    return { clips: [], babblers: [] };
  }
  const clips: Clip[] = [];
  for (const name of humanPrompts.slice(0, 2 * most)) {
    clips.push({ name: `human ${name}`, speaker: "human", pcm: trim(await decodePrompt(name)) });
  }
  const pieces: Int16Array[] = [];
  for (const name of humanBabble) pieces.push(trim(await decodePrompt(name)));
  return { clips, babblers: [lengthen(pieces)] };
}

async function whyNoPrompts(): Promise<string | null> {
  try {
    await access(join(soundsFolder, `${humanPrompts[0]}.g722`));
  } catch {
    return "the package asterisk-core-sounds-en-g722 is not installed";
  }
  try {
    await run("ffmpeg", ["-version"], { timeout: toolTimeoutMs });
    return null;
  } catch {
    return "there is no ffmpeg to decode G.722 with";
  }
}

async function decodePrompt(name: string): Promise<Int16Array> {
  const path = join(soundsFolder, `${name}.g722`);
  const args = [
    "-v",
    "error",
    "-f",
    "g722",
    "-i",
    path,
    "-f",
    "s16le",
    "-ar",
    String(rateHz),
    "-ac",
    "1",
    "-",
  ];
  const { stdout } = await run("ffmpeg", args, {
    encoding: "buffer",
    timeout: toolTimeoutMs,
    maxBuffer: maxToolBytes,
  });
  return samplesOf(stdout);
}

async function loadEspeak(
  most: number,
  leftOut: string[],
): Promise<{ clips: Clip[]; babblers: Int16Array[] }> {
  const folder = await mkdtemp(join(tmpdir(), "parley-espeak-"));
  try {
    const clips: Clip[] = [];
    for (const [index, voice] of espeakClips.slice(0, most).entries()) {
      const pcm = await speakEspeak(folder, voice, clipTexts[fliteClips.length + index]!);
      clips.push({ name: `espeak ${voice}`, speaker: "espeak", pcm: trim(pcm) });
    }
    const babblers: Int16Array[] = [];
    for (const [index, voice] of espeakBabblers.entries()) {
      babblers.push(lengthen([trim(await speakEspeak(folder, voice, babbleTexts[index]!))]));
    }
    return { clips, babblers };
  } catch {
    leftOut.push(`no espeak voices: espeak-ng is not installed (${howToInstall})`);
    return { clips: [], babblers: [] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function speakEspeak(folder: string, voice: string, text: string): Promise<Int16Array> {
  const path = join(folder, "speech.wav");
  await run("espeak-ng", ["-v", voice, "-w", path, text], { timeout: toolTimeoutMs });
  const wav = await readFile(path);
  const pcm = samplesOf(wav.subarray(44));
  return resampleWhole(pcm, wav.readUInt32LE(24), rateHz);
}

function babbleOfFlite(flite: Flite): Int16Array[] {
  return fliteBabblers.map(([voice, speedRatio], index) => streamOf(flite, voice, speedRatio, index));
}

function streamOf(flite: Flite, voice: FliteVoice, speedRatio: number, turn: number): Int16Array {
  const texts = babbleTexts.map((_, index) => babbleTexts[(index + turn) % babbleTexts.length]!);
  return lengthen(texts.map((text) => trim(flite.speak(text, voice, { speedRatio, words: false }).pcm)));
}

/** Pieces one after another, again and again, until they last `babbleSeconds`. */
function lengthen(pieces: readonly Int16Array[]): Int16Array {
  const stream = new Int16Array(babbleSeconds * rateHz);
  for (let at = 0, next = 0; at < stream.length; next++) {
    const piece = pieces[next % pieces.length]!;
    const part = piece.subarray(0, stream.length - at);
    stream.set(part, at);
    at += part.length;
  }
  return stream;
}

function trim(pcm: Int16Array): Int16Array {
  const range = voicedRange(pcm, rateHz);
  if (range === null) throw new Error("a voice said nothing");
  return pcm.slice(range.first, range.last + 1);
}
