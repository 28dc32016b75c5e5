/** The part of sherpa-onnx-node that is used here; the package has no declarations of its own. */
declare module "sherpa-onnx-node" {
  interface OfflineStream {
    acceptWaveform(wave: { samples: Float32Array; sampleRate: number }): void;
  }
  interface OfflineResult {
    text: string;
  }
  interface OfflineRecognizerConfig {
    featConfig: { sampleRate: number; featureDim: number };
    modelConfig: {
      whisper: { encoder: string; decoder: string; tailPaddings: number };
      tokens: string;
      numThreads: number;
      provider: "cpu";
      debug: 0 | 1;
    };
  }
  class OfflineRecognizer {
    static createAsync(config: OfflineRecognizerConfig): Promise<OfflineRecognizer>;
    createStream(): OfflineStream;
    decodeAsync(stream: OfflineStream): Promise<OfflineResult>;
  }
  const sherpa: { OfflineRecognizer: typeof OfflineRecognizer };
  export default sherpa;
}
