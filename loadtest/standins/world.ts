/** The world behind all stand-ins: latencies, faults, what is answered, said and heard, and the record of it all. */
import { type Answer, type Asked, answerTo } from "./answers.ts";
import { CallBook, type CallRecord } from "./call-record.ts";
import { createChance } from "./chance.ts";
import { Ears } from "./ears.ts";
import { FaultBoard, failsAfter, streamFaults } from "./faults.ts";
import { drawLatencyMs, type Latencies, latencyOf } from "./latency.ts";
import {
  type CallDetail,
  type CallPlan,
  type StandinName,
  type StandinWorld,
  standinNames,
} from "./standin.ts";
import { Voices } from "./voices.ts";

export interface WorldOptions {
  seed: number;
  /** By vendor; what is missing is the default (first output p50 250 ms, p95 500 ms). */
  latencies?: Latencies;
  /** Kept speech. Default 64 MiB. */
  maxVoiceCacheBytes?: number;
  /** Where speech is kept for other runs; none by default. */
  voiceFolder?: string;
  /** Voices that speak each answer's sentences ahead, as vendors do who are fast however many ask them; none by default. */
  preparedVoices?: readonly string[];
}

/** The world, with what a harness needs beside what stand-ins see. */
export interface DrillWorld extends StandinWorld {
  readonly faults: FaultBoard;
  readonly ears: Ears;
  readonly voices: Voices;
  /** Kept calls, oldest first. */
  calls(): readonly CallRecord[];
  /** Answers a question ahead, and speaks that answer in the prepared voices; resolves when it is spoken. */
  prepare(question: string): Promise<void>;
  /** Learns an utterance: its speech by one of our voices, or a recording at 16 kHz. */
  learn(utterance: { text: string; voice?: string; pcm?: Int16Array }): Promise<void>;
  /** Takes all faults off, forgets the calls and begins the draws anew; utterances stay. */
  reset(): Promise<void>;
  /** Ends open calls and the voices' thread. */
  close(): Promise<void>;
}

/** Waits that one call may have at a time. */
const maxWaits = 64;
/** Beyond that a timer of Node's wraps around; nobody waits for so long. */
const longestWaitMs = 24 * 3_600_000;
const utteranceRateHz = 16_000;
const utteranceVoice = "slt";
/** What gateways ask voices for. */
const preparedRateHz = 24_000;

/** Makes the world. One for all stand-ins of a run. */
export function createWorld(options: WorldOptions): DrillWorld {
  const { seed, latencies = {}, preparedVoices = [] } = options;
  const faults = new FaultBoard(() => performance.now());
  const book = new CallBook();
  const ears = new Ears();
  const { maxVoiceCacheBytes, voiceFolder } = options;
  const voices = new Voices({
    ...(maxVoiceCacheBytes === undefined ? {} : { maxCacheBytes: maxVoiceCacheBytes }),
    ...(voiceFolder === undefined ? {} : { folder: voiceFolder }),
  });
  const counts = new Map<StandinName, number>();
  const open = new Set<OpenCall>();
  let nextId = 1;

  function begin(name: StandinName): CallPlan {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    // A generator a call, by vendor and number: who else calls in between changes nothing.
    const random = createChance(seed, name, count);
    const latency = latencyOf(latencies, name);
    const first = drawLatencyMs(latency.first, random);
    const piece = drawLatencyMs(latency.piece, random);
    const resolved = faults.resolve(name, random);
    const record: CallRecord = {
      id: nextId++,
      standin: name,
      startedAtMs: performance.timeOrigin + performance.now(),
      firstMs: null,
      durationMs: null,
      outcome: "open",
      fault: resolved.hit !== null && streamFaults.has(resolved.hit) ? null : resolved.hit,
      detail: {},
    };
    book.add(record);
    const call = new OpenCall({
      record,
      book,
      random,
      fault: resolved.fault,
      firstMs: resolved.firstMs ?? first * resolved.latencyRatio,
      pieceMs: resolved.pieceMs ?? piece * resolved.latencyRatio,
      onEnd: () => open.delete(call),
    });
    open.add(call);
    return call;
  }

  async function speakAhead(answer: Answer): Promise<void> {
    const sentences = preparedVoices.length === 0 ? [] : answer.text.split(/(?<=\.) /);
    const requests = sentences.flatMap((text) =>
      preparedVoices.map((voice) => ({ text, voice, sampleRateHz: preparedRateHz, speedRatio: 1 })),
    );
    await Promise.all(requests.map((request) => voices.prepare(request)));
  }

  function answer(asked: Asked): Answer {
    const given = answerTo(seed, asked);
    void speakAhead(given);
    return given;
  }

  return {
    seed,
    faults,
    ears,
    voices,
    begin,
    faultOn: (name) => faults.get(name),
    answer,
    prepare: (text) =>
      speakAhead(answerTo(seed, { system: "", messages: [{ role: "user", text }], tools: [] })),
    speak: (text, { voice, sampleRateHz, speedRatio }) =>
      voices.speak({ text, voice, sampleRateHz, speedRatio }),
    hear: (pcm) => ears.hear(pcm),
    calls: () => book.list(),
    async learn({ text, voice = utteranceVoice, pcm }) {
      if (pcm !== undefined) return ears.register({ text, pcm });
      const request = { text, voice, sampleRateHz: utteranceRateHz, speedRatio: 1 };
      ears.register({ text, ...(await voices.speak(request)) });
    },
    async reset() {
      await faults.setAll(standinNames, null);
      for (const call of [...open]) call.cancel();
      book.clear();
      counts.clear();
    },
    async close() {
      for (const call of [...open]) call.cancel();
      await voices.close();
    },
  };
}

interface OpenCallOptions {
  record: CallRecord;
  book: CallBook;
  random: () => number;
  fault: CallPlan["fault"];
  firstMs: number;
  pieceMs: number;
  onEnd(): void;
}

class OpenCall implements CallPlan {
  readonly id: number;
  readonly fault: CallPlan["fault"];
  readonly firstMs: number;
  readonly pieceMs: number;
  readonly #record: CallRecord;
  readonly #book: CallBook;
  readonly #random: () => number;
  readonly #onEnd: () => void;
  readonly #aborter = new AbortController();
  readonly #waits = new Set<() => void>();
  readonly #startedMs = performance.now();

  constructor({ record, book, random, fault, firstMs, pieceMs, onEnd }: OpenCallOptions) {
    this.id = record.id;
    this.fault = fault;
    this.firstMs = firstMs;
    this.pieceMs = pieceMs;
    this.#record = record;
    this.#book = book;
    this.#random = random;
    this.#onEnd = onEnd;
  }

  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  random(): number {
    return this.#random();
  }

  wait(ms: number): Promise<boolean> {
    if (this.#record.outcome !== "open" || this.#waits.size >= maxWaits) return Promise.resolve(false);
    return new Promise((resolve) => {
      const giveUp = () => {
        clearTimeout(timer);
        this.#waits.delete(giveUp);
        resolve(false);
      };
      const timer = setTimeout(
        () => {
          this.#waits.delete(giveUp);
          this.#record.firstMs ??= performance.now() - this.#startedMs;
          resolve(true);
        },
        Math.min(longestWaitMs, Math.max(0, ms)),
      );
      this.#waits.add(giveUp);
    });
  }

  cancel(): void {
    this.end("cancelled");
  }

  failsAfter(pieces: number): boolean {
    const fails = failsAfter(this.fault, pieces);
    if (fails) this.#record.fault = this.fault?.kind ?? null;
    return fails;
  }

  note(detail: CallDetail): void {
    this.#book.note(this.#record, detail);
  }

  end(outcome: "completed" | "cancelled" | "failed"): void {
    if (this.#record.outcome !== "open") return;
    this.#record.outcome = outcome;
    this.#record.durationMs = performance.now() - this.#startedMs;
    for (const giveUp of [...this.#waits]) giveUp();
    if (outcome === "cancelled") this.#aborter.abort();
    this.#onEnd();
  }
}
