import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  contextSamples,
  inputSamples,
  maxBatch,
  modelFile,
  SileroBatch,
  stateSize,
} from "../../../workers/audio/silero.ts";
import { windowSamples } from "../../../workers/audio/speech-detector.ts";
import { addNoise, layOut, modelDir, seeded, speak } from "./signals.ts";

const windows = 250;
const tolerance = 1e-5;
/** Cells of the memory reach tens; those are compared by their size. */
const stateTolerance = 1e-4;
const layerSize = stateSize / 2;
const seed = 20_260;

let silero: SileroBatch;
let published: ort.InferenceSession;

beforeAll(async () => {
  silero = await SileroBatch.load(modelDir);
  published = await ort.InferenceSession.create(join(modelDir, "silero_vad_v6.onnx"), {
    intraOpNumThreads: 1,
  });
});

afterAll(() => Promise.all([silero.close(), published.release()]));

/** What the published model says to one window, alone; the state is replaced. */
async function askPublished(input: Float32Array, state: Float32Array): Promise<number> {
  const result = await published.run({
    input: new ort.Tensor("float32", input, [1, inputSamples]),
    state: new ort.Tensor("float32", state, [2, 1, layerSize]),
    sr: new ort.Tensor("int64", BigInt64Array.of(16000n), []),
  });
  state.set(result.stateN!.data as Float32Array);
  return (result.output!.data as Float32Array)[0]!;
}

interface Comparison {
  /** Furthest apart, of all probabilities and (by their size) all numbers of state. */
  ratio: number;
  state: number;
  /** Range of the published model's probabilities: whether there was something to tell apart. */
  least: number;
  most: number;
}

/** Gives both models the same windows, each with its own memory: the rewritten one all channels at once. */
async function compare(
  channels: readonly Float32Array[],
  states: readonly Float32Array[] = channels.map(() => new Float32Array(stateSize)),
): Promise<Comparison> {
  const found: Comparison = { ratio: 0, state: 0, least: 1, most: 0 };
  const ours = states.map((state) => state.slice());
  const theirs = states.map((state) => state.slice());
  for (let window = 0; window < windows; window++) {
    const inputs = channels.map((samples) =>
      samples.subarray(window * windowSamples, window * windowSamples + inputSamples),
    );
    for (const [c, input] of inputs.entries()) silero.add(ours[c]!).set(input);
    await silero.run();
    for (const [c, input] of inputs.entries()) {
      const expected = await askPublished(input, theirs[c]!);
      found.ratio = Math.max(found.ratio, Math.abs(silero.ratios[c]! - expected));
      found.least = Math.min(found.least, expected);
      found.most = Math.max(found.most, expected);
      for (const [i, value] of theirs[c]!.entries()) {
        const apart = Math.abs(ours[c]![i]! - value) / Math.max(1, Math.abs(value));
        found.state = Math.max(found.state, apart);
      }
    }
  }
  return found;
}

const length = windows * windowSamples + contextSamples;

describe("the rewritten Silero", () => {
  it("says to speech in noise, over 250 windows with its own memory, what the published one says", async () => {
    const pieces = await Promise.all([
      speak("The quick brown fox jumps over the lazy dog."),
      speak("Call me back.", "rms"),
      speak("I would like to know when the next train leaves for the city.", "slt", 0.05),
    ]);
    const spoken = layOut([...pieces, ...pieces], 700);
    const scenes = [spoken, addNoise(spoken, "pink", 15, seed), addNoise(spoken, "white", 0, seed)];
    const channels = scenes.flatMap(({ pcm }) =>
      [0, 3011].map((shift) => Float32Array.from({ length }, (_, i) => (pcm[shift + i] ?? 0) / 32768)),
    );
    const found = await compare(channels);
    expect(found.most).toBeGreaterThan(0.9);
    expect(found.least).toBeLessThan(0.05);
    expect(found.ratio).toBeLessThan(tolerance);
    expect(found.state).toBeLessThan(stateTolerance);
  });

  it(`says to noise of all levels, clicks and full scale what the published one says (seed ${seed})`, async () => {
    const random = seeded(seed);
    const level = (i: number): number => 10 ** (-5 + 5 * (((i / windowSamples) | 0) / windows));
    const channels = [
      Float32Array.from({ length }, (_, i) => (random() * 2 - 1) * level(i)),
      Float32Array.from({ length }, () => (random() < 0.5 ? -1 : 1)),
      Float32Array.from({ length }, () => (random() < 0.001 ? 1 : 0)),
      Float32Array.from({ length }, (_, i) => Math.sin(i * i * 1e-6)),
      Float32Array.from({ length }, (_, i) => Math.sin(i * 0.05) * Math.sin(i * 0.0004) + 0.1 * random()),
      new Float32Array(length),
      new Float32Array(length).fill(1),
    ];
    const found = await compare(channels);
    expect(found.ratio).toBeLessThan(tolerance);
    expect(found.state).toBeLessThan(stateTolerance);
  });

  it(`goes on from any memory as the published one does (seed ${seed + 1})`, async () => {
    const random = seeded(seed + 1);
    const pcm = layOut([await speak("What's the weather like at the weekend by the sea?")], 400).pcm;
    const scales = [0.1, 1, 5, 20];
    const channels = scales.map((_, c) =>
      Float32Array.from({ length }, (_, i) => (pcm[(i + c * 999) % pcm.length] ?? 0) / 32768),
    );
    const states = scales.map((scale) =>
      Float32Array.from({ length: stateSize }, (_, i) => (random() * 2 - 1) * (i < layerSize ? 1 : scale)),
    );
    const found = await compare(channels, states);
    // A session that is the only one, too.
    for (const [c, channel] of channels.entries()) {
      const lone = await compare([channel], [states[c]!]);
      expect(lone.ratio, `alone, memory ${c}`).toBeLessThan(tolerance);
    }
    expect(found.most - found.least).toBeGreaterThan(0.5);
    expect(found.ratio).toBeLessThan(tolerance);
    expect(found.state).toBeLessThan(stateTolerance);
  });

  it(`says the same in batches of every kind of size (seed ${seed + 2})`, async () => {
    const random = seeded(seed + 2);
    const pcm = layOut([await speak("Call me back on Monday, please.")], 300).pcm;
    const inputs = Array.from({ length: maxBatch }, () => {
      const at = Math.floor(random() * (pcm.length - inputSamples));
      return Float32Array.from({ length: inputSamples }, (_, i) => pcm[at + i]! / 32768);
    });
    const states = inputs.map(() => Float32Array.from({ length: stateSize }, () => random() * 2 - 1));
    const expected: number[] = [];
    for (const [c, input] of inputs.entries()) expected.push(await askPublished(input, states[c]!.slice()));
    expect(Math.max(...expected) - Math.min(...expected)).toBeGreaterThan(0.3);
    for (const size of [1, 2, 3, 7, 10, 12, 13, 31, 32, 64, 127, maxBatch]) {
      for (let c = 0; c < size; c++) silero.add(states[c]!.slice()).set(inputs[c]!);
      await silero.run();
      for (let c = 0; c < size; c++)
        expect(Math.abs(silero.ratios[c]! - expected[c]!), `${c} of ${size}`).toBeLessThan(tolerance);
    }
  });

  it("refuses windows without their context, which the published one takes and doesn't hear", async () => {
    const rewritten = await ort.InferenceSession.create(join(modelDir, modelFile), { logSeverityLevel: 3 });
    const bare = 10;
    const feeds = {
      input: new ort.Tensor("float32", new Float32Array(bare * windowSamples), [bare, windowSamples]),
      state: new ort.Tensor("float32", new Float32Array(bare * stateSize), [2, bare, layerSize]),
    };
    await expect(rewritten.run(feeds)).rejects.toThrow(/invalid dimensions/i);
    await rewritten.release();
  });
});
