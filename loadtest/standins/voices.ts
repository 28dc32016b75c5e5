/** Speech for hundreds of calls at once: spoken once on a thread of its own, then kept by text, voice, rate and speed. */
import { Worker } from "node:worker_threads";
import { SpeechFolder } from "./speech-folder.ts";
import { isSpeakableRate, type Speech, type SpeechRequest, voiceKey } from "./voice-speech.ts";

export interface VoicesOptions {
  /** Kept speech. Default 64 MiB. */
  maxCacheBytes?: number;
  /** Where speech is kept for other runs; none by default. */
  folder?: string;
}

const defaultCacheBytes = 64 * 1024 * 1024;
const maxCacheEntries = 4000;
/** Texts that may be on their way. */
const maxWaiting = 2000;
/** Texts that may wait to be prepared; more are not worth it. */
const maxPrepared = 200;
const maxTextCharacters = 10_000;
const tooMany = "too many texts wait for a voice";

interface Waiting {
  key: string;
  request: SpeechRequest;
  resolve(speech: Speech): void;
  reject(error: Error): void;
}

export class Voices {
  readonly #cache = new Map<string, Speech>();
  readonly #running = new Map<string, Promise<Speech>>();
  /** Asked for, first come, first served. */
  readonly #asked: Waiting[] = [];
  /** To be prepared while nobody asks. */
  readonly #ahead: Waiting[] = [];
  /** Keys that somebody waits for, not only prepares. */
  readonly #wanted = new Set<string>();
  /** Being written to the folder. */
  readonly #writes = new Set<Promise<void>>();
  /** At the thread. */
  #speaking: Waiting | null = null;
  readonly #maxCacheBytes: number;
  readonly #folder: SpeechFolder | null;
  #cacheBytes = 0;
  #thread: Worker | null = null;
  #closed = false;

  constructor({ maxCacheBytes = defaultCacheBytes, folder }: VoicesOptions = {}) {
    this.#maxCacheBytes = maxCacheBytes;
    this.#folder = folder === undefined ? null : new SpeechFolder(folder);
  }

  /** Bytes of kept speech. */
  get cacheBytes(): number {
    return this.#cacheBytes;
  }

  /**
   * Speaks; the same request gives the same samples, which are shared: don't write to them.
   *
   * @throws {RangeError} for a rate that can't be made, or a text too long
   * @throws {Error} when too many texts wait, or after `close`
   */
  async speak(request: SpeechRequest): Promise<Speech> {
    if (!isSpeakableRate(request.sampleRateHz)) throw new RangeError("no such sample rate");
    if (request.text.length > maxTextCharacters) throw new RangeError("the text is too long");
    const key = keyOf(request);
    const known = this.#cache.get(key);
    if (known !== undefined) {
      // Last used, last to go.
      this.#cache.delete(key);
      this.#cache.set(key, known);
      return known;
    }
    this.#wanted.add(key);
    const running = this.#running.get(key);
    if (running === undefined) return this.#render(key, request);
    const ahead = this.#ahead.findIndex((waiting) => waiting.key === key);
    if (ahead >= 0) this.#asked.push(...this.#ahead.splice(ahead, 1));
    return running;
  }

  /**
   * Speaks while nobody asks, so that it is there when somebody does; forgets what would be too much. Resolves when it is there,
   * or given up.
   */
  async prepare(request: SpeechRequest): Promise<void> {
    const key = keyOf(request);
    if (this.#cache.has(key)) return;
    await (this.#running.get(key) ?? this.#render(key, request)).catch(() => {});
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cache.clear();
    this.#cacheBytes = 0;
    const thread = this.#thread;
    this.#thread = null;
    await thread?.terminate();
    this.#failAll(new Error("the voices were closed"));
    await Promise.all(this.#writes);
  }

  #render(key: string, request: SpeechRequest): Promise<Speech> {
    if (this.#closed) return Promise.reject(new Error("the voices were closed"));
    if (this.#running.size >= maxWaiting) return Promise.reject(new Error(tooMany));
    const running = this.#obtain(key, request)
      .then((speech) => this.#keep(key, speech))
      .finally(() => {
        this.#running.delete(key);
        this.#wanted.delete(key);
      });
    this.#running.set(key, running);
    return running;
  }

  async #obtain(key: string, request: SpeechRequest): Promise<Speech> {
    const known = (await this.#folder?.read(key)) ?? null;
    if (known !== null) return known;
    if (this.#closed) throw new Error("the voices were closed");
    // Only now: who began to prepare it may have been asked for it since.
    const isWanted = this.#wanted.has(key);
    if (!isWanted && this.#ahead.length >= maxPrepared) throw new Error(tooMany);
    const speech = await new Promise<Speech>((resolve, reject) => {
      (isWanted ? this.#asked : this.#ahead).push({ key, request, resolve, reject });
      this.#speakNext();
    });
    if (this.#folder !== null) {
      const write = this.#folder.write(key, speech).finally(() => this.#writes.delete(write));
      this.#writes.add(write);
    }
    return speech;
  }

  #speakNext(): void {
    if (this.#speaking !== null) return;
    const next = this.#asked.shift() ?? this.#ahead.shift() ?? null;
    this.#speaking = next;
    if (next === null) return void this.#thread?.unref();
    const thread = this.#openThread();
    // Keeps the process alive only while somebody waits.
    thread.ref();
    thread.postMessage(next.request);
  }

  #keep(key: string, speech: Speech): Speech {
    const bytes = speech.pcm.byteLength;
    if (this.#closed || bytes > this.#maxCacheBytes) return speech;
    this.#cache.set(key, speech);
    this.#cacheBytes += bytes;
    for (const [oldest, { pcm }] of this.#cache) {
      if (this.#cacheBytes <= this.#maxCacheBytes && this.#cache.size <= maxCacheEntries) break;
      this.#cache.delete(oldest);
      this.#cacheBytes -= pcm.byteLength;
    }
    return speech;
  }

  #openThread(): Worker {
    if (this.#thread !== null) return this.#thread;
    const thread = new Worker(new URL("./voice-thread.ts", import.meta.url));
    thread.unref();
    thread.on("message", ({ failure, pcm, words }: { failure?: string } & Speech) => {
      const spoken = this.#speaking;
      this.#speaking = null;
      if (failure !== undefined) spoken?.reject(new Error(failure));
      else spoken?.resolve({ pcm, words });
      this.#speakNext();
    });
    const onLoss = (error: Error) => {
      if (this.#thread !== thread) return;
      this.#thread = null;
      this.#failAll(error);
    };
    thread.on("error", onLoss);
    thread.on("exit", () => onLoss(new Error("the voices' thread ended")));
    this.#thread = thread;
    return thread;
  }

  #failAll(error: Error): void {
    const all = [...this.#asked.splice(0), ...this.#ahead.splice(0)];
    if (this.#speaking !== null) all.push(this.#speaking);
    this.#speaking = null;
    for (const waiting of all) waiting.reject(error);
  }
}

function keyOf({ text, voice, sampleRateHz, speedRatio }: SpeechRequest): string {
  return `${voiceKey(voice)} ${sampleRateHz} ${speedRatio} ${text}`;
}
