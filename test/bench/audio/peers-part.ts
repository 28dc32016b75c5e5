/** The gate beside speexdsp's noise suppressor, on the same mixes, both at a floor of -15 dB. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { formatNumber } from "../report.ts";
import { siSdrDb } from "./metrics/distortion.ts";
import { stoi, toStoiRate } from "./metrics/stoi.ts";
import { type Mix, noisyMixes } from "./mixes.ts";
import { type NoiseKind, noiseKinds } from "./noises.ts";
import { mean, type Part, type PartReport, type SuiteContext } from "./part.ts";
import { defaultHearing, hearAll } from "./through-bus.ts";

const floorDb = -15;
const snrsDb = [0, 5, 10, 15] as const;
const settings = { ...defaultHearing, vad: null, keepGated: true } as const;
const timeoutMs = 120_000;
/** Where speexdsp's delay is looked for; the best fit counts, in its favour. */
const delays = [0, 64, 128, 192, 256, 320, 384, 448, 512] as const;
const script = fileURLToPath(new URL("./speexdsp.py", import.meta.url));

interface Gained {
  noise: NoiseKind;
  siSdrDb: number;
  stoi: number;
}

export const peersPart: Part = {
  title: "The gate beside speexdsp",
  about: `The same mixes through the gate and through speexdsp's noise suppressor (Debian's libspeexdsp1, frames of 256 samples), both at a floor of ${floorDb} dB.`,
  measure,
};

async function measure({ voices, isQuick }: SuiteContext): Promise<PartReport> {
  const empty: PartReport = { rows: [], notes: [], tables: [], figures: [], data: null };
  if (isQuick) return empty;
  const mixes = noisyMixes(voices, snrsDb, noiseKinds);
  const theirs = await suppressAll(mixes.map(({ heard }) => heard));
  if (typeof theirs === "string") return { ...empty, notes: [`LEFT OUT: speexdsp (${theirs})`] };
  const { hearings } = await hearAll(mixes, settings);
  const ours = hearings.map(({ mix, gated }) => compare(mix, gated, 0));
  const speex = mixes.map((mix, index) => compareBest(mix, theirs[index]!));
  const gain = (all: readonly Gained[], noise: NoiseKind | null, field: "siSdrDb" | "stoi") =>
    mean(all.filter((one) => noise === null || one.noise === noise).map((one) => one[field]));
  const line = (name: string, noise: NoiseKind | null) => [
    name,
    ...[ours, speex].map((all) => `${formatNumber(gain(all, noise, "siSdrDb"))} dB`),
    ...[ours, speex].map((all) => gain(all, noise, "stoi").toFixed(3)),
  ];
  return {
    ...empty,
    rows: [
      {
        name: "SI-SDR gained beyond speexdsp",
        measured: gain(ours, null, "siSdrDb") - gain(speex, null, "siSdrDb"),
        unit: "dB",
        atLeast: 0,
      },
      {
        name: "STOI gained beyond speexdsp",
        measured: gain(ours, null, "stoi") - gain(speex, null, "stoi"),
        unit: "",
        atLeast: 0,
      },
    ],
    notes: [`${mixes.length} mixes, ${snrsDb.join(", ")} dB`],
    tables: [
      {
        title: "Gained by noise",
        header: ["", "SI-SDR, gate", "speexdsp", "STOI, gate", "speexdsp"],
        rows: [...noiseKinds.map((noise) => line(noise, noise)), line("all", null)],
      },
    ],
    data: { ours, speex },
  };
}

function compareBest(mix: Mix, suppressed: Int16Array): Gained {
  const fitDb = (delay: number) => {
    const length = Math.min(mix.clean.length, suppressed.length - delay);
    return siSdrDb(mix.clean.subarray(0, length), suppressed.subarray(delay, delay + length));
  };
  const best = delays.reduce((one: number, other) => (fitDb(other) > fitDb(one) ? other : one), 0);
  return compare(mix, suppressed, best);
}

function compare(mix: Mix, processed: Int16Array, delay: number): Gained {
  const length = Math.min(mix.clean.length, processed.length - delay);
  const clean = mix.clean.subarray(0, length);
  const heard = mix.heard.subarray(0, length);
  const out = processed.subarray(delay, delay + length);
  const cleanAtTen = toStoiRate(clean);
  return {
    noise: mix.noise!,
    siSdrDb: siSdrDb(clean, out) - siSdrDb(clean, heard),
    stoi: stoi(cleanAtTen, toStoiRate(out)) - stoi(cleanAtTen, toStoiRate(heard)),
  };
}

/** @returns what came out, in order, or why nothing did */
function suppressAll(recordings: readonly Int16Array[]): Promise<Int16Array[] | string> {
  return new Promise((resolve) => {
    const python = spawn("python3", [script, String(floorDb)], { timeout: timeoutMs });
    const chunks: Buffer[] = [];
    let complaint = "";
    python.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    python.stderr.on("data", (chunk: Buffer) => {
      complaint = `${complaint}${chunk}`.slice(-2_000);
    });
    python.on("error", ({ message }) => resolve(message));
    python.stdin.on("error", () => undefined);
    python.on("close", (code) => {
      if (code !== 0) return resolve(complaint.trim().split("\n").at(-1) ?? `exit ${code}`);
      resolve(readRecordings(Buffer.concat(chunks)));
    });
    for (const pcm of recordings) {
      const header = Buffer.alloc(4);
      header.writeInt32LE(pcm.length);
      python.stdin.write(header);
      python.stdin.write(Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength));
    }
    python.stdin.end();
  });
}

function readRecordings(bytes: Buffer): Int16Array[] {
  const recordings: Int16Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readInt32LE(at) * 2;
    const samples = bytes.subarray(at + 4, at + 4 + length);
    recordings.push(new Int16Array(new Uint8Array(samples).buffer));
    at += 4 + length;
  }
  return recordings;
}
