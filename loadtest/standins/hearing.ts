/** What a stand-in recogniser makes of a call's audio: words that it is sure of, and a guess at those after them. */
import type { CallPlan, StandinWorld } from "./standin.ts";

/** Guesses are renewed after that much more audio. */
const guessSamples = 8_000;
/** Longest audio of a call that is kept, from the last sure words on. */
const maxKeptSamples = 120 * 16_000;

export interface HeardWords {
  text: string;
  /** Counted from the call's first sample. */
  untilSample: number;
}

/** Audio of one call and the words in it. Positions are samples from the call's start. */
export class Hearing {
  readonly #world: StandinWorld;
  #pcm = new Int16Array(16_000);
  #length = 0;
  /** Words before it are settled. */
  #from = 0;
  #guessedAt = 0;
  #spare: number | null = null;

  constructor(world: StandinWorld) {
    this.#world = world;
  }

  get fromSample(): number {
    return this.#from;
  }
  get untilSample(): number {
    return this.#from + this.#length;
  }

  /** @param bytes - 16-bit little-endian, mono, 16 kHz; a split sample is put together again */
  append(bytes: Uint8Array): void {
    const joined = this.#spare === null ? bytes : Buffer.concat([Buffer.of(this.#spare), bytes]);
    const samples = joined.length >> 1;
    this.#spare = joined.length % 2 === 1 ? joined[joined.length - 1]! : null;
    if (this.#length + samples > this.#pcm.length) {
      const grown = new Int16Array(Math.max(this.#length + samples, 2 * this.#pcm.length));
      grown.set(this.#pcm.subarray(0, this.#length));
      this.#pcm = grown;
    }
    const view = new DataView(joined.buffer, joined.byteOffset, joined.byteLength);
    for (let index = 0; index < samples; index++)
      this.#pcm[this.#length + index] = view.getInt16(index * 2, true);
    this.#length += samples;
    if (this.#length > maxKeptSamples) this.#forget(this.untilSample - maxKeptSamples);
  }

  /** The words since the last settled ones, where enough audio has come since they were asked for; else null. */
  guess(): (HeardWords & { words: { text: string; endSample: number }[] }) | null {
    if (this.untilSample < this.#guessedAt + guessSamples) return null;
    this.#guessedAt = this.untilSample;
    return this.#hear();
  }

  /** The words up to `untilSample`; they are settled. */
  settle(untilSample = this.untilSample): HeardWords {
    const { words } = this.#hear();
    const settled = words.filter((word) => word.endSample <= untilSample);
    this.#forget(untilSample);
    return { text: settled.map(({ text }) => text).join(" "), untilSample };
  }

  #hear(): HeardWords & { words: { text: string; endSample: number }[] } {
    const { text, words } = this.#world.hear(this.#pcm.slice(0, this.#length));
    const placed = words.map((word) => ({ text: word.text, endSample: this.#from + word.endSample }));
    return { text, untilSample: this.untilSample, words: placed };
  }

  #forget(untilSample: number): void {
    const gone = Math.max(0, Math.min(this.#length, untilSample - this.#from));
    this.#pcm.copyWithin(0, gone, this.#length);
    this.#length -= gone;
    this.#from += gone;
  }
}

/** Pieces of one call in order: the newest guess with its wait, finals with theirs. */
export class Pieces {
  readonly #plan: CallPlan;
  #chain: Promise<void> = Promise.resolve();
  #guess: (() => void) | null = null;
  #sent = 0;
  #stopped = false;
  readonly #strike: () => void;

  /** @param strike - the plan's fault happens now; nothing is sent after it */
  constructor(plan: CallPlan, strike: () => void) {
    this.#plan = plan;
    this.#strike = strike;
  }

  /** Sends a guess after the time between pieces; a newer one takes the place of one that waits. */
  guess(send: () => void): void {
    const waits = this.#guess !== null;
    this.#guess = send;
    if (waits) return;
    this.#then(async () => {
      if (this.#sent > 0 && !(await this.#plan.wait(this.#plan.pieceMs))) return;
      const newest = this.#guess;
      this.#guess = null;
      if (newest !== null) this.#send(newest);
    });
  }

  /** Sends a final piece after `waitMs`; guesses that still wait are left out. */
  final(waitMs: number, send: () => void): void {
    const atMs = performance.now() + waitMs;
    this.#then(async () => {
      this.#guess = null;
      if (await this.#plan.wait(atMs - performance.now())) this.#send(send);
    });
  }

  /** Runs when everything before it was sent. */
  after(run: () => void): void {
    this.#then(async () => {
      if (!this.#strikes()) run();
    });
  }

  #then(step: () => Promise<void>): void {
    this.#chain = this.#chain.then(async () => {
      if (!this.#stopped && !this.#plan.signal.aborted) await step();
    });
  }

  #send(send: () => void): void {
    if (this.#strikes()) return;
    send();
    this.#sent += 1;
  }

  #strikes(): boolean {
    if (this.#stopped || this.#plan.signal.aborted) return true;
    if (!this.#plan.failsAfter(this.#sent)) return false;
    this.#stopped = true;
    this.#strike();
    return true;
  }
}
