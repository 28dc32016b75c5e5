/** Speech for hundreds of calls at once: spoken once on a thread of its own, then kept by text, voice, rate and speed. */
import { Worker } from "node:worker_threads";
import { isSpeakableRate, type Speech, type SpeechRequest, voiceKey } from "./voice-speech.ts";

export interface VoicesOptions {
  /** Kept speech. Default 64 MiB. */
  maxCacheBytes?: number;
}

const defaultCacheBytes = 64 * 1024 * 1024;
const maxCacheEntries = 4000;
/** Texts that may wait for the thread. */
const maxWaiting = 2000;
const maxTextCharacters = 10_000;

interface Waiting {
  resolve(speech: Speech): void;
  reject(error: Error): void;
}

export class Voices {
  readonly #cache = new Map<string, Speech>();
  readonly #running = new Map<string, Promise<Speech>>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #maxCacheBytes: number;
  #cacheBytes = 0;
  #nextId = 1;
  #thread: Worker | null = null;
  #closed = false;

  constructor({ maxCacheBytes = defaultCacheBytes }: VoicesOptions = {}) {
    this.#maxCacheBytes = maxCacheBytes;
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
    const { text, voice, sampleRateHz, speedRatio } = request;
    const key = `${voiceKey(voice)} ${sampleRateHz} ${speedRatio} ${text}`;
    const known = this.#cache.get(key);
    if (known !== undefined) {
      // Last used, last to go.
      this.#cache.delete(key);
      this.#cache.set(key, known);
      return known;
    }
    let running = this.#running.get(key);
    if (running === undefined) {
      running = this.#render(request)
        .then((speech) => this.#keep(key, speech))
        .finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    return running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cache.clear();
    this.#cacheBytes = 0;
    const thread = this.#thread;
    this.#thread = null;
    await thread?.terminate();
    this.#failAll(new Error("the voices were closed"));
  }

  #render(request: SpeechRequest): Promise<Speech> {
    if (this.#closed) return Promise.reject(new Error("the voices were closed"));
    if (this.#waiting.size >= maxWaiting) return Promise.reject(new Error("too many texts wait for a voice"));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      const thread = this.#openThread();
      // Keeps the process alive only while somebody waits.
      thread.ref();
      thread.postMessage({ id, request });
    });
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
    thread.on("message", (message: { id: number; failure?: string } & Speech) => {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (this.#waiting.size === 0) thread.unref();
      if (message.failure !== undefined) waiting?.reject(new Error(message.failure));
      else waiting?.resolve({ pcm: message.pcm, words: message.words });
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
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}
