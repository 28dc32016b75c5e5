/** 16 kHz audio on its way to a streaming vendor, in messages of a size that costs little and that vendors take. */

/** A message costs more than its samples, so 100 ms are gathered; that much later does a word arrive at worst. */
export const messageSamples = 1_600;
/** Google takes 25 KB a message (15 KB in places): a long piece, as on a replay, is cut into messages of 400 ms. */
const maxMessageSamples = 4 * messageSamples;

/** Gathers samples into messages of 16-bit little-endian PCM. */
export class AudioMessages {
  readonly #send: (message: Buffer) => void;
  #waiting = new Int16Array(maxMessageSamples);
  #length = 0;

  /** @param send - gets each message; the buffer is its own */
  constructor(send: (message: Buffer) => void) {
    this.#send = send;
  }

  /** Samples that were taken and not sent yet; below `messageSamples`. */
  get waitingSamples(): number {
    return this.#length;
  }

  push(pcm: Int16Array): void {
    for (let at = 0; at < pcm.length; ) {
      const part = pcm.subarray(at, at + maxMessageSamples - this.#length);
      this.#waiting.set(part, this.#length);
      this.#length += part.length;
      at += part.length;
      if (this.#length >= messageSamples) this.flush();
    }
  }

  /** Sends what waits, however short. */
  flush(): void {
    if (this.#length === 0) return;
    const samples = this.#waiting.slice(0, this.#length);
    this.#length = 0;
    this.#send(Buffer.from(samples.buffer));
  }
}
