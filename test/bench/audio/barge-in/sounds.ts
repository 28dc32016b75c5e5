/** The sound of a case, 16 kHz, at the level of a caller's voice. */
import { spawnSync } from "node:child_process";
import { makeUtterance } from "../../../../loadtest/callers/utterance.ts";
import { speak } from "../turn-ends/speakers.ts";
import type { BargeInCase, NoiseName } from "./cases.ts";

const rateHz = 16_000;
const peakAmplitude = 12_000;
const maxBytes = 8 * 1024 * 1024;

/** Arguments of sox after the output; `-R` keeps its noise the same in every run. */
const noises: Readonly<Record<NoiseName, string>> = {
  cough: "synth 0.35 brownnoise band 900 1400 fade q 0.01 0.35 0.28 gain -n -3",
  "double cough": "synth 0.3 pinknoise band 1100 1500 fade q 0.01 0.3 0.22 pad 0 0.12 repeat 1 gain -n -3",
  door: "synth 0.25 brownnoise lowpass 300 fade q 0.002 0.25 0.22 gain -n -1",
  knock: "synth 0.08 brownnoise band 250 200 fade q 0.001 0.08 0.07 pad 0 0.14 repeat 2 gain -n -2",
  clatter: "synth 0.06 whitenoise highpass 2500 fade q 0.001 0.06 0.05 pad 0 0.09 repeat 5 gain -n -6",
  breath: "synth 0.7 pinknoise band 600 900 fade q 0.25 0.7 0.3 gain -n -14",
  chair: "synth 0.5 sawtooth 180:320 overdrive 12 lowpass 1800 fade q 0.05 0.5 0.2 gain -n -8",
  tap: "synth 0.03 whitenoise fade q 0.001 0.03 0.025 gain -n -3",
};

function renderNoise(name: NoiseName): Int16Array {
  const args = ["-R", "-n", "-r", String(rateHz), "-c", "1", "-b", "16", "-e", "signed", "-t", "raw", "-"];
  const run = spawnSync("sox", [...args, ...noises[name].split(" ")], { maxBuffer: maxBytes });
  if (run.error !== undefined || run.status !== 0) {
    throw new Error(`sox is needed for this bench (apt-get install sox): ${run.error ?? run.stderr}`);
  }
  const bytes = new Uint8Array(run.stdout.subarray(0, run.stdout.length & ~1));
  return makeUtterance(name, new Int16Array(bytes.buffer), rateHz).pcm;
}

/**
 * @returns what sounds of it, from its first voiced sample to its last
 * @throws {Error} naming the tool that is missing
 */
export async function soundOf({ kind, text, speaker }: BargeInCase): Promise<Int16Array> {
  if (kind === "noise" || speaker === "sox") return renderNoise(text as NoiseName);
  const { pcm } = await speak(text, speaker);
  let peak = 1;
  for (const sample of pcm) peak = Math.max(peak, Math.abs(sample));
  return pcm.map((sample) => Math.round((sample * peakAmplitude) / peak));
}
