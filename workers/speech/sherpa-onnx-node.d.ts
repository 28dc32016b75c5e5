/** The part of sherpa-onnx-node that is used here; the package has no declarations of its own. */
declare module "sherpa-onnx-node" {
  interface Wave {
    samples: Float32Array;
    sampleRate: number;
  }
  interface OfflineStream {
    acceptWaveform(wave: Wave): void;
  }
  interface RecognitionResult {
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
    decodeAsync(stream: OfflineStream): Promise<RecognitionResult>;
  }

  interface OnlineStream {
    acceptWaveform(wave: Wave): void;
  }
  interface OnlineRecognizerConfig {
    featConfig: { sampleRate: number; featureDim: number };
    modelConfig: {
      transducer?: { encoder: string; decoder: string; joiner: string };
      paraformer?: { encoder: string; decoder: string };
      zipformer2Ctc?: { model: string };
      nemoCtc?: { model: string };
      tokens: string;
      numThreads: number;
      provider: "cpu";
      debug: 0 | 1;
    };
    decodingMethod: "greedy_search";
    enableEndpoint: 0 | 1;
  }
  /** Synchronous; ends the process for a model that it can't use. */
  class OnlineRecognizer {
    constructor(config: OnlineRecognizerConfig);
    createStream(): OnlineStream;
    isReady(stream: OnlineStream): boolean;
    /** Every stream must be ready. */
    decodeStreams(streams: OnlineStream[]): void;
    getResult(stream: OnlineStream): RecognitionResult;
  }

  interface OfflineTtsConfig {
    model: {
      vits?: {
        model: string;
        tokens: string;
        dataDir: string;
        noiseScale: number;
        noiseScaleW: number;
        lengthScale: number;
      };
      kokoro?: {
        model: string;
        voices: string;
        tokens: string;
        dataDir: string;
        lexicon: string;
        lengthScale: number;
      };
      numThreads: number;
      provider: "cpu";
      debug: 0 | 1;
    };
    maxNumSentences: number;
  }
  /** Ends the process for a model that it can't use. */
  class OfflineTts {
    static createAsync(config: OfflineTtsConfig): Promise<OfflineTts>;
    readonly numSpeakers: number;
    readonly sampleRate: number;
    /** Runs in the thread pool; `speed` 2 is twice as fast. */
    generateAsync(request: {
      text: string;
      sid: number;
      speed: number;
      enableExternalBuffer: boolean;
    }): Promise<Wave>;
  }

  const sherpa: {
    OfflineRecognizer: typeof OfflineRecognizer;
    OnlineRecognizer: typeof OnlineRecognizer;
    OfflineTts: typeof OfflineTts;
  };
  export default sherpa;
}
