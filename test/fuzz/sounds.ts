/** Audio that clients send and should not, and a little that they should: so that turns happen among the nonsense. */

import { encodeAlaw, encodeMulaw } from "../../wire/g711.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";
import type { SeededRandom } from "../support/random.ts";
import { sayUtterance } from "../support/speech.ts";

/** Mostly frames as microphones make them, now and then enough for a word or a turn. */
const lengths = [1, 2, 160, 480, 480, 480, 960, 24_000];
const rates = [8000, 16_000, 24_000] as const;

type Pattern = (samples: number, random: SeededRandom) => Int16Array;

function each(at: (index: number, random: SeededRandom) => number): Pattern {
  return (samples, random) => Int16Array.from({ length: samples }, (_, index) => at(index, random));
}

const patterns: Readonly<Record<string, Pattern>> = {
  silence: each(() => 0),
  lowest: each(() => -32_768),
  highest: each(() => 32_767),
  alternating: each((index) => (index % 2 ? 32_767 : -32_768)),
  square: each((index) => (index % 64 < 32 ? 32_767 : -32_768)),
  runs: (samples, random) => {
    const period = 2 + random.below(500);
    return each((index) => (index % period < period / 2 ? -32_768 : 0))(samples, random);
  },
  noise: each((_, random) => random.below(65_536) - 32_768),
  hiss: each((_, random) => random.below(9) - 4),
  offset: each((_, random) => 20_000 + random.below(100)),
  click: each((index) => (index === 0 ? 32_767 : 0)),
};

/** Makes sounds; speech among them, clean and overdriven. */
export interface Sounds {
  /** Bytes in some format (not always the session's), now and then with half a sample at the end. */
  make(random: SeededRandom): Uint8Array;
}

/** Speech is rendered once. */
export async function loadSounds(): Promise<Sounds> {
  const { pcm, rateHz } = await sayUtterance("Is anybody there, or is it the radio again?");
  const speech = rates.map((rate) => resampleWhole(pcm, rateHz, rate));
  const takeSpeech: Pattern = (samples, random) => {
    const whole = random.pick(speech);
    const from = random.below(Math.max(1, whole.length - samples));
    return whole.slice(from, from + samples);
  };
  const all: Readonly<Record<string, Pattern>> = {
    ...patterns,
    speech: takeSpeech,
    overdriven: (samples, random) =>
      takeSpeech(samples, random).map((sample) => Math.max(-32_768, Math.min(32_767, sample * 30))),
  };
  const names = Object.keys(all);
  return {
    make(random) {
      const samples = random.pick(lengths);
      const made = all[random.pick(names)]!(samples, random);
      const bytes = random.pick([asPcm, asPcm, encodeMulaw, encodeAlaw])(made);
      return random.chance(0.1) ? bytes.slice(0, Math.max(0, bytes.length - 1)) : bytes;
    },
  };
}

function asPcm(pcm: Int16Array): Uint8Array {
  return new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
}
