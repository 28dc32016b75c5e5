/** Mutant: Silero gets its 512 samples without the 64 before them. It says so with no error. */
import type * as ort from "onnxruntime-node";
import { Tensor } from "onnxruntime-node";
import { contextSamples, inputSamples, SileroBatch } from "../../../../workers/audio/silero.ts";
import { markMutated } from "./mutants.ts";

type Feeds = Record<string, ort.Tensor>;
interface Opened {
  session: { run(feeds: Feeds): Promise<unknown>; release(): Promise<void> };
}

const load = SileroBatch.load;
SileroBatch.load = async (modelDir) => {
  const batch = await load.call(SileroBatch, modelDir);
  const opened = batch as unknown as Opened;
  const { session } = opened;
  if (typeof session?.run !== "function") throw new Error("the mutant doesn't fit SileroBatch any more");
  opened.session = {
    run: (feeds) => session.run({ ...feeds, input: withoutContext(feeds.input!) }),
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
  return new Tensor("float32", bare, [windows, windowSamples]);
}

markMutated();
