/** Sentence embeddings from the local engine. */
import { connectEngine } from "../../workers/speech/client.ts";
import type { Clock } from "../clock.ts";

export interface EmbedderOptions {
  /** Socket of the embeddings' process. */
  socketPath: string;
  clock: Clock;
}

export interface EmbedOptions {
  signal: AbortSignal;
  /** On the clock. */
  deadlineMs: number;
  tenant: string;
}

/** No vectors could be had. */
export class EmbedderError extends Error {
  /** `provider_overloaded`: try later; `cancelled`: the signal. */
  readonly code: "provider_unavailable" | "provider_overloaded" | "provider_rejected" | "cancelled";
  constructor(code: EmbedderError["code"], message: string) {
    super(message);
    this.name = "EmbedderError";
    this.code = code;
  }
}

/** Texts as vectors of 384 numbers, each of length 1. */
export interface Embedder {
  /**
   * @param texts any number; each is cut at 256 tokens (some 200 words)
   * @returns one vector a text, in order
   * @throws EmbedderError
   */
  embed(texts: string[], options: EmbedOptions): Promise<Float32Array[]>;
  /** Resolves when the model is loaded (or can't be); never rejects. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

const DIMENSIONS = 384;
/** Texts a request: 0.1 to 0.3 s of work, so that others get in between. */
const BATCH_TEXTS = 16;
/** Longer texts are cut before they travel; 256 tokens never need more. */
const MAX_TEXT_CHARACTERS = 4000;

/** An embedder on a process of its own; connects at once. */
export function createEmbedder({ socketPath, clock }: EmbedderOptions): Embedder {
  const client = connectEngine({ socketPath, clock });

  const embedBatch = async (
    texts: string[],
    { signal, deadlineMs, tenant }: EmbedOptions,
  ): Promise<Float32Array[]> => {
    let vectors: Float32Array[] = [];
    const args = { texts: texts.map((text) => text.slice(0, MAX_TEXT_CHARACTERS)) };
    const result = await client.call(
      { op: "embed", args, tenant },
      {
        ...{ signal, deadlineMs },
        onEvent(_event, payload) {
          const all = new Float32Array(payload.slice().buffer);
          vectors = texts.map((_, index) => all.slice(index * DIMENSIONS, (index + 1) * DIMENSIONS));
        },
      },
    );
    if (result.outcome === "cancelled") throw new EmbedderError("cancelled", "the call was cancelled");
    if (result.outcome === "failed") {
      const { code } = result;
      if (code === "overloaded")
        throw new EmbedderError("provider_overloaded", "the embeddings' queue is full");
      if (code === "invalid_request") throw new EmbedderError("provider_rejected", "the texts were refused");
      throw new EmbedderError("provider_unavailable", `no embeddings: ${result.message}`);
    }
    return vectors;
  };

  return {
    async embed(texts, options) {
      const vectors: Float32Array[] = [];
      for (let at = 0; at < texts.length; at += BATCH_TEXTS) {
        vectors.push(...(await embedBatch(texts.slice(at, at + BATCH_TEXTS), options)));
      }
      return vectors;
    },
    ready: () => client.ready(),
    close: () => client.close(),
  };
}
