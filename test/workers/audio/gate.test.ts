import { beforeAll, describe, expect, it } from "vitest";
import { fftBins, fftSamples, restoreReal, transformReal } from "../../../workers/audio/fft.ts";
import { hopSamples, lsaRest, SpectralGate } from "../../../workers/audio/gate.ts";
import { farFieldFloorDb, nearFieldFloorDb } from "../../../workers/audio/gate-stage.ts";
import { addNoise, layOut, meanSquare, type Scene, seeded, speak } from "./signals.ts";

/** Gates a whole signal; aligned with it. */
function gateAll(pcm: Int16Array, floorDb = nearFieldFloorDb): { output: Int16Array; gate: SpectralGate } {
  const gate = new SpectralGate(floorDb);
  const hops = Math.floor(pcm.length / hopSamples);
  const delayed = new Int16Array(hops * hopSamples);
  for (let hop = 0; hop < hops; hop++)
    gate.push(pcm, hop * hopSamples, { work: "process" }, delayed, hop * hopSamples);
  const output = new Int16Array(pcm.length);
  output.set(delayed.subarray(hopSamples));
  return { output, gate };
}

/** Scale-invariant signal-to-distortion ratio over the spoken parts. */
function siSdrDb(clean: Scene, signal: Int16Array): number {
  let dot = 0;
  let energy = 0;
  for (const { from, until } of clean.spans) {
    for (let i = from; i < until; i++) {
      dot += clean.pcm[i]! * signal[i]!;
      energy += clean.pcm[i]! ** 2;
    }
  }
  const scale = dot / energy;
  let error = 0;
  for (const { from, until } of clean.spans) {
    for (let i = from; i < until; i++) error += (signal[i]! - scale * clean.pcm[i]!) ** 2;
  }
  return 10 * Math.log10((scale * scale * energy) / error);
}

function tailDb(before: Int16Array, after: Int16Array): number {
  const from = before.length - 16000;
  const to = before.length - 1024;
  return 10 * Math.log10(meanSquare(before, from, to) / (meanSquare(after, from, to) + 1e-9));
}

/** E1(v), by its series below 1 and its continued fraction above. */
function exponentialIntegral(v: number): number {
  if (v < 1) {
    let term = 1;
    let sum = 0;
    for (let n = 1; n < 30; n++) {
      term *= -v / n;
      sum -= term / n;
    }
    return -Math.log(v) - 0.5772156649015329 + sum;
  }
  let fraction = 0;
  for (let n = 100; n >= 1; n--) fraction = n / (1 + n / (v + fraction));
  return Math.exp(-v) / (v + fraction);
}

const clean: Scene[] = [];

beforeAll(async () => {
  const texts = ["The quick brown fox jumps over the lazy dog.", "She sells sea shells by the sea shore."];
  for (const voice of ["slt", "rms"] as const) {
    clean.push(layOut([await speak(texts[0]!, voice), await speak(texts[1]!, voice)], 1500));
  }
});

describe("Fourier transform", () => {
  it("agrees with the definition and undoes itself", () => {
    const random = seeded(1);
    const input = Float64Array.from({ length: fftSamples }, () => random() * 2 - 1);
    const re = new Float64Array(fftBins);
    const im = new Float64Array(fftBins);
    transformReal(input, re, im);
    for (const k of [0, 1, 2, 63, 64, 127, 128, 200, 255, 256]) {
      let sumRe = 0;
      let sumIm = 0;
      for (let n = 0; n < fftSamples; n++) {
        sumRe += input[n]! * Math.cos((2 * Math.PI * k * n) / fftSamples);
        sumIm -= input[n]! * Math.sin((2 * Math.PI * k * n) / fftSamples);
      }
      expect(re[k]).toBeCloseTo(sumRe, 9);
      expect(im[k]).toBeCloseTo(sumIm, 9);
    }
    const output = new Float64Array(fftSamples);
    restoreReal(re, im, output);
    for (let i = 0; i < fftSamples; i++) expect(output[i]).toBeCloseTo(input[i]!, 12);
  });
});

describe("spectral gate", () => {
  it("has a log-spectral amplitude that is right to 0.004 dB", () => {
    for (let v = 1e-5; v < 50; v *= 1.01) {
      const y = Math.exp(-v);
      const rest = y * (lsaRest[0] + y * (lsaRest[1] + y * lsaRest[2]));
      const errorDb = 10 * Math.log10(1 + rest / v) - (10 * exponentialIntegral(v)) / Math.LN10;
      expect(Math.abs(errorDb), `v = ${v}`).toBeLessThan(0.004);
    }
  });

  it("raises SI-SDR in white noise by 4 dB or more at every ratio, and by 5.5 dB in the mean", () => {
    const gains: number[] = [];
    for (const scene of clean) {
      for (const snrDb of [0, 5, 10, 15]) {
        const noisy = addNoise(scene, "white", snrDb, 7);
        const gain = siSdrDb(scene, gateAll(noisy.pcm).output) - siSdrDb(scene, noisy.pcm);
        expect(gain, `${snrDb} dB`).toBeGreaterThan(snrDb === 15 ? 2.5 : 4);
        gains.push(gain);
      }
    }
    expect(gains.reduce((a, b) => a + b) / gains.length).toBeGreaterThan(5.5);
  });

  it("raises SI-SDR in pink noise", () => {
    for (const scene of clean) {
      for (const snrDb of [0, 5, 10]) {
        const noisy = addNoise(scene, "pink", snrDb, 8);
        const gain = siSdrDb(scene, gateAll(noisy.pcm).output) - siSdrDb(scene, noisy.pcm);
        expect(gain, `${snrDb} dB`).toBeGreaterThan(2.5);
      }
    }
  });

  it("takes pauses down by 10 dB or more, for the far field further", () => {
    for (const scene of clean) {
      for (const kind of ["white", "pink"] as const) {
        const noisy = addNoise(scene, kind, 10, 9);
        const near = tailDb(noisy.pcm, gateAll(noisy.pcm).output);
        const far = tailDb(noisy.pcm, gateAll(noisy.pcm, farFieldFloorDb).output);
        expect(near, kind).toBeGreaterThan(10);
        expect(near, kind).toBeLessThan(15.1);
        expect(far, kind).toBeGreaterThan(near + 1);
      }
    }
  });

  it("lets clean speech through", () => {
    for (const scene of clean) expect(siSdrDb(scene, gateAll(scene.pcm).output)).toBeGreaterThan(25);
  });

  it("knows the noise's level within 2 dB", () => {
    const [scene] = clean;
    const noisy = addNoise(scene!, "white", 10, 10);
    const trueDb = 10 * Math.log10(meanSquare(noisy.pcm, 0, 20000) / 32768 ** 2);
    expect(Math.abs(gateAll(noisy.pcm).gate.noiseDb - trueDb)).toBeLessThan(2);
  });

  it("survives digital silence, full scale and a constant", () => {
    const silence = gateAll(new Int16Array(16000)).output;
    expect(silence.every((sample) => sample === 0)).toBe(true);
    const square = Int16Array.from({ length: 16000 }, (_, i) => (i % 40 < 20 ? 32767 : -32768));
    const constant = new Int16Array(16000).fill(12000);
    for (const input of [square, constant]) {
      const { output, gate } = gateAll(input);
      expect(Number.isFinite(gate.noiseDb)).toBe(true);
      expect(Number.isFinite(gate.energyRatio)).toBe(true);
      expect(meanSquare(output)).toBeLessThanOrEqual(meanSquare(input) * 1.01);
    }
  });
});
