/**
 * The recogniser's process: Whisper tiny.en. Operation `transcribe`: payload = mono int16 at 16 kHz, at most 30 s;
 * one event `{ text }` as the model wrote it (cleaning is `transcript.ts`).
 */
import { join } from "node:path";
import { EngineFault, type EngineOperations, runEngineProcess } from "./engine-server.ts";
import { pcmOf } from "./frames.ts";
import { checkModelFiles } from "./model-files.ts";
import { loadWhisper, maxSamples } from "./whisper/whisper.ts";

const files = ["encoder.int8.onnx", "whisper_step.int8.onnx", "tokens.txt"];

async function load(modelsDir: string, threads: number): Promise<EngineOperations> {
  const [encoder, step, tokens] = await checkModelFiles(join(modelsDir, "whisper-tiny.en"), files);
  const whisper = await loadWhisper({ encoder: encoder!, step: step!, tokens: tokens! }, threads);
  return {
    async transcribe({ payload, emit, signal }) {
      const pcm = pcmOf(payload);
      if (pcm.length === 0 || pcm.length > maxSamples) {
        throw new EngineFault("invalid_request", "audio must be up to 30 s of 16 kHz samples");
      }
      const text = await whisper.transcribe(pcm, signal);
      // Without one the call was cancelled, between two steps; the caller knows.
      if (text !== null) emit({ text });
    },
  };
}

// One at a time: a second one would only share the same cores. Each step of it blocks this process for a few ms, the
// encoder for some 40; what comes from the socket gets in between.
runEngineProcess("recogniser", 1, ({ modelsDir, threads }) => load(modelsDir, threads));
