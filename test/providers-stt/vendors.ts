/** The streaming and file vendors beside their stand-ins, and audio to give them. */
import type {
  AudioPiece,
  AudioRange,
  EndEvent,
  SttEvent,
  SttProvider,
} from "../../gateway/providers/provider.ts";
import { createDeepgramStt } from "../../gateway/providers/stt/deepgram.ts";
import { createGoogleStt, type GoogleEarOptions } from "../../gateway/providers/stt/google.ts";
import { createOpenAiStt } from "../../gateway/providers/stt/openai.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import { type DeepgramOptions, startDeepgram } from "../../loadtest/standins/deepgram.ts";
import { type GoogleSttOptions, startGoogleStt } from "../../loadtest/standins/google-stt.ts";
import { startOpenAiStt } from "../../loadtest/standins/openai-stt.ts";
import type { Standin, StandinName } from "../../loadtest/standins/standin.ts";
import { createWorld, type DrillWorld } from "../../loadtest/standins/world.ts";
import { callContext, collect } from "../contract/providers/provider-contract.ts";
import { joinPcm, rangeOf, samplesFrom, silence } from "../providers/engines.ts";

const clock = createSystemClock();

export const vendorNames = ["google", "deepgram", "openai"] as const;
export type VendorName = (typeof vendorNames)[number];

const standinOf: Record<VendorName, StandinName> = {
  google: "google-stt",
  deepgram: "deepgram",
  openai: "openai-stt",
};

export interface VendorBench {
  name: VendorName;
  standinName: StandinName;
  world: DrillWorld;
  standin: Standin;
  stt: SttProvider & { readonly inFlight: number };
  close(): Promise<void>;
}

export interface BenchOptions {
  google?: GoogleSttOptions & Pick<GoogleEarOptions, "streamLimits">;
  deepgram?: DeepgramOptions;
  openaiModel?: string;
  /** When Deepgram's provider sends a KeepAlive. */
  sendKeepAliveMs?: number;
  /** One stream or connection at a time. */
  onePlace?: boolean;
  /** First output after the audio's end, ms; at once unless given. */
  firstMs?: number;
}

/** A vendor's provider, its stand-in and a world of their own. */
export async function openBench(name: VendorName, options: BenchOptions = {}): Promise<VendorBench> {
  const latency = { p50Ms: options.firstMs ?? 0, p95Ms: options.firstMs ?? 0 };
  const standinName = standinOf[name];
  const still = { p50Ms: 0, p95Ms: 0 };
  const world = createWorld({ seed: 1, latencies: { [standinName]: { first: latency, piece: still } } });
  const standin = await startStandin(name, world, options);
  world.faults.onListening((_, listening) => standin.setListening(listening));
  const base = { clock, apiKey: "", url: standin.url, model: "", language: "en-US" };
  const stt =
    name === "google"
      ? createGoogleStt({
          ...base,
          ...(options.google?.streamLimits ? { streamLimits: options.google.streamLimits } : {}),
          ...(options.onePlace ? { limits: { streamsPerChannelMax: 1, channelsMax: 1 } } : {}),
        })
      : name === "deepgram"
        ? createDeepgramStt({
            ...base,
            ...(options.sendKeepAliveMs ? { keepAliveMs: options.sendKeepAliveMs } : {}),
            ...(options.onePlace ? { socketsMax: 1 } : {}),
          })
        : createOpenAiStt({ ...base, model: options.openaiModel ?? "" });
  return {
    ...{ name, standinName, world, standin, stt },
    async close() {
      await stt.close?.();
      await world.close();
      await standin.close();
    },
  };
}

function startStandin(name: VendorName, world: DrillWorld, options: BenchOptions): Promise<Standin> {
  if (name === "google") return startGoogleStt(world, options.google);
  return name === "deepgram" ? startDeepgram(world, options.deepgram) : startOpenAiStt(world);
}

/** Speech that the world knows again. */
export async function say(world: DrillWorld, text: string): Promise<Int16Array> {
  await world.learn({ text });
  const { pcm } = await world.speak(text, { voice: "slt", sampleRateHz: 16_000, speedRatio: 1 });
  return pcm.slice();
}

/** An utterance with the pause that ends it. */
export function spoken(pcm: Int16Array, pauseMs = 500): { pieces: AudioPiece[]; end: number } {
  const whole = joinPcm([pcm, silence(pauseMs)]);
  const pieces: AudioPiece[] = [
    ...samplesFrom(0, whole.slice(0, pcm.length)),
    { type: "pause", lastVoicedSample: pcm.length },
    ...samplesFrom(pcm.length, whole.slice(pcm.length)),
    { type: "end", atSample: whole.length },
  ];
  return { pieces, end: whole.length };
}

/** Everything that a vendor says to these pieces. */
export function hear(
  stt: SttProvider,
  pieces: AudioPiece[],
  more: { language?: string; prompt?: string; timeoutMs?: number } = {},
): Promise<(SttEvent | EndEvent)[]> {
  const { timeoutMs, ...request } = more;
  const context = callContext(new AbortController().signal, timeoutMs);
  return collect(stt.stream({ audio: rangeOf(pieces), ...request }, context));
}

/** Audio that goes on as the test says. */
export class LiveAudio implements AudioRange {
  readonly sampleRateHz = 16_000;
  readonly fromSample = 0;
  readonly #pieces: AudioPiece[] = [];
  #sample = 0;
  #wake = () => {};

  push(...pieces: AudioPiece[]): void {
    this.#pieces.push(...pieces);
    this.#wake();
  }
  speak(pcm: Int16Array): void {
    this.push(...samplesFrom(this.#sample, pcm));
    this.#sample += pcm.length;
  }
  pause(): void {
    this.push({ type: "pause", lastVoicedSample: this.#sample });
  }
  resume(): void {
    this.push({ type: "resumed", atSample: this.#sample });
  }
  end(): void {
    this.push({ type: "end", atSample: this.#sample });
  }
  get sample(): number {
    return this.#sample;
  }

  async *read(fromSample: number, signal: AbortSignal): AsyncGenerator<AudioPiece> {
    for (let index = 0; !signal.aborted; ) {
      const piece = this.#pieces[index];
      if (piece === undefined) {
        await new Promise<void>((resolve) => {
          const done = () => {
            signal.removeEventListener("abort", done);
            resolve();
          };
          this.#wake = done;
          signal.addEventListener("abort", done, { once: true });
        });
        continue;
      }
      index += 1;
      if (piece.type === "samples" && piece.fromSample < fromSample) continue;
      yield piece;
      if (piece.type === "end") return;
    }
  }
}

/** Asserts that a call completed, and gives its final. */
export function finalOf(events: (SttEvent | EndEvent)[]): { text: string; untilSample: number } {
  const end = events.at(-1);
  const final = events.at(-2);
  if (end?.type !== "end" || end.outcome !== "completed" || final?.type !== "final") {
    throw new Error(`no final before a completed end: ${JSON.stringify(events.slice(-2))}`);
  }
  return final;
}
