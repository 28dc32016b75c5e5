/**
 * What the gateway's own ears make of a turn: pauses as the voice detector notices them, words as the embedded
 * recogniser writes them at each. Kept on disk, since a sweep needs them a thousand times.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AudioPiece } from "../../../../gateway/providers/provider.ts";
import { createWhisperStt, settleMs } from "../../../../gateway/providers/stt/whisper.ts";
import { createSystemClock } from "../../../../gateway/system-clock.ts";
import { contextSamples, SileroBatch, stateSize } from "../../../../workers/audio/silero.ts";
import { SpeechDetector, windowSamples } from "../../../../workers/audio/speech-detector.ts";
import { energyFrameSamples, VoiceEdges } from "../../../../workers/audio/voice-edges.ts";
import { modelsDir, startEngines } from "../../../providers/engines.ts";
import { repositoryRoot } from "../../../support/gateway.ts";
import { SeededRandom } from "../../../support/random.ts";
import { speak } from "./speakers.ts";
import type { PlannedTurn } from "./turns.ts";

const systemClock = createSystemClock();
const samplesPerMs = 16;
const leadMs = 600;
/** Longer than any wait. */
const tailMs = 1_200;
/** A quiet room. */
const roomDb = -66;
const peakAmplitude = 12_000;
const transcriptTimeoutMs = 30_000;
const cacheFolder = join(repositoryRoot, ".cache", "turn-ends");

/** A turn as sound, and where its speech truly lies. */
export interface SpokenTurn {
  pcm: Int16Array;
  /** First and last voiced sample of each segment. */
  voiced: { from: number; to: number }[];
}

/** A silence that the voice detector noticed, in samples of the turn's audio. */
export interface NoticedPause {
  /** Last voiced sample before it, as the detector dates it. */
  voicedTo: number;
  /** How far audio was heard when it was noticed. */
  noticedAt: number;
  /** The first voiced sample after it, and when that was noticed; null at the turn's end. */
  resumed: { from: number; noticedAt: number } | null;
  /** Speech up to here, pauses excluded. */
  voicedMs: number;
  /** Audio that the recogniser had to work through, ms. */
  audioMs: number;
  words: string;
}

/** Everything known of one turn. */
export interface HeardTurn {
  plan: PlannedTurn;
  voiced: SpokenTurn["voiced"];
  pauses: NoticedPause[];
}

/** Says a planned turn: segments apart, with the silences between them. */
export async function renderTurn(plan: PlannedTurn): Promise<SpokenTurn> {
  const pieces: Int16Array[] = [];
  for (const segment of plan.segments) pieces.push((await speak(segment, plan.speaker)).pcm);
  const gaps = plan.pauses.map((pause) => pause.durationMs * samplesPerMs);
  const length =
    (leadMs + tailMs) * samplesPerMs +
    pieces.reduce((sum, piece) => sum + piece.length, 0) +
    gaps.reduce((sum, gap) => sum + gap, 0);
  const pcm = roomNoise(length, plan.segments.join(" ").length);
  const voiced: SpokenTurn["voiced"] = [];
  let at = leadMs * samplesPerMs;
  for (const [index, piece] of pieces.entries()) {
    voiced.push({ from: at, to: at + piece.length - 1 });
    let peak = 1;
    for (const sample of piece) peak = Math.max(peak, Math.abs(sample));
    const gain = Math.min(1.5, peakAmplitude / peak);
    for (let i = 0; i < piece.length; i++) pcm[at + i] = pcm[at + i]! + Math.round(piece[i]! * gain);
    at += piece.length + (gaps[index] ?? 0);
  }
  return { pcm, voiced };
}

function roomNoise(length: number, seed: number): Int16Array {
  const random = new SeededRandom(seed);
  const amplitude = 32768 * 10 ** (roomDb / 20) * Math.sqrt(3);
  return Int16Array.from({ length }, () => Math.round((2 * random.next() - 1) * amplitude));
}

type Change = { type: "onset" | "pause" | "resumed"; sample: number; noticedAt: number };

/** The gateway's voice detector over whole audio, as fast as it goes. */
async function detectSpeech(silero: SileroBatch, pcm: Int16Array): Promise<Change[]> {
  const edges = new VoiceEdges();
  edges.reset(0);
  const detector = new SpeechDetector();
  detector.configure({ thresholdRatio: 0.5 });
  detector.restart(0);
  const state = new Float32Array(stateSize);
  const changes: Change[] = [];
  for (let from = 0; from + windowSamples <= pcm.length; from += windowSamples) {
    const input = silero.add(state);
    for (let i = 0; i < contextSamples + windowSamples; i++) {
      input[i] = (pcm[from - contextSamples + i] ?? 0) / 32768;
    }
    await silero.run();
    for (let at = from; at < from + windowSamples; at += energyFrameSamples) edges.push(pcm, at);
    const change = detector.push(from, silero.ratios[0]!, edges);
    if (change) changes.push({ ...change, noticedAt: from + windowSamples });
  }
  return changes;
}

/** Words up to a pause: the same provider, the same audio as in a session. */
async function transcribeTo(
  stt: ReturnType<typeof createWhisperStt>,
  pcm: Int16Array,
  from: number,
  voicedTo: number,
): Promise<string> {
  const until = Math.min(pcm.length, voicedTo + settleMs * samplesPerMs);
  const pieces: AudioPiece[] = [
    { type: "samples", fromSample: from, pcm: pcm.slice(from, until) },
    { type: "pause", lastVoicedSample: voicedTo },
    { type: "end", atSample: until },
  ];
  const audio = {
    sampleRateHz: 16000 as const,
    fromSample: from,
    async *read() {
      yield* pieces;
    },
  };
  const context = {
    signal: new AbortController().signal,
    deadlineMs: systemClock.nowMs() + transcriptTimeoutMs,
    clock: systemClock,
    tenant: "bench",
    callId: "turn-ends",
  };
  for await (const event of stt.stream({ audio }, context)) {
    if (event.type === "final") return event.text;
    if (event.type === "end" && event.outcome !== "completed") {
      throw new Error(`the recogniser failed: ${event.error?.message ?? event.outcome}`);
    }
  }
  throw new Error("the recogniser said nothing");
}

/** What hears: when any of it changes, everything is heard anew. To be counted up when the rendering here changes. */
const cacheVersion = 2;
const ears = [
  "models/silero-vad-v6/SHA256SUMS",
  "models/whisper-tiny.en/SHA256SUMS",
  ...["silero", "speech-detector", "voice-edges"].map((name) => `workers/audio/${name}.ts`),
  ...["recogniser", "transcript"].map((name) => `workers/speech/${name}.ts`),
  ...readdirSync(join(repositoryRoot, "workers/speech/whisper")).map(
    (name) => `workers/speech/whisper/${name}`,
  ),
  "gateway/providers/stt/whisper.ts",
];
const earsHash = ears
  .sort()
  .reduce((hash, path) => hash.update(readFileSync(join(repositoryRoot, path))), createHash("sha256"))
  .digest("hex");

function cacheKey({ segments, pauses, speaker }: PlannedTurn): string {
  const made = JSON.stringify([
    cacheVersion,
    earsHash,
    segments,
    pauses.map((pause) => pause.durationMs),
    speaker,
  ]);
  return createHash("sha256").update(made).digest("hex").slice(0, 32);
}

type Kept = Pick<HeardTurn, "voiced" | "pauses">;

function readKept(key: string): Kept | null {
  try {
    return JSON.parse(readFileSync(join(cacheFolder, `${key}.json`), "utf8")) as Kept;
  } catch {
    return null;
  }
}

/** Ears that are loaded only when something was never heard before. */
export class Hearing {
  #silero: SileroBatch | null = null;
  #engines: Awaited<ReturnType<typeof startEngines>> | null = null;
  #stt: ReturnType<typeof createWhisperStt> | null = null;

  async hear(plan: PlannedTurn): Promise<HeardTurn> {
    const key = cacheKey(plan);
    const known = readKept(key);
    if (known) return { plan, ...known };
    const spoken = await renderTurn(plan);
    const kept: Kept = { voiced: spoken.voiced, pauses: await this.#listen(spoken) };
    mkdirSync(cacheFolder, { recursive: true });
    writeFileSync(join(cacheFolder, `${key}.json`), JSON.stringify(kept));
    return { plan, ...kept };
  }

  async #listen({ pcm }: SpokenTurn): Promise<NoticedPause[]> {
    this.#silero ??= await SileroBatch.load(join(modelsDir, "silero-vad-v6"));
    if (!this.#stt) {
      this.#engines = await startEngines({ recogniserThreads: 1 });
      this.#stt = createWhisperStt({ socketPath: this.#engines.sockets.recogniser, clock: systemClock });
      await this.#stt.warm?.();
    }
    const changes = await detectSpeech(this.#silero, pcm);
    const onset = changes[0];
    if (onset?.type !== "onset") return [];
    const from = Math.max(0, onset.sample - 300 * samplesPerMs);
    const pauses: NoticedPause[] = [];
    let stretchFrom = onset.sample;
    let voicedSamples = 0;
    for (const [index, change] of changes.entries()) {
      if (change.type !== "pause") {
        stretchFrom = change.sample;
        continue;
      }
      voicedSamples += Math.max(0, change.sample - stretchFrom);
      const next = changes[index + 1];
      pauses.push({
        voicedTo: change.sample,
        noticedAt: change.noticedAt,
        resumed: next ? { from: next.sample, noticedAt: next.noticedAt } : null,
        voicedMs: Math.round(voicedSamples / samplesPerMs),
        audioMs: Math.round((change.sample - from) / samplesPerMs),
        words: await transcribeTo(this.#stt, pcm, from, change.sample),
      });
    }
    return pauses;
  }

  async close(): Promise<void> {
    await this.#stt?.close?.();
    await this.#engines?.close();
    await this.#silero?.close();
  }
}
