/**
 * What one window of voice detection costs in a batch, and alone: as anybody runs the published model with
 * onnxruntime-node, and through the model that was rewritten for batches. And whether all hear the same.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as ort from "onnxruntime-node";
import { inputSamples, SileroBatch, stateSize } from "../../../workers/audio/silero.ts";
import { windowSamples } from "../../../workers/audio/speech-detector.ts";
import { addNoise, layOut, speak } from "../../workers/audio/signals.ts";
import { type Bench, percentile } from "../report.ts";

const modelDir = fileURLToPath(new URL("../../../models/silero-vad-v6", import.meta.url));
const batch = 64;
const rounds = 12;
const windowsARound = 8;

/** Hears one window of every channel: the inputs, and where their probabilities go. */
type Ear = (inputs: readonly Float32Array[], ratios: number[]) => Promise<void>;

/** The published model by the public API: one `session.run` a window, whose state goes into the next one. */
function hearPublished(session: ort.InferenceSession): Ear {
  const sr = new ort.Tensor("int64", BigInt64Array.of(16000n), []);
  const states = Array.from(
    { length: batch },
    () => new ort.Tensor("float32", new Float32Array(stateSize), [2, 1, stateSize / 2]),
  );
  return async (inputs, ratios) => {
    for (const [channel, samples] of inputs.entries()) {
      const input = new ort.Tensor("float32", samples, [1, inputSamples]);
      const result = await session.run({ input, state: states[channel]!, sr });
      states[channel] = result.stateN as ort.TypedTensor<"float32">;
      ratios.push((result.output!.data as Float32Array)[0]!);
    }
  };
}

/** The rewritten model, `together` in one inference or each window in its own. */
function hearRewritten(silero: SileroBatch, together: boolean): Ear {
  const states = Array.from({ length: batch }, () => new Float32Array(stateSize));
  return async (inputs, ratios) => {
    for (const [channel, samples] of inputs.entries()) {
      silero.add(states[channel]!).set(samples);
      if (together) continue;
      await silero.run();
      ratios.push(silero.ratios[0]!);
    }
    if (!together) return;
    await silero.run();
    ratios.push(...silero.ratios.subarray(0, batch));
  };
}

/** Somebody who hears every channel's windows, and what that costs. */
class Listener {
  readonly ratios: number[] = [];
  readonly tookUs: number[] = [];
  private readonly ear: Ear;
  private window = 0;

  constructor(ear: Ear) {
    this.ear = ear;
  }

  /** Hears the next windows; channels listen to the same recording, each from another place on. */
  async hear(samples: Float32Array, counts: boolean): Promise<void> {
    const rounds = Array.from({ length: windowsARound }, () => {
      const from = this.window++ * windowSamples;
      return Array.from({ length: batch }, (_, channel) => {
        const at = (channel * 7777 + from) % (samples.length - inputSamples);
        return samples.subarray(at, at + inputSamples);
      });
    });
    const startedAtMs = performance.now();
    for (const inputs of rounds) await this.ear(inputs, this.ratios);
    const tookUs = ((performance.now() - startedAtMs) * 1000) / (windowsARound * batch);
    if (counts) this.tookUs.push(tookUs);
  }

  get medianUs(): number {
    return percentile(this.tookUs, 0.5);
  }

  /** Millionths of a probability that it is from another one at most. */
  apartFrom(other: Listener): number {
    return (
      this.ratios.reduce((most, ratio, i) => Math.max(most, Math.abs(ratio - other.ratios[i]!)), 0) * 1e6
    );
  }
}

async function makeSamples(): Promise<Float32Array> {
  const pieces = [
    await speak("The quick brown fox jumps over the lazy dog."),
    await speak("Call me back.", "rms"),
  ];
  const scene = addNoise(layOut(pieces, 1000), "pink", 15, 3);
  return Float32Array.from(scene.pcm, (sample) => sample / 32768);
}

export const bench: Bench = {
  description: `voice detection of ${batch} sessions in one inference against one by one`,
  async run() {
    const samples = await makeSamples();
    const silero = await SileroBatch.load(modelDir);
    const session = await ort.InferenceSession.create(join(modelDir, "silero_vad_v6.onnx"), {
      executionProviders: ["cpu"],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
    });
    try {
      const published = new Listener(hearPublished(session));
      const alone = new Listener(hearRewritten(silero, false));
      const together = new Listener(hearRewritten(silero, true));
      // In turn, so that a busy machine slows all alike; the first round warms up.
      for (let round = 0; round <= rounds; round++)
        for (const listener of [published, alone, together]) await listener.hear(samples, round > 0);
      return {
        rows: [
          { name: "a window alone, the published model", measured: published.medianUs, unit: "us" },
          { name: "a window alone, the rewritten model", measured: alone.medianUs, unit: "us" },
          {
            name: `a window in a batch of ${batch}, the rewritten model`,
            measured: together.medianUs,
            unit: "us",
          },
          {
            name: "times cheaper than the published model one by one",
            measured: published.medianUs / together.medianUs,
            unit: "x",
            atLeast: 4,
          },
          {
            name: "times cheaper than the rewritten model one by one",
            measured: alone.medianUs / together.medianUs,
            unit: "x",
          },
          {
            name: "batch and published model apart (millionths of a probability)",
            measured: together.apartFrom(published),
            unit: "ppm",
            atMost: 10,
          },
          {
            name: "batch and one by one apart, the rewritten model",
            measured: together.apartFrom(alone),
            unit: "ppm",
            atMost: 10,
          },
        ],
        notes: [
          `${rounds} rounds of ${windowsARound * batch} windows each way, in turn; medians`,
          "the published model as onnxruntime-node runs it: one session.run a window, one thread",
          "the rewritten model computes a lone window with a second row beside it (decision 0008), which costs it a part of its time",
        ],
        veto: null,
      };
    } finally {
      await session.release();
      await silero.close();
    }
  },
};
