/**
 * Silero VAD v6.2 on ONNX Runtime, many channels in one inference. Runs synchronously for its time, so in a worker
 * thread only.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { windowSamples } from "./speech-detector.ts";

/** Samples from before the window that the model needs; without them it hears nothing, and says so with no error. */
export const contextSamples = 64;
/** What one window puts in. */
export const inputSamples = contextSamples + windowSamples;
/** Numbers of recurrent state a channel: two layers of 128. */
export const stateSize = 256;
/** Windows of one inference; more are done in several. */
export const maxBatch = 128;

/** The published model rewritten for batches: the same numbers for a third of the time (models/README.md). */
export const modelFile = "silero_vad_v6_batched.onnx";
const layerSize = 128;
/** A product with one row is summed in another order than the published model's; with two it is the same to the bit. */
const leastRows = 2;

/** Why a model was not loaded; `code` is one of the table of errors. */
export class ModelError extends Error {
  readonly code: "model_checksum_mismatch";

  constructor(message: string) {
    super(message);
    this.name = "ModelError";
    this.code = "model_checksum_mismatch";
  }
}

/** The model and the batch that is being filled. */
export class SileroBatch {
  private readonly session: ort.InferenceSession;
  private readonly input = new Float32Array(maxBatch * inputSamples);
  private readonly stateIn = new Float32Array(maxBatch * stateSize);
  private readonly states: (Float32Array | null)[] = new Array(maxBatch).fill(null);
  private count = 0;
  /** Probabilities of the last `run`, in the order of `add`. */
  readonly ratios = new Float32Array(maxBatch);

  private constructor(session: ort.InferenceSession) {
    this.session = session;
  }

  /**
   * Loads `modelFile` from a folder, after checking it against the folder's SHA256SUMS.
   *
   * @throws ModelError if the sum is missing or another one; errors of the file system as they are
   */
  static async load(modelDir: string): Promise<SileroBatch> {
    const [model, sums] = await Promise.all([
      readFile(join(modelDir, modelFile)),
      readFile(join(modelDir, "SHA256SUMS"), "utf8"),
    ]);
    const line = sums.split("\n").find((candidate) => candidate.trim().endsWith(` ${modelFile}`));
    const expected = line?.trim().split(/\s+/)[0];
    const actual = createHash("sha256").update(model).digest("hex");
    if (expected !== actual) {
      throw new ModelError(
        `${modelFile} has SHA-256 ${actual}, SHA256SUMS says ${expected ?? "nothing about it"}; restore the file`,
      );
    }
    const session = await ort.InferenceSession.create(model, {
      executionProviders: ["cpu"],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: "sequential",
      // Without its warnings that some weights are inputs, too: they are meant to be (decision 0008).
      logSeverityLevel: 3,
    });
    return new SileroBatch(session);
  }

  get size(): number {
    return this.count;
  }

  /**
   * Adds a window to the batch.
   *
   * @param state - the channel's recurrent state (256 numbers), replaced by `run`
   * @returns where to write its 576 samples, from -1 to 1
   * @throws RangeError beyond `maxBatch` (a bug of the caller)
   */
  add(state: Float32Array): Float32Array {
    if (this.count >= maxBatch) throw new RangeError("the batch is full");
    const at = this.count * inputSamples;
    this.states[this.count] = state;
    this.count += 1;
    return this.input.subarray(at, at + inputSamples);
  }

  /** Runs the batch: `ratios` and every state are written, and the batch is empty again. */
  async run(): Promise<void> {
    const { count, states, stateIn } = this;
    if (count === 0) return;
    // Beyond `count` lies what was there before; nobody reads what comes of it.
    const rows = Math.max(count, leastRows);
    for (let b = 0; b < count; b++) {
      const state = states[b]!;
      for (let i = 0; i < layerSize; i++) {
        stateIn[b * layerSize + i] = state[i]!;
        stateIn[(rows + b) * layerSize + i] = state[layerSize + i]!;
      }
    }
    const result = await this.session.run({
      input: new ort.Tensor("float32", this.input.subarray(0, rows * inputSamples), [rows, inputSamples]),
      state: new ort.Tensor("float32", stateIn.subarray(0, rows * stateSize), [2, rows, layerSize]),
    });
    const ratios = result.output!.data as Float32Array;
    const stateOut = result.stateN!.data as Float32Array;
    for (let b = 0; b < count; b++) {
      const state = states[b]!;
      this.ratios[b] = ratios[b]!;
      for (let i = 0; i < layerSize; i++) {
        state[i] = stateOut[b * layerSize + i]!;
        state[layerSize + i] = stateOut[(rows + b) * layerSize + i]!;
      }
      states[b] = null;
    }
    this.count = 0;
  }

  /** Frees the model. */
  async close(): Promise<void> {
    await this.session.release();
  }
}
