/** A vendor's voice in front of its stand-in, for tests. */

import type { CallContext, EndEvent, TtsEvent, TtsRequest } from "../../gateway/providers/provider.ts";
import { createCartesiaTts } from "../../gateway/providers/tts/cartesia.ts";
import { createElevenLabsTts } from "../../gateway/providers/tts/elevenlabs.ts";
import { createGoogleTts } from "../../gateway/providers/tts/google.ts";
import type { GoogleChannelLimits } from "../../gateway/providers/tts/google-channels.ts";
import { createOpenAiTts } from "../../gateway/providers/tts/openai.ts";
import type { PooledVoice, VoiceSocketLimits } from "../../gateway/providers/tts/voice-sockets.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import { startCartesia } from "../../loadtest/standins/cartesia.ts";
import { startElevenlabs } from "../../loadtest/standins/elevenlabs.ts";
import { startGoogleTts } from "../../loadtest/standins/google-tts.ts";
import type { VendorLatency } from "../../loadtest/standins/latency.ts";
import { startOpenaiTts } from "../../loadtest/standins/openai-tts.ts";
import type { Standin, StandinName, StartStandin } from "../../loadtest/standins/standin.ts";
import { createWorld, type DrillWorld } from "../../loadtest/standins/world.ts";

export const clock = createSystemClock();

export interface VoiceSettings {
  voice: string;
  language: string;
  apiKey: string;
  model: string;
  limits: Partial<VoiceSocketLimits & GoogleChannelLimits>;
}

export interface VoiceUnderTest {
  standin: StandinName;
  start: StartStandin;
  /** Words come with the audio. */
  hasWords: boolean;
  voice: string;
  foreignVoice: string;
  make(url: string, settings?: Partial<VoiceSettings>): PooledVoice;
}

function optionsOf(url: string, voice: string, given: Partial<VoiceSettings> = {}) {
  return {
    clock,
    apiKey: given.apiKey ?? "secret-key-of-the-account",
    url,
    model: given.model ?? "",
    voice: given.voice ?? voice,
    language: given.language ?? "en-US",
    limits: given.limits ?? {},
  };
}

const chirp = "en-US-Chirp3-HD-Aoede";
const neural = "en-US-Neural2-C";
const george = "JBFqnCBsd6RMkjVDRZzb";
const barbershop = "a0e99841-438c-4a64-b679-ae501e7d6091";

/** Every voice that there is, Google's in both of its ways. */
export const voices: Readonly<Record<string, VoiceUnderTest>> = {
  "google streaming": {
    ...{ standin: "google-tts", start: startGoogleTts, hasWords: false },
    ...{ voice: chirp, foreignVoice: "de-DE-Chirp3-HD-Kore" },
    make: (url, given) => createGoogleTts({ ...optionsOf(url, chirp, given), credentialsPath: null }),
  },
  "google at once": {
    ...{ standin: "google-tts", start: startGoogleTts, hasWords: false },
    ...{ voice: neural, foreignVoice: "de-DE-Neural2-F" },
    make: (url, given) => createGoogleTts({ ...optionsOf(url, neural, given), credentialsPath: null }),
  },
  elevenlabs: {
    ...{ standin: "elevenlabs", start: startElevenlabs, hasWords: true },
    ...{ voice: george, foreignVoice: "bq2Ymt5kiukfjh2TmFzL" },
    make: (url, given) => createElevenLabsTts(optionsOf(url, george, given)),
  },
  cartesia: {
    ...{ standin: "cartesia", start: startCartesia, hasWords: true },
    ...{ voice: barbershop, foreignVoice: "b9de4a89-2257-424b-94c2-db18ba68c81a" },
    make: (url, given) => createCartesiaTts(optionsOf(url, barbershop, given)),
  },
  openai: {
    ...{ standin: "openai-tts", start: startOpenaiTts, hasWords: false },
    // OpenAI's voices speak any language.
    ...{ voice: "alloy", foreignVoice: "" },
    make: (url, given) => createOpenAiTts(optionsOf(url, "alloy", given)),
  },
};

const atOnce: VendorLatency = { first: { p50Ms: 0, p95Ms: 0 }, piece: { p50Ms: 0, p95Ms: 0 } };

export interface VoiceStage {
  world: DrillWorld;
  standin: Standin;
  provider: ReturnType<VoiceUnderTest["make"]>;
  close(): Promise<void>;
}

/** Starts the stand-in and makes the provider. Nothing takes time, unless `latency` says so. */
export async function openStage(
  voice: VoiceUnderTest,
  settings: Partial<VoiceSettings> = {},
  latency: VendorLatency = atOnce,
): Promise<VoiceStage> {
  const world = createWorld({ seed: 7, latencies: { [voice.standin]: latency } });
  const standin = await voice.start(world);
  const provider = voice.make(standin.url, settings);
  return {
    world,
    standin,
    provider,
    async close() {
      await provider.close?.();
      await standin.close();
      await world.close();
    },
  };
}

export function requestOf(given: Partial<TtsRequest> = {}): TtsRequest {
  return {
    ...{ text: "The quick brown fox jumps over the lazy dog.", voice: "no such voice" },
    ...{ speedRatio: 1, sampleRateHz: 24000 },
    ...given,
  };
}

export function contextOf(
  signal: AbortSignal = new AbortController().signal,
  timeoutMs = 20_000,
): CallContext {
  return { signal, deadlineMs: clock.nowMs() + timeoutMs, clock, tenant: "test", callId: clock.randomId(6) };
}

export interface Heard {
  pcm: Int16Array;
  words: { text: string; fromSample: number; atSample: number }[];
  end: EndEvent;
}

/** Everything that a call yields; a word's `atSample` is how much audio had come before it. */
export async function hear(stream: AsyncIterable<TtsEvent | EndEvent>): Promise<Heard> {
  const parts: Int16Array[] = [];
  const words: Heard["words"] = [];
  let samples = 0;
  let end: EndEvent | null = null;
  for await (const event of stream) {
    if (end !== null) throw new Error("something came after the end");
    if (event.type === "end") end = event;
    else if (event.type === "word") words.push({ ...event, atSample: samples });
    else if (event.type === "audio") {
      parts.push(event.pcm);
      samples += event.pcm.length;
    }
  }
  if (end === null) throw new Error("there was no end");
  const pcm = new Int16Array(samples);
  let at = 0;
  for (const part of parts) {
    pcm.set(part, at);
    at += part.length;
  }
  return { pcm, words, end };
}

/** Speaks and hears all of it. */
export function say(stage: VoiceStage, given: Partial<TtsRequest> = {}): Promise<Heard> {
  return hear(stage.provider.stream(requestOf(given), contextOf()));
}
