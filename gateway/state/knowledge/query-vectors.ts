/** Vectors of questions: kept for the latest ones, and never waited for longer than a turn can spare. */
import type { Clock } from "../../clock.ts";
import { normalise } from "../../language/words.ts";
import type { TextEmbedder } from "./vector-maker.ts";

export interface QueryVectorsOptions {
  embedder: TextEmbedder;
  clock: Clock;
  limits: { queryVectors: number; queryVectorMs: number };
}

export interface QueryVectors {
  /** @returns null if it failed, is late, or the signal says stop; never rejects */
  find(query: string, options: { tenant: string; signal: AbortSignal }): Promise<Float32Array | null>;
  close(): void;
}

/** A late vector is still taken for the next time until then. */
const graceMs = 1_000;
/** Questions that the embedder may have in hand at once; one more is answered by keywords. */
const pendingMax = 32;

export function createQueryVectors({ embedder, clock, limits }: QueryVectorsOptions): QueryVectors {
  const closing = new AbortController();
  /** In order of their last use, oldest first. */
  const kept = new Map<string, Float32Array>();
  const pending = new Map<string, Promise<Float32Array | null>>();

  const keep = (key: string, vector: Float32Array) => {
    kept.delete(key);
    kept.set(key, vector);
    if (kept.size > limits.queryVectors) kept.delete(kept.keys().next().value ?? key);
  };

  /** Not tied to one turn's signal: turns that ask the same share it, and its result is of use later. */
  const request = (key: string, query: string, tenant: string): Promise<Float32Array | null> => {
    const deadlineMs = clock.nowMs() + limits.queryVectorMs + graceMs;
    const answer = (async () => {
      try {
        const [vector] = await embedder.embed([query], { signal: closing.signal, deadlineMs, tenant });
        if (vector) keep(key, vector);
        return vector ?? null;
      } catch {
        return null;
      } finally {
        pending.delete(key);
      }
    })();
    pending.set(key, answer);
    return answer;
  };

  return {
    async find(query, { tenant, signal }) {
      const key = normalise(query);
      const known = kept.get(key);
      if (known) {
        keep(key, known);
        return known;
      }
      if (signal.aborted || closing.signal.aborted) return null;
      const open = pending.get(key) ?? (pending.size >= pendingMax ? null : request(key, query, tenant));
      return open === null ? null : waitAtMost(open, clock, limits.queryVectorMs, signal);
    },
    close() {
      closing.abort();
      kept.clear();
    },
  };
}

/** The promise's value, or null after `waitMs` or on abort. */
function waitAtMost<Value>(
  promise: Promise<Value | null>,
  clock: Clock,
  waitMs: number,
  signal: AbortSignal,
): Promise<Value | null> {
  return new Promise((resolve) => {
    const done = (value: Value | null) => {
      timer.cancel();
      signal.removeEventListener("abort", stop);
      resolve(value);
    };
    const stop = () => done(null);
    const timer = clock.timer(clock.nowMs() + waitMs, stop);
    signal.addEventListener("abort", stop, { once: true });
    void promise.then(done, stop);
  });
}
