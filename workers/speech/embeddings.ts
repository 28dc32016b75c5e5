/**
 * The embeddings' process: MiniLM. Operation `embed`: args `{ texts }` (at most 64, cut at 256 tokens each); one
 * event `{ count }` whose payload holds `count` × 384 float32 little-endian, each of length 1.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { Tokenizer } from "@huggingface/tokenizers";
import ort from "onnxruntime-node";
import { EngineFault, type EngineOperations, runEngineProcess } from "./engine-server.ts";
import { checkModelFiles } from "./model-files.ts";

const DIMENSIONS = 384;
/** What the model was trained on. */
const MAX_TOKENS = 256;
const MAX_TEXTS = 64;
/** End of sequence in its vocabulary; must close a text that was cut. */
const SEPARATOR_TOKEN = "[SEP]";

function readTexts(args: Record<string, unknown>): string[] {
  const { texts } = args;
  if (!Array.isArray(texts) || texts.length === 0 || texts.length > MAX_TEXTS) {
    throw new EngineFault("invalid_request", `texts must be an array of 1 to ${MAX_TEXTS}`);
  }
  if (!texts.every((text) => typeof text === "string")) {
    throw new EngineFault("invalid_request", "every text must be a string");
  }
  return texts;
}

async function load(modelsDir: string, threads: number): Promise<EngineOperations> {
  const folder = join(modelsDir, "all-minilm-l6-v2");
  const [model, vocabulary] = await checkModelFiles(folder, ["model.int8.onnx", "tokenizer.json"]);
  const json = JSON.parse(await readFile(vocabulary!, "utf8")) as object;
  const tokenizer = new Tokenizer(json, {});
  const separator = tokenizer.token_to_id(SEPARATOR_TOKEN);
  const session = await ort.InferenceSession.create(model!, { intraOpNumThreads: threads });
  const embed = async (text: string): Promise<Float32Array> => {
    let ids = tokenizer.encode(text).ids;
    if (ids.length > MAX_TOKENS) ids = [...ids.slice(0, MAX_TOKENS - 1), separator!];
    const shape = [1, ids.length];
    const { embedding } = await session.run({
      input_ids: new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), shape),
      attention_mask: new ort.Tensor("int64", new BigInt64Array(ids.length).fill(1n), shape),
    });
    return embedding!.data as Float32Array;
  };
  await embed("Warm up.");
  return {
    async embed({ args, signal, emit }) {
      const texts = readTexts(args);
      const all = new Float32Array(texts.length * DIMENSIONS);
      // One by one: a batch saves little on one thread, and a vector must not depend on its neighbours.
      for (const [index, text] of texts.entries()) {
        if (signal.aborted) return;
        all.set(await embed(text), index * DIMENSIONS);
        // Inference blocks; cancellations get in between.
        await setImmediate();
      }
      emit({ count: texts.length }, new Uint8Array(all.buffer));
    },
  };
}

runEngineProcess("embeddings", 1, ({ modelsDir, threads }) => load(modelsDir, threads));
