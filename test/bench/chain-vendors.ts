/** Vendors inside the process that cost next to nothing, so that what is measured is the chain's. */
import type {
  AiRequest,
  AudioPiece,
  CallContext,
  EndEvent,
  Provider,
  SttEvent,
  SttRequest,
  TtsEvent,
  TtsRequest,
} from "../../gateway/providers/provider.ts";
import type { AiChainEvent } from "../../gateway/resilience/ai-policy.ts";
import type { Speech } from "../../loadtest/standins/voice-speech.ts";
import { renderSpeech } from "../../loadtest/standins/voice-speech.ts";
import { loadFlite } from "../../workers/speech/flite.ts";

/** An answer as long as people hear it: 28 words. */
export const answer =
  "The next train to the city leaves at nine from platform two. It takes about forty minutes. You can buy a ticket on board, or at the machine outside.";
export const sentences: readonly string[] = answer.split(/(?<=\.) /);

const frameSamples = 320;
const utteranceFrames = 150;
const sampleRateHz = 16_000;
const chunkSamples = 1600;

/** Lets the loop turn, as it does between two packets of a vendor. */
export const packet = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function end(provider: string, outcome: EndEvent["outcome"] = "completed"): EndEvent {
  return { type: "end", outcome, usage: { inputTokens: 400, outputTokens: 40 }, provider };
}

const silence = new Int16Array(frameSamples);

/** Three seconds of speech, all of it there already. */
export function utterance(): SttRequest {
  return {
    audio: {
      sampleRateHz: 16000,
      fromSample: 0,
      async *read(): AsyncGenerator<AudioPiece> {
        for (let frame = 0; frame < utteranceFrames; frame += 1)
          yield { type: "samples", fromSample: frame * frameSamples, pcm: silence };
        yield { type: "end", atSample: utteranceFrames * frameSamples };
      },
    },
  };
}

export function createEar(name: string): Provider<SttRequest, SttEvent> {
  return {
    name,
    async *stream({ audio }, { signal }) {
      let frames = 0;
      for await (const piece of audio.read(0, signal)) if (piece.type === "samples") frames += 1;
      await packet();
      yield { type: "final", text: "when does the next train leave", untilSample: frames * frameSamples };
      yield end(name);
    },
  };
}

export function createAnswerer(name: string): Provider<AiRequest, AiChainEvent> {
  const deltas = answer.match(/\S+\s*/g) ?? [];
  return {
    name,
    async *stream() {
      for (const delta of deltas) {
        await packet();
        yield { type: "text", delta };
      }
      yield end(name);
    },
  };
}

/** The answer's sentences as flite says them: what the chain listens to is real speech. */
export async function renderAnswer(): Promise<ReadonlyMap<string, Speech>> {
  const flite = await loadFlite();
  return new Map(
    sentences.map((text) => [text, renderSpeech(flite, { text, voice: "slt", sampleRateHz, speedRatio: 1 })]),
  );
}

/** A voice with word marks, in chunks of 100 ms. */
export function createVoice(
  name: string,
  speech: ReadonlyMap<string, Speech>,
): Provider<TtsRequest, TtsEvent> {
  return {
    name,
    async *stream({ text }) {
      const { pcm, words } = speech.get(text)!;
      let next = 0;
      for (let from = 0; from < pcm.length; from += chunkSamples) {
        await packet();
        for (; next < words.length; next += 1) {
          if (words[next]!.fromSample >= from + chunkSamples) break;
          yield { type: "word", ...words[next]! };
        }
        yield { type: "audio", pcm: pcm.subarray(from, from + chunkSamples) };
      }
      yield end(name);
    },
  };
}

/** When a vendor failed (or was first asked) and when the next one was asked, on one clock. */
export interface Handover {
  askedAtMs: number;
  failedAtMs: number;
  nextAtMs: number;
}

/** What `createFailing` does to a call; "well" answers. */
export type Trouble = "well" | "refuses" | "breaks off" | "hangs" | "stalls";

/** An answerer that has the trouble of `handovers`' next call; `next` is who comes after it. */
export function createFailing(
  trouble: (call: number) => Trouble,
  nowMs: () => number,
): {
  first: Provider<AiRequest, AiChainEvent>;
  next: Provider<AiRequest, AiChainEvent>;
  handovers: Map<string, Handover>;
} {
  const handovers = new Map<string, Handover>();
  let calls = 0;
  async function* run(
    _: AiRequest,
    { callId, signal }: CallContext,
  ): AsyncGenerator<AiChainEvent | EndEvent> {
    const kind = trouble(calls);
    calls += 1;
    const handover: Handover = { askedAtMs: nowMs(), failedAtMs: 0, nextAtMs: 0 };
    if (kind !== "well") handovers.set(callId, handover);
    await packet();
    if (kind !== "refuses" && kind !== "hangs") yield { type: "text", delta: "Well, " };
    handover.failedAtMs = nowMs();
    if (kind === "hangs" || kind === "stalls") {
      if (!signal.aborted)
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      return yield end("a", "cancelled");
    }
    if (kind === "well") return yield end("a");
    const error = { code: "provider_unavailable", message: "503", retryable: true } as const;
    handover.failedAtMs = nowMs();
    yield { ...end("a", "failed"), error };
  }
  return {
    handovers,
    first: { name: "a", stream: run },
    next: {
      name: "b",
      async *stream(_, { callId }) {
        const handover = handovers.get(callId);
        if (handover !== undefined) handover.nextAtMs = nowMs();
        await packet();
        yield { type: "text", delta: "there it is." };
        yield end("b");
      },
    },
  };
}
