/**
 * The recogniser's process: Whisper tiny.en. Operation `transcribe`: payload = mono int16 at 16 kHz, at most 30 s;
 * one event `{ text }` as the model wrote it (cleaning is `transcript.ts`).
 */
import { join } from "node:path";
import sherpa from "sherpa-onnx-node";
import { EngineFault, type EngineOperations, runEngineProcess } from "./engine-server.ts";
import { pcmOf } from "./frames.ts";
import { checkModelFiles } from "./model-files.ts";

const SAMPLE_RATE_HZ = 16000;
/** Whisper's window. */
const MAX_SAMPLES = 30 * SAMPLE_RATE_HZ;
/** Frames of silence that the features end with; below 300 the model repeats itself. */
const TAIL_PADDINGS = 1000;
/** Digital silence put before the audio; with 100 ms of the room before the first sound, the fewest words are wrong. */
const LEAD_SAMPLES = 0.1 * SAMPLE_RATE_HZ;

function toFloats(pcm: Int16Array): Float32Array {
  const samples = new Float32Array(LEAD_SAMPLES + pcm.length);
  for (let i = 0; i < pcm.length; i++) samples[LEAD_SAMPLES + i] = pcm[i]! / 32768;
  return samples;
}

async function load(modelsDir: string, threads: number): Promise<EngineOperations> {
  const files = ["encoder.int8.onnx", "decoder.int8.onnx", "tokens.txt"];
  const [encoder, decoder, tokens] = await checkModelFiles(join(modelsDir, "whisper-tiny.en"), files);
  const recogniser = await sherpa.OfflineRecognizer.createAsync({
    featConfig: { sampleRate: SAMPLE_RATE_HZ, featureDim: 80 },
    modelConfig: {
      whisper: { encoder: encoder!, decoder: decoder!, tailPaddings: TAIL_PADDINGS },
      ...{ tokens: tokens!, numThreads: threads, provider: "cpu", debug: 0 },
    },
  });
  const transcribe = async (pcm: Int16Array): Promise<string> => {
    const stream = recogniser.createStream();
    stream.acceptWaveform({ samples: toFloats(pcm), sampleRate: SAMPLE_RATE_HZ });
    return (await recogniser.decodeAsync(stream)).text;
  };
  // The first run allocates what later ones use.
  await transcribe(new Int16Array(SAMPLE_RATE_HZ));
  return {
    async transcribe({ payload, emit }) {
      const pcm = pcmOf(payload);
      if (pcm.length === 0 || pcm.length > MAX_SAMPLES) {
        throw new EngineFault("invalid_request", "audio must be up to 30 s of 16 kHz samples");
      }
      emit({ text: await transcribe(pcm) });
    },
  };
}

// Native inference runs in the thread pool, one at a time: a second one would only share the same cores.
runEngineProcess("recogniser", 1, ({ modelsDir, threads }) => load(modelsDir, threads));
