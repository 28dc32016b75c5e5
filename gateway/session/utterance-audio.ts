/** An utterance as its recognisers see it: a range of the audio bus, possibly still open, readable again at will. */
import type { AudioPiece, AudioRange } from "../providers/provider.ts";

/** What it reads from (part of the bus's channel). */
export interface AudioSource {
  readonly readableSamples: number;
  /** Gated samples trail the raw ones; absent: they don't. */
  readonly gatedReadableSamples?: number;
  read(fromSample: number, toSample: number, signal?: "raw" | "gated"): Int16Array;
  /** Asks to be notified of the very next samples. */
  hasten?(): void;
}

type Mark = Extract<AudioPiece, { type: "pause" | "resumed" | "probe" | "end" }>;

/** Samples are handed on in pieces of at least 100 ms: a recogniser's call costs more than its samples. */
const minPieceSamples = 1_600;
/** And of at most 10 s, so that a long utterance is never copied whole. */
const maxPieceSamples = 160_000;

/** A reader that waits until `untilSample` can be read, or for a mark. */
interface Waiter {
  untilSample: number;
  wake(): void;
}

function sampleOf(mark: Mark): number {
  return mark.type === "pause" ? mark.lastVoicedSample : mark.atSample;
}

export class UtteranceAudio implements AudioRange {
  readonly sampleRateHz = 16000;
  readonly fromSample: number;
  readonly #source: AudioSource;
  readonly #signal: "raw" | "gated";
  readonly #marks: Mark[] = [];
  #waiters: Waiter[] = [];

  constructor(source: AudioSource, fromSample: number, signal: "raw" | "gated") {
    this.#source = source;
    this.fromSample = fromSample;
    this.#signal = signal;
  }

  /** Whether a reader waits for more samples (else `notify` need not be called). */
  get awaited(): boolean {
    return this.#waiters.length > 0;
  }

  /** Whether it was said where it ends. */
  get ended(): boolean {
    return this.#marks.at(-1)?.type === "end";
  }

  /** Resolves then, or at the abort. */
  async whenEnded(signal: AbortSignal): Promise<void> {
    while (!this.ended && !signal.aborted) await this.#more(Number.POSITIVE_INFINITY, signal);
  }

  pause(lastVoicedSample: number): void {
    this.#mark({ type: "pause", lastVoicedSample });
  }

  resumed(atSample: number): void {
    this.#mark({ type: "resumed", atSample });
  }

  probe(atSample: number): void {
    this.#mark({ type: "probe", atSample });
  }

  end(atSample: number): void {
    this.#mark({ type: "end", atSample });
  }

  #mark(mark: Mark): void {
    if (this.ended) return;
    this.#marks.push(mark);
    this.#wake(this.#waiters.splice(0));
  }

  /** More samples can be read. */
  notify(): void {
    const sample = Math.min(this.#liveSample, this.#source.readableSamples);
    const due = this.#waiters.filter(({ untilSample }) => untilSample <= sample);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter(({ untilSample }) => untilSample > sample);
    this.#wake(due);
  }

  #wake(waiters: Waiter[]): void {
    for (const { wake } of waiters) wake();
  }

  async *read(fromSample: number, signal: AbortSignal): AsyncGenerator<AudioPiece> {
    let sample = Math.max(fromSample, this.fromSample);
    let markIndex = 0;
    while (!signal.aborted) {
      const mark = this.#marks[markIndex];
      const complete = mark !== undefined && this.#source.readableSamples >= sampleOf(mark);
      const limit = complete ? Math.max(sample, sampleOf(mark)) : this.#liveSample;
      const available = Math.min(limit - sample, maxPieceSamples);
      if (available >= minPieceSamples || (complete && available > 0)) {
        yield { type: "samples", fromSample: sample, pcm: this.#take(sample, sample + available) };
        sample += available;
      } else if (mark && complete) {
        yield mark;
        if (mark.type === "end") return;
        markIndex += 1;
      } else {
        if (mark !== undefined) this.#source.hasten?.();
        await this.#more(mark === undefined ? sample + minPieceSamples : 0, signal);
      }
    }
  }

  /** End of what can be read of the wanted signal. */
  get #liveSample(): number {
    const { readableSamples, gatedReadableSamples } = this.#source;
    return this.#signal === "gated" ? (gatedReadableSamples ?? readableSamples) : readableSamples;
  }

  /** What is not gated yet, or no more, is taken raw: a client that stops sending leaves the gate no more to go on. */
  #take(fromSample: number, toSample: number): Int16Array {
    if (this.#signal === "raw") return this.#source.read(fromSample, toSample, "raw");
    const gatedTo = Math.max(fromSample, Math.min(toSample, this.#liveSample));
    const pcm = this.#source.read(fromSample, toSample, "raw");
    try {
      if (gatedTo > fromSample) pcm.set(this.#source.read(fromSample, gatedTo, "gated"));
    } catch (error) {
      // The client switched noise reduction off meanwhile.
      if (!(error instanceof RangeError)) throw error;
    }
    return pcm;
  }

  #more(untilSample: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiters.push({ untilSample, wake });
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}

/** Audio that is already whole, e.g. from inside an item. */
export function wholeAudio(pcm: Int16Array): UtteranceAudio {
  const source: AudioSource = { readableSamples: pcm.length, read: (from, to) => pcm.slice(from, to) };
  const audio = new UtteranceAudio(source, 0, "raw");
  audio.end(pcm.length);
  return audio;
}
