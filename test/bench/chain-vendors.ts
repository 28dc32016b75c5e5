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

/** An answer as long as people hear it: 28 words. */
export const answer =
  "The next train to the city leaves at nine from platform two. It takes about forty minutes. You can buy a ticket on board, or at the machine outside.";
export const sentences: readonly string[] = answer.split(/(?<=\.) /);

const frameSamples = 320;
const utteranceFrames = 150;
const sampleRateHz = 16_000;
const chunkSamples = 1600;
const charsPerSecond = 14;

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

/** A voice with word marks, in chunks of 100 ms. */
export function createVoice(name: string): Provider<TtsRequest, TtsEvent> {
  const pcm = new Int16Array(chunkSamples).fill(3000);
  return {
    name,
    async *stream({ text }) {
      const words = [...text.matchAll(/\S+/g)];
      const samples = (text.length / charsPerSecond) * sampleRateHz;
      let next = 0;
      for (let from = 0; from < samples; from += chunkSamples) {
        await packet();
        for (; next < words.length; next += 1) {
          const fromSample = Math.round((words[next]!.index / text.length) * samples);
          if (fromSample >= from + chunkSamples) break;
          yield { type: "word", text: words[next]![0], fromSample };
        }
        yield { type: "audio", pcm };
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
