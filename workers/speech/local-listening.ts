/**
 * A streaming recogniser as an engine's operation, whichever model is behind it: all utterances that are open are decoded together,
 * as their audio comes.
 */
import { setImmediate } from "node:timers/promises";
import { type EngineCall, EngineFault, type EngineOperations } from "./engine-server.ts";
import { pcmOf } from "./frames.ts";

/** Utterances that are open at once. */
export const LOCAL_STREAMS_MAX = 32;
const SAMPLE_RATE_HZ = 16000;
/** Audio of one utterance; nobody speaks for longer. */
const MAX_UTTERANCE_SAMPLES = 30 * 60 * SAMPLE_RATE_HZ;
/** Of one utterance's audio is taken at once, so that one that comes in minutes doesn't hold up the others. */
const TAKE_SAMPLES = SAMPLE_RATE_HZ;

/** What decodes; `Stream` is its own kind of value. */
export interface StreamingRecogniser<Stream> {
  createStream(): Stream;
  accept(stream: Stream, samples: Float32Array): void;
  isReady(stream: Stream): boolean;
  /** All of them are ready. */
  decode(streams: Stream[]): void;
  textOf(stream: Stream): string;
  /** Silence that brings the last word out, in ms. */
  readonly tailMs: number;
}

type Step = { pcm: Int16Array } | { mark: number; last: boolean };

/** One utterance. */
class Utterance<Stream> {
  readonly stream: Stream;
  readonly call: EngineCall;
  readonly done = Promise.withResolvers<void>();
  readonly steps: Step[] = [];
  /** Samples of the caller that the model got. */
  taken = 0;
  /** A mark whose words are being brought out. */
  marking: Extract<Step, { mark: number }> | null = null;
  told = { text: "", samples: 0 };

  constructor(stream: Stream, call: EngineCall) {
    this.stream = stream;
    this.call = call;
  }

  /** Reads what came; false when it is not what this operation takes. */
  read(): boolean {
    for (const { args, payload } of this.call.inbox.take()) {
      if (payload.length > 0) this.steps.push({ pcm: pcmOf(payload) });
      if (args.mark === undefined) continue;
      if (typeof args.mark !== "number") return false;
      this.steps.push({ mark: args.mark, last: args.last === true });
    }
    return true;
  }
}

function toFloats(pcm: Int16Array): Float32Array {
  return Float32Array.from(pcm, (sample) => sample / 32768);
}

class Listening<Stream> {
  readonly #recogniser: StreamingRecogniser<Stream>;
  readonly #open = new Set<Utterance<Stream>>();
  readonly #tail: Float32Array;
  #running = false;

  constructor(recogniser: StreamingRecogniser<Stream>) {
    this.#recogniser = recogniser;
    this.#tail = new Float32Array(Math.round((recogniser.tailMs * SAMPLE_RATE_HZ) / 1000));
  }

  async listen(call: EngineCall): Promise<void> {
    const utterance = new Utterance(this.#recogniser.createStream(), call);
    this.#open.add(utterance);
    const stop = () => utterance.done.resolve();
    call.signal.addEventListener("abort", stop, { once: true });
    call.inbox.arrived = () => this.#wake();
    this.#wake();
    try {
      await utterance.done.promise;
    } finally {
      call.signal.removeEventListener("abort", stop);
      this.#open.delete(utterance);
    }
  }

  #wake(): void {
    if (this.#running) return;
    this.#running = true;
    // What it throws has been given to the utterances.
    void this.#run().finally(() => {
      this.#running = false;
    });
  }

  /** Rounds until nobody has anything left; between two of them audio and cancellations get in. */
  async #run(): Promise<void> {
    do {
      await setImmediate();
    } while (this.#round());
  }

  /** @returns whether another round has something to do */
  #round(): boolean {
    const active = [...this.#open].filter(({ call }) => !call.signal.aborted);
    try {
      for (const utterance of active) this.#feed(utterance);
      const ready = active.filter(({ stream }) => this.#recogniser.isReady(stream));
      if (ready.length > 0) this.#recogniser.decode(ready.map(({ stream }) => stream));
      for (const utterance of active) this.#tell(utterance);
    } catch (error) {
      for (const utterance of active) utterance.done.reject(error);
      return false;
    }
    return active.some(
      ({ stream, steps, call }) =>
        !call.signal.aborted && (steps.length > 0 || this.#recogniser.isReady(stream)),
    );
  }

  #feed(utterance: Utterance<Stream>): void {
    const { steps, stream, done } = utterance;
    if (!utterance.read()) return done.reject(new EngineFault("invalid_request", "mark must be a number"));
    for (let room = TAKE_SAMPLES; room > 0 && steps.length > 0 && utterance.marking === null; ) {
      const step = steps[0]!;
      if ("mark" in step) {
        // The model holds back what it is not sure of; silence lets it go.
        this.#recogniser.accept(stream, this.#tail);
        utterance.marking = step;
        steps.shift();
        continue;
      }
      const part = step.pcm.subarray(0, room);
      room -= part.length;
      utterance.taken += part.length;
      this.#recogniser.accept(stream, toFloats(part));
      if (part.length === step.pcm.length) steps.shift();
      else step.pcm = step.pcm.subarray(part.length);
    }
    if (utterance.taken > MAX_UTTERANCE_SAMPLES) {
      done.reject(new EngineFault("invalid_request", "the utterance is too long"));
    }
  }

  /** Says what is new: words, how far the model is, that a mark is reached. */
  #tell(utterance: Utterance<Stream>): void {
    const { stream, call, told, taken, marking } = utterance;
    const text = this.#recogniser.textOf(stream);
    const caughtUp = !this.#recogniser.isReady(stream);
    if (marking !== null && caughtUp) {
      utterance.marking = null;
      utterance.told = { text, samples: taken };
      call.emit({ text, samples: taken, mark: marking.mark });
      if (marking.last) utterance.done.resolve();
    } else if (text !== told.text || (caughtUp && taken !== told.samples)) {
      utterance.told = { text, samples: taken };
      call.emit({ text, samples: taken });
    }
  }
}

/**
 * The operation of a streaming recogniser's process. `listen` begins an utterance; `more` frames carry mono int16 at 16 kHz, or args
 * `{ mark, last }`: all words before here are wanted now, `last`: nothing follows. Events `{ text, samples }`: all words so far, and how
 * many samples the model got; `{ text, samples, mark }` once a mark is reached.
 */
export function createListening<Stream>(recogniser: StreamingRecogniser<Stream>): EngineOperations {
  const listening = new Listening(recogniser);
  return { listen: (call) => listening.listen(call) };
}
