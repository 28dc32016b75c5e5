import { beforeAll, describe, expect, it } from "vitest";
import { measureActiveLevel } from "./metrics/active-level.ts";
import { hann, powerSpectra } from "./metrics/fourier.ts";
import { makeMix } from "./mixes.ts";
import { makeNoise, noiseKinds } from "./noises.ts";
import { loadVoices, type Voices } from "./voices.ts";

let voices: Voices;
beforeAll(async () => {
  voices = await loadVoices({ most: 1 });
});

const levelDb = (samples: ArrayLike<number>) => {
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += (samples[i]! / 32768) ** 2;
  return 10 * Math.log10(sum / samples.length);
};

describe("noise", () => {
  it.each([...noiseKinds, "music"] as const)(
    "%s is the same for the same seed, another for another",
    (kind) => {
      const first = makeNoise(kind, 4000, 5, voices.babblers);
      expect(makeNoise(kind, 4000, 5, voices.babblers)).toEqual(first);
      expect(makeNoise(kind, 4000, 6, voices.babblers)).not.toEqual(first);
      expect(first.reduce((sum, value) => sum + value * value, 0) / first.length).toBeCloseTo(1, 9);
    },
  );

  it("is as even or as slanted over the octaves as its name says", () => {
    const octaveDb = (kind: "white" | "pink", fromHz: number) => {
      const spectra = powerSpectra(makeNoise(kind, 160_000, 1), {
        frame: 512,
        hop: 512,
        size: 512,
        window: hann(512),
      });
      let sum = 0;
      for (const power of spectra) for (let k = fromHz / 31.25; k < fromHz / 15.625; k++) sum += power[k]!;
      return 10 * Math.log10(sum);
    };
    expect(Math.abs(octaveDb("white", 2000) - octaveDb("white", 1000) - 3)).toBeLessThan(0.3);
    expect(Math.abs(octaveDb("pink", 2000) - octaveDb("pink", 1000))).toBeLessThan(0.7);
  });

  it("refuses babble of fewer than six voices", () => {
    expect(() => makeNoise("babble", 1000, 1, voices.babblers.slice(0, 5))).toThrow(RangeError);
  });
});

describe("a mix", () => {
  it("holds the voice at the usual level and the noise at its distance", () => {
    const mix = makeMix(voices, {
      clip: voices.clips.at(-1)!,
      condition: "noise",
      noise: "white",
      snrDb: 10,
    });
    expect(measureActiveLevel(mix.clean, 16_000).levelDb).toBeCloseTo(-26, 0);
    expect(levelDb(mix.heard.subarray(0, mix.spoken.from))).toBeCloseTo(-36, 0);
    const difference = mix.heard.map((value, i) => value - mix.clean[i]!);
    expect(levelDb(difference)).toBeCloseTo(-36, 1);
  });

  it("has more than a second of noise before and after the voice, labelled as none", () => {
    const mix = makeMix(voices, { clip: voices.clips.at(-1)!, condition: "noise", noise: "pink", snrDb: 0 });
    expect(mix.spoken.from).toBeGreaterThan(16_000);
    expect(mix.heard.length - mix.spoken.until).toBeGreaterThan(16_000);
    const first = mix.labels.indexOf(1);
    const last = mix.labels.lastIndexOf(1);
    expect(Math.abs(first * 512 - mix.spoken.from)).toBeLessThan(1600);
    expect(Math.abs((last + 1) * 512 - mix.spoken.until)).toBeLessThan(3200);
  });

  it("comes as mu-law at 8 kHz where a telephone sends it", () => {
    const mix = makeMix(voices, {
      clip: voices.clips.at(-1)!,
      condition: "mu-law",
      noise: "pink",
      snrDb: 15,
    });
    expect(mix.format).toEqual({ encoding: "pcmu", sampleRateHz: 8000 });
    expect(Math.abs(mix.bytes.length - mix.heard.length / 2)).toBeLessThan(2);
  });

  it("is the same each time", () => {
    const plan = { clip: voices.clips.at(-1)!, condition: "noise", noise: "babble", snrDb: 5 } as const;
    expect(makeMix(voices, plan).heard).toEqual(makeMix(voices, plan).heard);
  });
});
