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
  /** `alone`: in a batch that was refused, maybe for another one's sake. */
  let waiting: { entry: Entry; tenant: string; alone: boolean }[] = [];
  let running = false;
  let failures = 0;
  let timer: Timer | null = null;
  let watchers: (() => void)[] = [];

  const rest = () => {
    running = false;
    for (const watcher of watchers.splice(0)) watcher();
  };

  const step = async (): Promise<void> => {
    const [first] = waiting;
    if (first === undefined || closing.signal.aborted) return rest();
    const { tenant } = first;
    const next = waiting.slice(0, limits.batchPassages);
    const batch = first.alone ? [first] : next.filter((one) => one.tenant === tenant && !one.alone);
    const inBatch = new Set(batch);
    try {
      await embedBatch(
        embedder,
        batch.map(({ entry }) => entry),
        { tenant, signal: closing.signal, deadlineMs: clock.nowMs() + limits.batchMs },
      );
      failures = 0;
      waiting = waiting.filter((one) => !inBatch.has(one));
      void step();
    } catch {
      failures += 1;
      if (closing.signal.aborted) return rest();
      if (failures >= limits.batchAttempts) {
        // The others come first next time: what is refused for good would keep them waiting for good.
        const refused = waiting.filter((one) => inBatch.has(one)).map((one) => ({ ...one, alone: true }));
        waiting = [...waiting.filter((one) => !inBatch.has(one)), ...refused];
        return rest();
      }
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
      for (const entry of entries) waiting.push({ entry, tenant, alone: false });
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
