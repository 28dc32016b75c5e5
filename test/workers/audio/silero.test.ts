import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  contextSamples,
  inputSamples,
  modelFile,
  SileroBatch,
  stateSize,
} from "../../../workers/audio/silero.ts";
import { windowSamples } from "../../../workers/audio/speech-detector.ts";
import { addNoise, layOut, modelDir, type Scene, speak } from "./signals.ts";

let silero: SileroBatch;
let scene: Scene;

beforeAll(async () => {
  silero = await SileroBatch.load(modelDir);
  const pieces = [
    await speak("The quick brown fox jumps over the lazy dog."),
    await speak("Call me back.", "rms"),
  ];
  scene = addNoise(layOut(pieces, 1000), "pink", 15, 3);
});

afterAll(() => silero.close());

/** Probabilities of all windows, `shift` samples into the signal. */
function fill(input: Float32Array, pcm: Int16Array, window: number): void {
  for (let i = 0; i < inputSamples; i++) {
    input[i] = (pcm[window * windowSamples - contextSamples + i] ?? 0) / 32768;
  }
}

async function listen(pcm: Int16Array): Promise<number[]> {
  const state = new Float32Array(stateSize);
  const ratios: number[] = [];
  for (let window = 0; (window + 1) * windowSamples <= pcm.length; window++) {
    fill(silero.add(state), pcm, window);
    await silero.run();
    ratios.push(silero.ratios[0]!);
  }
  return ratios;
}

function spokenWindows(): number[] {
  return scene.spans.flatMap(({ from, until }) => {
    const windows: number[] = [];
    for (let w = Math.ceil(from / windowSamples) + 2; (w + 1) * windowSamples <= until - 2048; w++)
      windows.push(w);
    return windows;
  });
}

describe("Silero", () => {
  it("hears speech and only speech", async () => {
    const ratios = await listen(scene.pcm);
    const spoken = spokenWindows();
    const heard = spoken.filter((window) => ratios[window]! >= 0.5).length;
    expect(heard / spoken.length).toBeGreaterThan(0.9);
    expect(Math.max(...ratios.slice(0, 30))).toBeLessThan(0.5);
  });

  it("is deaf, as it was published, when it gets bare windows of 512 samples, without a word of complaint", async () => {
    const model = await ort.InferenceSession.create(join(modelDir, "silero_vad_v6.onnx"), {
      intraOpNumThreads: 1,
    });
    let state = new ort.Tensor("float32", new Float32Array(stateSize), [2, 1, stateSize / 2]);
    const ratios: number[] = [];
    for (let window = 0; (window + 1) * windowSamples <= scene.pcm.length; window++) {
      const pcm = scene.pcm.subarray(window * windowSamples, (window + 1) * windowSamples);
      const input = new ort.Tensor(
        "float32",
        Float32Array.from(pcm, (v) => v / 32768),
        [1, windowSamples],
      );
      const sr = new ort.Tensor("int64", BigInt64Array.of(16000n), []);
      const result = await model.run({ input, state, sr });
      ratios.push((result.output!.data as Float32Array)[0]!);
      state = result.stateN as typeof state;
    }
    await model.release();
    const spoken = spokenWindows();
    const heard = spoken.filter((window) => ratios[window]! >= 0.5).length;
    expect(heard / spoken.length).toBeLessThan(0.1);
  });

  it("gives in a batch what it gives alone, with channels joining and leaving", async () => {
    const shifts = [0, 3000, 7777, 12_345, 20_001];
    const alone: number[][] = [];
    for (const shift of shifts) alone.push(await listen(scene.pcm.subarray(shift)));
    const states = shifts.map(() => new Float32Array(stateSize));
    const together: number[][] = shifts.map(() => []);
    for (let window = 0; window < 120; window++) {
      // Channel c starts at window 3c and skips every (c + 2)nd turn.
      const present = shifts.map((_, c) => c).filter((c) => window >= 3 * c && window % (c + 2) !== 0);
      for (const c of present)
        fill(silero.add(states[c]!), scene.pcm.subarray(shifts[c]!), together[c]!.length);
      await silero.run();
      for (const [i, c] of present.entries()) together[c]!.push(silero.ratios[i]!);
    }
    for (const [c, ratios] of together.entries()) {
      expect(ratios.length).toBeGreaterThan(40);
      for (const [i, ratio] of ratios.entries()) expect(Math.abs(ratio - alone[c]![i]!)).toBeLessThan(1e-5);
    }
  });

  it("refuses a model that doesn't match its checksum", async () => {
    const folder = await mkdtemp(join(tmpdir(), "parley-silero-"));
    try {
      await cp(modelDir, folder, { recursive: true });
      const file = join(folder, modelFile);
      const model = await readFile(file);
      model[1000] = model[1000]! ^ 1;
      await writeFile(file, model);
      await expect(SileroBatch.load(folder)).rejects.toMatchObject({ code: "model_checksum_mismatch" });
      await writeFile(join(folder, "SHA256SUMS"), "");
      await expect(SileroBatch.load(folder)).rejects.toMatchObject({ code: "model_checksum_mismatch" });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
