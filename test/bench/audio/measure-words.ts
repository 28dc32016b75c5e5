/** Sentences through the whole gateway, hands-free, and how many of their words came out wrong. */
import { resampleWhole } from "../../../workers/speech/resample.ts";
import { scriptedEngines, startGateway } from "../../support/gateway.ts";
import { RealtimeClient } from "../../support/realtime-client.ts";
import { sayUtterance, type TestVoice } from "../../support/speech.ts";
import { countWordErrors } from "../../support/word-errors.ts";
import { sentences } from "../sentences.ts";
import { type MixPlan, makeMix } from "./mixes.ts";
import type { NoiseKind } from "./noises.ts";
import { rateHz, type Voices } from "./voices.ts";

export const wordVoices: readonly TestVoice[] = ["slt", "rms"];

/** What the sentences are heard in. */
export interface WordCondition {
  noise: NoiseKind | null;
  snrDb: number | null;
}

/** One sentence, said and understood. */
export interface HeardSentence {
  voice: TestVoice;
  said: string;
  heard: string;
  errors: number;
  words: number;
}

export interface WordOptions {
  /** Settings of the gateway beside the defaults, e.g. PARLEY_STT_INPUT. */
  env?: Record<string, string>;
  /** Sentences a voice, evenly spread over the sixty; all by default. */
  most?: number;
  /** Flags for the gateway's Node. */
  nodeFlags?: string[];
}

const wireRateHz = 24_000;
const leadMs = 600;
/** Longer than the silence that ends a turn. */
const tailMs = 1500;
const silenceMs = 900;
const transcriptWaitMs = 60_000;
/** Faster than real time, a recording is heard in a third of a second; after this long it was not noticed at all. */
const unheardWaitMs = 6000;
const hushMs = 2000;
const pollMs = 15;
const transcription = "conversation.item.input_audio_transcription";

/** "clean", or noise and its distance. */
export function nameCondition({ noise, snrDb }: WordCondition): string {
  return noise === null ? "clean" : `${noise} ${snrDb} dB`;
}

/** Share of wrong words, in percent. */
export function wrongPercent(heard: readonly HeardSentence[]): number {
  const errors = heard.reduce((sum, one) => sum + one.errors, 0);
  return (100 * errors) / heard.reduce((sum, one) => sum + one.words, 0);
}

/**
 * Starts a gateway whose recogniser alone is real and says the sentences to it, one session a voice, in every condition.
 *
 * @returns what was understood, by the condition's name
 */
export async function hearSentences(
  voices: Voices,
  conditions: readonly WordCondition[],
  options: WordOptions = {},
): Promise<Map<string, HeardSentence[]>> {
  const gateway = await startGateway({
    env: { ...scriptedEngines, PARLEY_STT: "embedded", ...options.env },
    nodeFlags: options.nodeFlags ?? [],
  });
  try {
    const results = new Map<string, HeardSentence[]>();
    for (const condition of conditions) {
      const heard = await Promise.all(
        wordVoices.map((voice) => hearVoice(gateway.wsUrl, voices, voice, condition, options.most)),
      );
      results.set(nameCondition(condition), heard.flat());
    }
    return results;
  } finally {
    await gateway.stop();
  }
}

async function hearVoice(
  wsUrl: string,
  voices: Voices,
  voice: TestVoice,
  condition: WordCondition,
  most = sentences.length,
): Promise<HeardSentence[]> {
  const client = await RealtimeClient.session(wsUrl, {
    audio: {
      input: {
        format: { type: "audio/pcm", rate: wireRateHz },
        transcription: { model: "default", language: "en" },
        // Longer than any pause inside a sentence: endpointing is measured elsewhere.
        turn_detection: { type: "server_vad", silence_duration_ms: silenceMs, create_response: false },
      },
    },
  });
  try {
    const ears = new Ears(client);
    const spans: { said: string; fromMs: number }[] = [];
    for (const said of spreadOver(sentences, most)) {
      const fromMs = ears.sentMs;
      spans.push({ said, fromMs });
      ears.send(await record(voices, said, voice, condition));
      await ears.waitFor(fromMs);
    }
    return spans.map(({ said, fromMs }, index) => {
      const heard = ears.textBetween(fromMs, spans[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY);
      return { voice, said, heard, ...countWordErrors(said, heard) };
    });
  } finally {
    client.close();
  }
}

function spreadOver<T>(all: readonly T[], most: number): T[] {
  const count = Math.min(most, all.length);
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]!);
}

async function record(
  voices: Voices,
  said: string,
  voice: TestVoice,
  { noise, snrDb }: WordCondition,
): Promise<Int16Array> {
  const { pcm } = await sayUtterance(said, voice);
  const clip = { name: `${voice} "${said}"`, speaker: "flite" as const, pcm };
  const plan: MixPlan = { clip, condition: noise === null ? "clean" : "noise", noise, snrDb, leadMs, tailMs };
  return resampleWhole(makeMix(voices, plan).heard, rateHz, wireRateHz);
}

/** Keeps what was understood, and when it was said: noise may cut a sentence into several turns, or hide it. */
class Ears {
  private readonly client: RealtimeClient;
  /** Audio sent so far. */
  sentMs = 0;

  constructor(client: RealtimeClient) {
    this.client = client;
  }

  send(recording: Int16Array): void {
    this.client.append(recording);
    this.sentMs += (1000 * recording.length) / wireRateHz;
  }

  /** Waits until something that began at a moment or later was written down, or nothing seems to have been said. */
  async waitFor(fromMs: number): Promise<void> {
    const sinceMs = performance.now();
    let hushes = 0;
    for (;;) {
      const begun = this.turns().filter(({ startMs }) => startMs >= fromMs);
      const waitedMs = performance.now() - sinceMs;
      if (begun.length > 0 && begun.every(({ text }) => text !== null)) return;
      if (begun.length === 0 && waitedMs > unheardWaitMs) return;
      if (waitedMs > (hushes + 1) * unheardWaitMs && begun.some(({ isOpen }) => isOpen)) {
        // Noise that is taken for speech to the end of the recording: only silence ends that turn.
        this.send(new Int16Array(hushMs * (wireRateHz / 1000)));
        hushes += 1;
      }
      if (!this.client.isOpen || waitedMs > transcriptWaitMs) {
        const last = this.client.events.slice(-8).map(({ type, item_id }) => `${type} ${item_id ?? ""}`);
        throw new Error(`a transcript never came; last events: ${last.join(", ")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  textBetween(fromMs: number, untilMs: number): string {
    const turns = this.turns().filter(({ startMs }) => startMs >= fromMs && startMs < untilMs);
    return turns.map(({ text }) => text ?? "").join(" ");
  }

  private turns(): { startMs: number; text: string | null; isOpen: boolean }[] {
    const written = new Map<string, string>();
    const committed = new Set<string>();
    for (const event of this.client.events) {
      if (event.type === `${transcription}.completed`) written.set(event.item_id, event.transcript);
      else if (event.type === `${transcription}.failed`) written.set(event.item_id, "");
      else if (event.type === "input_audio_buffer.committed") committed.add(event.item_id);
    }
    return this.client.all("input_audio_buffer.speech_started").map((event) => ({
      startMs: event.audio_start_ms,
      text: written.get(event.item_id) ?? null,
      isOpen: !committed.has(event.item_id),
    }));
  }
}
