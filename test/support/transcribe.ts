/** An independent ear: Whisper on whatever the gateway said, in this process, apart from the gateway's own. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { resampleWhole } from "../../workers/speech/resample.ts";
import { repositoryRoot } from "./gateway.ts";

const recogniserRateHz = 16_000;
/** Whisper takes 30 s at a time; longer recordings are heard in pieces. */
const maxPieceSamples = 28 * recogniserRateHz;

interface OfflineStream {
  acceptWaveform(wave: { samples: Float32Array; sampleRate: number }): void;
}
interface OfflineRecognizer {
  createStream(): OfflineStream;
  decode(stream: OfflineStream): void;
  getResult(stream: OfflineStream): { text: string };
}
interface SherpaModule {
  OfflineRecognizer: new (config: unknown) => OfflineRecognizer;
}

let recogniser: OfflineRecognizer | null = null;

function loadRecogniser(): OfflineRecognizer {
  if (recogniser) return recogniser;
  const sherpa = createRequire(import.meta.url)("sherpa-onnx-node") as SherpaModule;
  const folder = join(repositoryRoot, "models", "whisper-tiny.en");
  recogniser = new sherpa.OfflineRecognizer({
    featConfig: { sampleRate: recogniserRateHz, featureDim: 80 },
    modelConfig: {
      whisper: {
        encoder: join(folder, "encoder.int8.onnx"),
        decoder: join(folder, "decoder.int8.onnx"),
        language: "en",
        task: "transcribe",
        tailPaddings: 1000,
      },
      tokens: join(folder, "tokens.txt"),
      numThreads: 1,
      provider: "cpu",
      debug: 0,
    },
  });
  return recogniser;
}

/**
 * Writes down what is heard. Blocks the thread for about a tenth of the audio's length.
 *
 * @param pcm - mono int16 at `rateHz`
 * @returns the words; "" when nothing was said
 */
export function transcribe(pcm: Int16Array, rateHz: number): string {
  const heard = resampleWhole(pcm, rateHz, recogniserRateHz);
  const texts: string[] = [];
  for (let from = 0; from < heard.length; from += maxPieceSamples) {
    const piece = heard.subarray(from, from + maxPieceSamples);
    const samples = new Float32Array(piece.length);
    for (let index = 0; index < piece.length; index++) samples[index] = piece[index]! / 32768;
    const stream = loadRecogniser().createStream();
    stream.acceptWaveform({ samples, sampleRate: recogniserRateHz });
    loadRecogniser().decode(stream);
    texts.push(loadRecogniser().getResult(stream).text);
  }
  // What stands in brackets is Whisper's word for noise.
  return texts
    .join(" ")
    .replace(/\[[^\]]*\]|\([^)]*\)/g, " ")
    .trim();
}
