/**
 * Mutant: Silero as it was published gets its 512 samples without the 64 before them. It says so with no error (the
 * rewritten model does).
 */
import { fileURLToPath } from "node:url";
import * as ort from "onnxruntime-node";
import { contextSamples, inputSamples, SileroBatch } from "../../../../workers/audio/silero.ts";
import { markMutated } from "./mutants.ts";

type Feeds = Record<string, ort.Tensor>;
interface Opened {
  session: { run(feeds: Feeds): Promise<unknown>; release(): Promise<void> };
}

const published = fileURLToPath(
  new URL("../../../../models/silero-vad-v6/silero_vad_v6.onnx", import.meta.url),
);
const sr = new ort.Tensor("int64", BigInt64Array.of(16000n), []);

const load = SileroBatch.load;
SileroBatch.load = async (modelDir) => {
  const batch = await load.call(SileroBatch, modelDir);
  const opened = batch as unknown as Opened;
  if (typeof opened.session?.run !== "function")
    throw new Error("the mutant doesn't fit SileroBatch any more");
  await opened.session.release();
  const session = await ort.InferenceSession.create(published, { intraOpNumThreads: 1 });
  opened.session = {
    run: (feeds) => session.run({ ...feeds, input: withoutContext(feeds.input!), sr }),
    release: () => session.release(),
  };
  return batch;
};

function withoutContext(input: ort.Tensor): ort.Tensor {
  const windowSamples = inputSamples - contextSamples;
  const windows = input.dims[0]!;
  const bare = new Float32Array(windows * windowSamples);
  for (let w = 0; w < windows; w++) {
    const at = w * inputSamples;
    bare.set(
      (input.data as Float32Array).subarray(at + contextSamples, at + inputSamples),
      w * windowSamples,
    );
  }
  return new ort.Tensor("float32", bare, [windows, windowSamples]);
}

markMutated();
