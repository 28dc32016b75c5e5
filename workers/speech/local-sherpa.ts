/** sherpa-onnx's streaming recogniser, as `local-listening.ts` wants one. */
import type { StreamingRecogniser } from "./local-listening.ts";

/** As much of sherpa-onnx-node's `OnlineRecognizer` as is used. */
export interface SherpaRecogniser<Stream extends SherpaStream> {
  createStream(): Stream;
  isReady(stream: Stream): boolean;
  decodeStreams(streams: Stream[]): void;
  getResult(stream: Stream): { text: string };
}

export interface SherpaStream {
  acceptWaveform(wave: { samples: Float32Array; sampleRate: number }): void;
}

/** @param tailMs - silence that brings the model's last word out */
export function fromSherpa<Stream extends SherpaStream>(
  native: SherpaRecogniser<Stream>,
  tailMs: number,
): StreamingRecogniser<Stream> {
  return {
    tailMs,
    createStream: () => native.createStream(),
    accept: (stream, samples) => stream.acceptWaveform({ samples, sampleRate: 16_000 }),
    isReady: (stream) => native.isReady(stream),
    decode: (streams) => native.decodeStreams(streams),
    textOf: (stream) => native.getResult(stream).text.trim(),
  };
}
