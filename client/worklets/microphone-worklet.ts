/** Entry point, bundled on its own: runs in the audio thread of `Microphone`. */
import { FrameCutter, type MicrophoneFrame } from "../frame-cutter.ts";

declare const sampleRate: number;
declare const currentTime: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(
  name: string,
  processor: new (options: never) => AudioWorkletProcessor,
): void;

/** What `Microphone` hands over. */
export interface MicrophoneProcessorOptions {
  outputRateHz: number;
  frameMs: number;
}

/** What the worklet sends: a frame and when its last sample was recorded, on the audio context's clock. */
export interface MicrophoneReport extends MicrophoneFrame {
  endedAtSeconds: number;
}

class MicrophoneProcessor extends AudioWorkletProcessor {
  readonly #cutter: FrameCutter;
  #mono = new Float32Array(128);

  constructor(options: { processorOptions: MicrophoneProcessorOptions }) {
    super();
    const { outputRateHz, frameMs } = options.processorOptions;
    this.#cutter = new FrameCutter(sampleRate, outputRateHz, frameMs);
  }

  process(inputs: Float32Array[][]): boolean {
    const channels = inputs[0] ?? [];
    const first = channels[0];
    if (first === undefined) return true;
    const endedAtSeconds = currentTime + first.length / sampleRate - this.#cutter.delayMs / 1000;
    this.#cutter.push(channels.length === 1 ? first : this.#mix(channels, first.length), (frame) => {
      const report: MicrophoneReport = { ...frame, endedAtSeconds };
      this.port.postMessage(report, [frame.pcm.buffer]);
    });
    return true;
  }

  #mix(channels: Float32Array[], length: number): Float32Array {
    if (this.#mono.length !== length) this.#mono = new Float32Array(length);
    this.#mono.fill(0);
    for (const channel of channels) {
      for (let i = 0; i < length; i++) this.#mono[i] = this.#mono[i]! + channel[i]! / channels.length;
    }
    return this.#mono;
  }
}

registerProcessor("parley-microphone", MicrophoneProcessor);
