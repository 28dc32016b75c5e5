/**
 * A stand-in for sherpa-onnx-node's `OnlineRecognizer`: the same functions, the same rules (a stream that is not ready must not be
 * decoded; audio is taken in chunks; what does not fill one is held back), no model. It "hears" words as plateaus of a constant level.
 */
import type { SherpaRecogniser, SherpaStream } from "../../../workers/speech/local-sherpa.ts";

/** What a streaming zipformer takes at once. */
export const fakeChunkSamples = 5_120;
/** Silence that brings the last word out. */
export const fakeTailMs = 500;
const wordSamples = 4_800;
const gapSamples = 1_600;
/** A plateau that long is a word. */
const heardSamples = 1_600;
const levelStep = 500;

const vocabulary = ["", "HOLD", "ON", "A", "MOMENT", "I", "HAVE", "ANOTHER", "QUESTION"];

/** Says words of the vocabulary: 300 ms each, 100 ms between. */
export function sayPlateaus(text: string): Int16Array {
  const words = text.toUpperCase().split(" ");
  const pcm = new Int16Array(words.length * (wordSamples + gapSamples));
  words.forEach((word, index) => {
    const level = vocabulary.indexOf(word);
    if (level < 1) throw new RangeError(`the fake knows no word ${word}`);
    const from = index * (wordSamples + gapSamples);
    pcm.fill(level * levelStep, from, from + wordSamples);
  });
  return pcm;
}

export class FakeStream implements SherpaStream {
  readonly levels: number[] = [];
  decoded = 0;
  acceptWaveform({ samples, sampleRate }: { samples: Float32Array; sampleRate: number }): void {
    if (sampleRate !== 16_000) throw new RangeError("16 kHz only");
    for (const sample of samples) this.levels.push(Math.round((sample * 32_768) / levelStep));
  }
}

export class FakeRecogniser implements SherpaRecogniser<FakeStream> {
  /** Streams of each call of `decodeStreams`. */
  readonly batches: number[] = [];
  /** Thrown by the next decoding. */
  fault: Error | null = null;

  createStream(): FakeStream {
    return new FakeStream();
  }
  isReady(stream: FakeStream): boolean {
    return stream.levels.length - stream.decoded >= fakeChunkSamples;
  }
  decodeStreams(streams: FakeStream[]): void {
    const { fault } = this;
    this.fault = null;
    if (fault) throw fault;
    this.batches.push(streams.length);
    for (const stream of streams) {
      if (!this.isReady(stream)) throw new Error("a stream was decoded that was not ready");
      stream.decoded += fakeChunkSamples;
    }
  }
  getResult({ levels, decoded }: FakeStream): { text: string } {
    const words: string[] = [];
    let run = 0;
    for (let at = 0; at < decoded; at++) {
      run = at > 0 && levels[at] === levels[at - 1] ? run + 1 : 1;
      if (run === heardSamples && levels[at]! > 0) words.push(vocabulary[levels[at]!] ?? "?");
    }
    return { text: ` ${words.join(" ")}` };
  }
}
