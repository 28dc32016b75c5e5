/** Background noise made from a seed: the same seed, the same samples. All have a mean square of 1. */
import { SeededRandom } from "../../support/random.ts";
import { makeMusic } from "./music.ts";
import { rateHz } from "./voices.ts";

export const noiseKinds = ["white", "pink", "fan", "tremolo", "babble"] as const;
/** Music stands apart: no gate takes it for noise, and the targets are about noise. */
export type NoiseKind = (typeof noiseKinds)[number] | "music";

/** Rotations of a fan a second, blades: its hum is their product and multiples of it. */
const fanTurnsHz = 23;
const fanBlades = 5;
const fanHarmonics = 6;
const fanCornerHz = 40;
/** The hum's fundamental lies some 13 dB under the air; it wavers by a third of a percent. */
const fanHum = 0.3;
const fanWavering = 0.0018;

/**
 * @param babblers - one voice each, for babble only; each lasts at least as long as the noise
 * @throws RangeError for babble without at least six voices
 */
export function makeNoise(
  kind: NoiseKind,
  length: number,
  seed: number,
  babblers: readonly Int16Array[] = [],
): Float64Array {
  const random = new SeededRandom(seed);
  switch (kind) {
    case "white":
      return normalise(makeWhite(length, random));
    case "pink":
      return normalise(makePink(length, random));
    case "fan":
      return normalise(makeFan(length, random));
    case "tremolo":
      return normalise(makeTremolo(length, random));
    case "babble":
      return normalise(makeBabble(length, random, babblers));
    case "music":
      return normalise(makeMusic(length, random));
  }
}

function makeWhite(length: number, random: SeededRandom): Float64Array {
  const noise = new Float64Array(length);
  for (let i = 0; i < length; i++) {
    noise[i] = Math.sqrt(-2 * Math.log(random.next() + 1e-12)) * Math.cos(2 * Math.PI * random.next());
  }
  return noise;
}

/** Paul Kellet's filter: 3 dB less an octave, within half a dB. */
function makePink(length: number, random: SeededRandom): Float64Array {
  const noise = makeWhite(length, random);
  let a = 0;
  let b = 0;
  let c = 0;
  for (let i = 0; i < length; i++) {
    const white = noise[i]!;
    a = 0.99765 * a + white * 0.099046;
    b = 0.963 * b + white * 0.2965164;
    c = 0.57 * c + white * 1.0526913;
    noise[i] = a + b + c + white * 0.1848;
  }
  return noise;
}

/** Air that rushes (noise, falling by 6 dB an octave from 40 Hz on) and a hum that wavers a little. */
function makeFan(length: number, random: SeededRandom): Float64Array {
  const air = makeWhite(length, random);
  const pole = Math.exp((-2 * Math.PI * fanCornerHz) / rateHz);
  // Of mean square 1 before the hum is added.
  const scale = Math.sqrt((1 + pole) / (1 - pole));
  const humHz = fanTurnsHz * fanBlades * (0.95 + 0.1 * random.next());
  const phases = Array.from({ length: fanHarmonics }, () => 2 * Math.PI * random.next());
  let low = 0;
  for (let i = 0; i < length; i++) {
    const seconds = i / rateHz;
    low = pole * low + (1 - pole) * air[i]!;
    const wavering = humHz * (seconds + fanWavering * Math.sin(2 * Math.PI * 0.3 * seconds));
    let hum = 0;
    for (let h = 1; h <= fanHarmonics; h++) hum += Math.sin(2 * Math.PI * h * wavering + phases[h - 1]!) / h;
    // Blades modulate the air with each pass.
    air[i] = low * scale * (1 + 0.1 * Math.sin(2 * Math.PI * fanTurnsHz * seconds)) + fanHum * hum;
  }
  return air;
}

/** Pink noise that swells and ebbs one to three times a second by some 14 dB: what trackers of minima find hard. */
function makeTremolo(length: number, random: SeededRandom): Float64Array {
  const speedHz = 1 + 2 * random.next();
  const phase = 2 * Math.PI * random.next();
  const noise = makePink(length, random);
  for (let i = 0; i < length; i++) {
    noise[i] = noise[i]! * (1 + 0.67 * Math.sin((2 * Math.PI * speedHz * i) / rateHz + phase));
  }
  return noise;
}

/** All voices at once, equally loud, each from a place of its own in its stream. */
function makeBabble(length: number, random: SeededRandom, babblers: readonly Int16Array[]): Float64Array {
  if (babblers.length < 6) throw new RangeError(`${babblers.length} voices are no babble`);
  const noise = new Float64Array(length);
  for (const stream of babblers) {
    const from = random.below(stream.length);
    let energy = 0;
    for (let i = 0; i < stream.length; i++) energy += stream[i]! * stream[i]!;
    const scale = 1 / Math.sqrt(energy / stream.length);
    for (let i = 0; i < length; i++) noise[i] = noise[i]! + stream[(from + i) % stream.length]! * scale;
  }
  return noise;
}

function normalise(noise: Float64Array): Float64Array {
  let energy = 0;
  for (let i = 0; i < noise.length; i++) energy += noise[i]! * noise[i]!;
  const scale = 1 / Math.sqrt(energy / noise.length);
  for (let i = 0; i < noise.length; i++) noise[i] = noise[i]! * scale;
  return noise;
}
