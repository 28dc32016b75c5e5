/** What the listener's loudspeaker is going to play, told to the front end of a client without echo cancellation. */
import { type AudioChannel, referenceFrameMs } from "../../workers/audio/messages.ts";

const samplesPerMs = 16;
const frameSamples = referenceFrameMs * samplesPerMs;
const lowestDb = -120;
const fullScale = 32768;

/** Levels of sent reply audio, laid on the clock of input samples. */
export class EchoReference {
  readonly #channel: Pick<AudioChannel, "receivedSamples" | "reference">;
  /** The frame that the last piece ended in: its energy so far, and how many of its samples are in it. */
  #open = { frame: -1, energy: 0, samples: 0 };

  constructor(channel: Pick<AudioChannel, "receivedSamples" | "reference">) {
    this.#channel = channel;
  }

  /**
   * A stretch of reply audio was sent.
   *
   * @param inMs - until its first sample sounds, if the client plays at once
   */
  sent(pcm: Int16Array, rateHz: number, inMs: number): void {
    const { receivedSamples } = this.#channel;
    const from = Math.max(0, Math.round(receivedSamples + inMs * samplesPerMs));
    const step = (samplesPerMs * 1_000) / rateHz;
    const first = Math.floor(from / frameSamples);
    const last = Math.floor((from + (pcm.length - 1) * step) / frameSamples);
    if (pcm.length === 0) return;
    const levels = new Float32Array(last - first + 1);
    let { energy, samples } = this.#open.frame === first ? this.#open : { energy: 0, samples: 0 };
    let at = 0;
    for (let frame = first; frame <= last; frame++) {
      const until = Math.min(pcm.length, Math.ceil(((frame + 1) * frameSamples - from) / step));
      for (; at < until; at++) {
        energy += pcm[at]! * pcm[at]!;
        samples += 1;
      }
      levels[frame - first] = toDb(energy, samples);
      this.#open = { frame, energy, samples };
      energy = 0;
      samples = 0;
    }
    this.#channel.reference?.(first * frameSamples, levels);
  }

  /** The client dropped what it had not played. */
  flushed(): void {
    this.#open = { frame: -1, energy: 0, samples: 0 };
    this.#channel.reference?.(this.#channel.receivedSamples, new Float32Array(0));
  }
}

function toDb(energy: number, samples: number): number {
  if (samples === 0 || energy === 0) return lowestDb;
  return Math.max(lowestDb, 10 * Math.log10(energy / samples / (fullScale * fullScale)));
}
