import { Resampler, toInt16 } from "./resampler.ts";
import { SpeechEdge } from "./speech-edge.ts";

/** A cut frame: int16 mono, how loud it is, and whether somebody speaks in it. */
export interface MicrophoneFrame {
  pcm: Int16Array<ArrayBuffer>;
  /** Root mean square, 0 to 1. */
  levelRatio: number;
  /** How long before the frame's end the last voiced moment lies; null if there is none in it. */
  voicedMsAgo: number | null;
}

/** Turns a device's samples into frames of equal length at another rate: what the microphone's worklet does. */
export class FrameCutter {
  readonly #resampler: Resampler | null;
  readonly #frame: Float32Array;
  readonly #edge: SpeechEdge;
  readonly #outputRateHz: number;
  /** How much later a sample comes out than it went in, in ms, the wait for its frame's end not counted. */
  readonly delayMs: number;
  #filled = 0;

  /** @throws {RangeError} see `Resampler` */
  constructor(inputRateHz: number, outputRateHz: number, frameMs: number) {
    this.#resampler = inputRateHz === outputRateHz ? null : new Resampler(inputRateHz, outputRateHz);
    this.delayMs = this.#resampler?.delayMs ?? 0;
    this.#outputRateHz = outputRateHz;
    this.#edge = new SpeechEdge(outputRateHz);
    this.#frame = new Float32Array(Math.round((outputRateHz * frameMs) / 1000));
  }

  /** Calls `onFrame` for every frame that `input` (mono floats, any length) completes. */
  push(input: Float32Array, onFrame: (frame: MicrophoneFrame) => void): void {
    const samples = this.#resampler === null ? input : this.#resampler.process(input);
    for (let from = 0; from < samples.length; ) {
      const taken = Math.min(samples.length - from, this.#frame.length - this.#filled);
      this.#frame.set(samples.subarray(from, from + taken), this.#filled);
      this.#filled += taken;
      from += taken;
      if (this.#filled === this.#frame.length) {
        onFrame(this.#cut());
        this.#filled = 0;
      }
    }
  }

  #cut(): MicrophoneFrame {
    const voicedSamples = this.#edge.push(this.#frame);
    return {
      pcm: toInt16(this.#frame),
      levelRatio: rootMeanSquare(this.#frame),
      voicedMsAgo:
        voicedSamples === null ? null : ((this.#frame.length - voicedSamples) * 1000) / this.#outputRateHz,
    };
  }
}

/** Root mean square, 0 to 1. */
export function rootMeanSquare(samples: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += samples[i]! * samples[i]!;
  return Math.sqrt(sum / samples.length);
}
