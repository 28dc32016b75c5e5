/** Makes passages' vectors in the background, a small batch at a time, so that questions get in between. */
import type { Clock, Timer } from "../../clock.ts";
import { type Entry, textsToEmbed } from "./shelf.ts";

/** Texts to vectors of length 1; `deadlineMs` is on the clock. May reject, may be late. */
export interface TextEmbedder {
  embed(
    texts: string[],
    options: { signal: AbortSignal; deadlineMs: number; tenant: string },
  ): Promise<Float32Array[]>;
}

export interface VectorMakerOptions {
  embedder: TextEmbedder;
  clock: Clock;
  limits: { batchMs: number; batchPassages: number; batchAttempts: number };
}

/** First wait after a failure; doubles with each one in a row. */
const retryMs = 500;
const retryMaxMs = 15_000;

export interface VectorMaker {
  /** Queues entries; bounded by the passages that the store may hold. */
  make(entries: Entry[], tenant: string): void;
  /** Takes entries that are gone out of the queue. */
  forget(entries: ReadonlySet<Entry>): void;
  /** Goes on if it had given up. */
  wake(): void;
  /** Resolves when nothing is waiting, or when it gave up for now. */
  settled(): Promise<void>;
  close(): void;
}

export function createVectorMaker({ embedder, clock, limits }: VectorMakerOptions): VectorMaker {
  const closing = new AbortController();
  let waiting: { entry: Entry; tenant: string }[] = [];
  let running = false;
  let failures = 0;
  let timer: Timer | null = null;
  let watchers: (() => void)[] = [];

  const rest = () => {
    running = false;
    for (const watcher of watchers.splice(0)) watcher();
  };

  const step = async (): Promise<void> => {
    const tenant = waiting[0]?.tenant;
    if (tenant === undefined || closing.signal.aborted) return rest();
    const batch = waiting.slice(0, limits.batchPassages).filter((one) => one.tenant === tenant);
    try {
      await embedBatch(
        embedder,
        batch.map(({ entry }) => entry),
        { tenant, signal: closing.signal, deadlineMs: clock.nowMs() + limits.batchMs },
      );
      failures = 0;
      const done = new Set(batch);
      waiting = waiting.filter((one) => !done.has(one));
      void step();
    } catch {
      failures += 1;
      if (closing.signal.aborted || failures >= limits.batchAttempts) return rest();
      const waitMs = Math.min(retryMaxMs, retryMs * 2 ** (failures - 1));
      timer = clock.timer(clock.nowMs() + waitMs, () => void step());
    }
  };

  const start = () => {
    if (running || waiting.length === 0 || closing.signal.aborted) return;
    running = true;
    failures = 0;
    void step();
  };

  return {
    make(entries, tenant) {
      for (const entry of entries) waiting.push({ entry, tenant });
      start();
    },
    forget(entries) {
      waiting = waiting.filter(({ entry }) => !entries.has(entry));
    },
    wake: start,
    settled: () => (running ? new Promise<void>((resolve) => watchers.push(resolve)) : Promise.resolve()),
    close() {
      closing.abort();
      timer?.cancel();
      waiting = [];
      rest();
      watchers = [];
    },
  };
}

async function embedBatch(
  embedder: TextEmbedder,
  entries: Entry[],
  options: { tenant: string; signal: AbortSignal; deadlineMs: number },
): Promise<void> {
  const wanted = entries.map(textsToEmbed);
  const texts = wanted.flatMap(({ full, questions }) => [full, ...questions]);
  const vectors = await embedder.embed(texts, options);
  if (vectors.length !== texts.length) throw new Error("the embedder returned another number of vectors");
  let at = 0;
  for (const [index, entry] of entries.entries()) {
    entry.vector = vectors[at++] ?? null;
    const count = wanted[index]?.questions.length ?? 0;
    entry.questionVectors = vectors.slice(at, at + count);
    at += count;
  }
}
