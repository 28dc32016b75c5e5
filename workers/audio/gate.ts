/**
 * The spectral gate of one channel: sqrt-Hann frames of 512 samples every 256, minima-controlled recursive noise
 * tracking (MCRA), decision-directed a-priori SNR, log-spectral-amplitude gain weighted by the probability of
 * speech, and a floor. Causal; synthesis is one hop late.
 *
 * @see I. Cohen, B. Berdugo: Noise estimation by minima controlled recursive averaging, IEEE SPL 9(1), 2002
 * @see Y. Ephraim, D. Malah: Speech enhancement using a MMSE log-spectral amplitude estimator, IEEE ASSP 33(2), 1985
 */
import { fftBins, fftSamples, restoreReal, transformReal } from "./fft.ts";

/** Samples between two frames (16 ms). */
export const hopSamples = 256;
/** Lowest gain for a headset or a phone at the mouth, in dB. */
export const nearFieldFloorDb = -15;
/** Lowest gain for a laptop or a room, in dB. */
export const farFieldFloorDb = -20;

const hopMs = 16;
const powerSmoothing = Math.exp(-hopMs / 36);
const noiseSmoothing = Math.exp(-hopMs / 156);
const presenceSmoothing = 0.2;
/** Two windows of 1 s each: the minimum looks back 1 to 2 s. */
const minimumHops = 62;
/** Power above this many times its minimum means speech. */
const presenceRatio = 5;
const decisionDirected = 0.96;
const lowestPriorSnr = 10 ** (-18 / 10);
const highestPosteriorSnr = 1e4;
/** 250 ms in which the noise is simply what is heard. */
const fastStartHops = 16;
/** Odds of silence against speech before anything was heard. */
const absenceOdds = 1;
/** Power of about half a quantisation step: keeps divisions sane in digital silence. */
const lowestPower = 1e-2;

const window = Float64Array.from({ length: fftSamples }, (_, i) =>
  Math.sin((Math.PI * (i + 0.5)) / fftSamples),
);

// Tables by the leading bits of a float32: 64 steps an octave, from 2^-12 to 2^6.
const tableShift = 17;
const bits = new Float32Array(1);
const bitsAsInt = new Int32Array(bits.buffer);
const tableFrom = indexOf(2 ** -12);
const tableUntil = indexOf(2 ** 6);
/** exp(E1(v) / 2) */
const lsaTable = makeTable((v) => Math.exp(0.5 * expIntegral(v)));
/** exp(-v) */
const decayTable = makeTable((v) => Math.exp(-v));

const frame = new Float64Array(fftSamples);
const re = new Float64Array(fftBins);
const im = new Float64Array(fftBins);
const power = new Float64Array(fftBins);
const gain = new Float64Array(fftBins);
const output = new Float64Array(fftSamples);

/** State of one channel's gate (about 8 KB). */
export class SpectralGate {
  private floorGain = 10 ** (nearFieldFloorDb / 20);
  private hops = 0;
  private minimumAge = 0;
  private readonly last = new Int16Array(hopSamples);
  private readonly overlap = new Float32Array(hopSamples);
  private readonly smoothed = new Float32Array(fftBins);
  private readonly minimum = new Float32Array(fftBins);
  private readonly nextMinimum = new Float32Array(fftBins);
  private readonly presence = new Float32Array(fftBins);
  private readonly noise = new Float32Array(fftBins);
  private readonly cleaned = new Float32Array(fftBins);
  /** Energy after the gate divided by before, of the last hop. */
  energyRatio = 1;

  /** Starts afresh, after silence, with a lowest gain. */
  reset(floorDb: number): void {
    this.floorGain = 10 ** (floorDb / 20);
    this.hops = 0;
    this.minimumAge = 0;
    this.last.fill(0);
    this.overlap.fill(0);
    this.energyRatio = 1;
  }

  /** Changes the lowest gain from the next hop on. */
  setFloor(floorDb: number): void {
    this.floorGain = 10 ** (floorDb / 20);
  }

  /** Tracked noise in dBFS (RMS of the whole band). */
  get noiseDb(): number {
    let sum = 0;
    for (let k = 1; k < fftBins - 1; k++) sum += this.noise[k]!;
    // Two sides of the spectrum, the window's mean square of 1/2, Parseval's 512 twice.
    const meanSquare = (2 * sum) / (0.5 * fftSamples * fftSamples);
    return Math.max(-120, 10 * Math.log10(meanSquare / (32768 * 32768) + 1e-12));
  }

  /**
   * Takes the next hop.
   *
   * @param source - holds the hop's 256 samples at `at`
   * @param target - gets the *previous* hop's 256 gated samples at `targetAt`; null to analyse only
   */
  push(source: Int16Array, at: number, target: Int16Array | null, targetAt: number): void {
    const { last } = this;
    for (let i = 0; i < hopSamples; i++) {
      frame[i] = last[i]! * window[i]!;
      const sample = source[at + i]!;
      frame[hopSamples + i] = sample * window[hopSamples + i]!;
      last[i] = sample;
    }
    transformReal(frame, re, im);
    for (let k = 0; k < fftBins; k++) power[k] = re[k]! * re[k]! + im[k]! * im[k]! + lowestPower;
    this.trackNoise();
    this.computeGains();
    this.applyGains();
    if (target !== null) this.synthesise(target, targetAt);
    else this.overlap.fill(0);
  }

  private trackNoise(): void {
    const { smoothed, minimum, nextMinimum, presence, noise } = this;
    const first = this.hops === 0;
    const renew = this.minimumAge >= minimumHops;
    this.minimumAge = renew ? 0 : this.minimumAge + 1;
    const startWeight = this.hops < fastStartHops ? 1 / (this.hops + 1) : 0;
    for (let k = 0; k < fftBins; k++) {
      const below = power[k === 0 ? 1 : k - 1]!;
      const above = power[k === fftBins - 1 ? fftBins - 2 : k + 1]!;
      const local = 0.5 * power[k]! + 0.25 * (below + above);
      const s = first ? local : powerSmoothing * smoothed[k]! + (1 - powerSmoothing) * local;
      smoothed[k] = s;
      if (first) {
        minimum[k] = s;
        nextMinimum[k] = s;
        presence[k] = 0;
        noise[k] = power[k]!;
        this.cleaned[k] = 0;
        continue;
      }
      if (renew) {
        minimum[k] = Math.min(nextMinimum[k]!, s);
        nextMinimum[k] = s;
      } else {
        if (s < minimum[k]!) minimum[k] = s;
        if (s < nextMinimum[k]!) nextMinimum[k] = s;
      }
      const speech = s > presenceRatio * minimum[k]! ? 1 : 0;
      const p = presenceSmoothing * presence[k]! + (1 - presenceSmoothing) * speech;
      presence[k] = p;
      // Cohen lets a little of a word's first frame into the noise; in clean speech that little is audible.
      if (speech === 1) continue;
      const usual = (1 - noiseSmoothing) * (1 - p);
      const weight = startWeight > usual ? startWeight : usual;
      noise[k] = noise[k]! + weight * (power[k]! - noise[k]!);
    }
    this.hops += 1;
  }

  private computeGains(): void {
    const { noise, cleaned, floorGain } = this;
    for (let k = 0; k < fftBins; k++) {
      const noisePower = noise[k]! + lowestPower;
      let posterior = power[k]! / noisePower;
      if (posterior > highestPosteriorSnr) posterior = highestPosteriorSnr;
      const instant = posterior > 1 ? posterior - 1 : 0;
      let prior = (decisionDirected * cleaned[k]!) / noisePower + (1 - decisionDirected) * instant;
      if (prior < lowestPriorSnr) prior = lowestPriorSnr;
      const wiener = prior / (1 + prior);
      const v = posterior * wiener;
      bits[0] = v;
      let index = (bitsAsInt[0]! >> tableShift) - tableFrom;
      if (index < 0) index = 0;
      else if (index >= tableUntil - tableFrom) index = tableUntil - tableFrom - 1;
      let lsa = wiener * lsaTable[index]!;
      if (lsa > 1) lsa = 1;
      cleaned[k] = lsa * lsa * power[k]!;
      const speech = 1 / (1 + absenceOdds * (1 + prior) * decayTable[index]!);
      gain[k] = floorGain + (lsa > floorGain ? lsa - floorGain : 0) * speech;
    }
  }

  private applyGains(): void {
    let before = 0;
    let after = 0;
    for (let k = 0; k < fftBins; k++) {
      const below = gain[k === 0 ? 0 : k - 1]!;
      const above = gain[k === fftBins - 1 ? k : k + 1]!;
      const g = 0.5 * gain[k]! + 0.25 * (below + above);
      before += power[k]!;
      after += g * g * power[k]!;
      re[k] = re[k]! * g;
      im[k] = im[k]! * g;
    }
    this.energyRatio = after / before;
  }

  private synthesise(target: Int16Array, at: number): void {
    const { overlap } = this;
    restoreReal(re, im, output);
    for (let i = 0; i < hopSamples; i++) {
      const value = overlap[i]! + output[i]! * window[i]!;
      overlap[i] = output[hopSamples + i]! * window[hopSamples + i]!;
      target[at + i] = value > 32767 ? 32767 : value < -32768 ? -32768 : Math.floor(value + 0.5);
    }
  }
}

function indexOf(value: number): number {
  bits[0] = value;
  return bitsAsInt[0]! >> tableShift;
}

function makeTable(of: (value: number) => number): Float64Array {
  const table = new Float64Array(tableUntil - tableFrom);
  for (let i = 0; i < table.length; i++) {
    // The middle of the step.
    bitsAsInt[0] = ((i + tableFrom) << tableShift) | (1 << (tableShift - 1));
    table[i] = of(bits[0]!);
  }
  return table;
}

/** Exponential integral E1 for v > 0. */
function expIntegral(v: number): number {
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
  for (let n = 60; n >= 1; n--) fraction = n / (1 + n / (v + fraction));
  return Math.exp(-v) / (v + fraction);
}
