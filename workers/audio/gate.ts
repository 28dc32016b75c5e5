/**
 * The spectral gate of one channel in plain float64: sqrt-Hann frames of 512 samples every 256, minima-controlled
 * recursive noise tracking (MCRA), decision-directed a-priori SNR, log-spectral-amplitude gain weighted by the
 * probability of speech, and a floor. Causal; synthesis is one hop late.
 *
 * It is the reference twin of the kernel that the audio thread runs (`kernel/gate.as.ts`, the same steps and numbers in
 * float32): tests hold the two together. What both share stands here too.
 *
 * @see docs/decisions/0004-spectral-gate.md (formulae, sources, how the numbers were chosen)
 */
import { fftBins, fftSamples, restoreReal, transformReal } from "./fft.ts";
import { levelBands } from "./messages.ts";

/** Samples between two frames (16 ms). */
export const hopSamples = 256;

/** How much is done with a hop: sub-band SNR and noise; gains and levels as well; the gated signal as well. */
export type GateWork = "analyse" | "measure" | "process";

/** Mean power over hops before and after the gate, `levelBands` values each, dBFS. */
export interface GateBands {
  rawDb: number[];
  gatedDb: number[];
}

/** How a hop is to be treated. */
export interface HopOptions {
  work: GateWork;
  /** false: noise and minimum stay as they are. Default true. */
  learns?: boolean;
  /** Whether the hop counts for `takeBands`. Default false. */
  sumsBands?: boolean;
}

const hopMs = 16;
const powerSmoothing = Math.exp(-hopMs / 36);
const noiseSmoothing = Math.exp(-hopMs / 800);
/** Two windows of 1 s each: the minimum looks back 1 to 2 s. */
const minimumHops = 62;
/** Power above this many times its minimum means speech. */
const presenceRatio = 5;
const decisionDirected = 0.92;
const lowestPriorSnr = 10 ** (-18 / 10);
/** 250 ms in which the noise is simply what is heard. */
const fastStartHops = 16;
/** Power of about half a quantisation step: keeps divisions sane in digital silence. */
const lowestPower = 1e-2;
/** Bins under every voice (up to 47 Hz): at the floor where noise rumbles there. */
const subsonicBins = 2;
/** Power in these bins at about -70 dBFS: less is no rumble. */
const rumblePower = 7e6;
/** v (exp(E1(v)) - 1) as a polynomial in exp(-v) without its constant: the gain is right to 0.004 dB. */
export const lsaRest = [0.76622459, -0.30079836, 0.09652991] as const;

/** Sub-bands of 500 Hz, 125 to 4,100 Hz. */
const snrBands = 8;
const snrBandBins = 16;
const firstSnrBin = 4;

const lowestDb = -120;
const window = Float64Array.from({ length: fftSamples }, (_, i) =>
  Math.sin((Math.PI * (i + 0.5)) / fftSamples),
);
const frame = new Float64Array(fftSamples);
const re = new Float64Array(fftBins);
const im = new Float64Array(fftBins);
const power = new Float64Array(fftBins);
const gain = new Float64Array(fftBins);
const output = new Float64Array(fftSamples);

/** State of one channel's gate. */
export class SpectralGate {
  private readonly floorGain: number;
  /** Hops learnt from; the very first frame is half empty and counts as none. */
  private hops = -1;
  private minimumAge = 0;
  private readonly last = new Int16Array(hopSamples);
  private readonly overlap = new Float64Array(hopSamples);
  private readonly smoothed = new Float64Array(fftBins);
  private readonly minimum = new Float64Array(fftBins);
  private readonly nextMinimum = new Float64Array(fftBins);
  private readonly noise = new Float64Array(fftBins);
  private readonly cleaned = new Float64Array(fftBins);
  private readonly rawSums = new Float64Array(fftBins);
  private readonly gatedSums = new Float64Array(fftBins);
  private summedHops = 0;
  /** Energy after the gate divided by before, of the last hop; 1 when gains were not computed. */
  energyRatio = 1;
  /** Power of the sub-band that stands out most, over its minimum, of the last hop. */
  snrRatio = 1;

  /** @param floorDb - lowest gain */
  constructor(floorDb: number) {
    this.floorGain = 10 ** (floorDb / 20);
  }

  /** Tracked noise in dBFS (RMS of the whole band). */
  get noiseDb(): number {
    let sum = 0;
    for (let k = 1; k < fftBins - 1; k++) sum += this.noise[k]!;
    return binsInDb(sum, 1);
  }

  /**
   * Takes the next hop.
   *
   * @param source - holds the hop's 256 samples at `at`
   * @param target - gets the *previous* hop's 256 gated samples at `targetAt`, if the work is "process"
   */
  push(source: Int16Array, at: number, options: HopOptions, target?: Int16Array, targetAt = 0): void {
    const { last } = this;
    for (let i = 0; i < hopSamples; i++) {
      frame[i] = last[i]! * window[i]!;
      const sample = source[at + i]!;
      frame[hopSamples + i] = sample * window[hopSamples + i]!;
      last[i] = sample;
    }
    transformReal(frame, re, im);
    for (let k = 0; k < fftBins; k++) power[k] = re[k]! * re[k]! + im[k]! * im[k]! + lowestPower;
    this.trackNoise(options.learns !== false);
    this.snrRatio = this.findSnr();
    this.energyRatio = 1;
    gain.fill(1);
    if (options.work !== "analyse") this.computeGains();
    if (options.sumsBands === true) this.sumBands();
    if (options.work === "process") this.synthesise(target, targetAt);
  }

  /** Mean power in dBFS since the last call, in mel bands, of the hops that count for it. */
  takeBands(): GateBands {
    const { rawSums, gatedSums, summedHops } = this;
    const bands = { rawDb: bandsInDb(rawSums, 0, summedHops), gatedDb: bandsInDb(gatedSums, 0, summedHops) };
    rawSums.fill(0);
    gatedSums.fill(0);
    this.summedHops = 0;
    return bands;
  }

  private trackNoise(learns: boolean): void {
    const { smoothed, minimum, nextMinimum, noise } = this;
    // A first hop always counts; one that nothing may be learnt from is forgotten at the next.
    const isFirst = this.hops <= 0;
    const isFollowing = learns || isFirst;
    const isRenewed = isFirst || (learns && this.minimumAge >= minimumHops);
    const weight = this.hops < fastStartHops ? 1 / (Math.max(this.hops, 0) + 1) : 1 - noiseSmoothing;
    if (learns) {
      this.minimumAge = this.minimumAge >= minimumHops ? 0 : this.minimumAge + 1;
      this.hops += 1;
    }
    for (let k = 0; k < fftBins; k++) {
      const below = power[k === 0 ? 1 : k - 1]!;
      const above = power[k === fftBins - 1 ? fftBins - 2 : k + 1]!;
      const local = 0.5 * power[k]! + 0.25 * (below + above);
      const s = isFirst ? local : powerSmoothing * smoothed[k]! + (1 - powerSmoothing) * local;
      smoothed[k] = s;
      if (!isFollowing) continue;
      if (isRenewed) {
        minimum[k] = isFirst ? s : Math.min(nextMinimum[k]!, s);
        nextMinimum[k] = s;
      } else {
        minimum[k] = Math.min(minimum[k]!, s);
        nextMinimum[k] = Math.min(nextMinimum[k]!, s);
      }
      // Cohen lets a little of a word's first frame into the noise; in clean speech that little is audible.
      if (s <= presenceRatio * minimum[k]!) noise[k] = noise[k]! + weight * (power[k]! - noise[k]!);
    }
  }

  private findSnr(): number {
    let largest = 0;
    for (let band = 0; band < snrBands; band++) {
      let sum = 0;
      let least = 0;
      for (let i = 0; i < snrBandBins; i++) {
        const k = firstSnrBin + band * snrBandBins + i;
        sum += this.smoothed[k]!;
        least += this.minimum[k]!;
      }
      largest = Math.max(largest, sum / least);
    }
    return largest;
  }

  private computeGains(): void {
    const { noise, cleaned, floorGain } = this;
    const subsonicGain = noise[0]! + noise[1]! > rumblePower ? floorGain : 1;
    let before = 0;
    let after = 0;
    for (let k = 0; k < fftBins; k++) {
      const noisePower = noise[k]! + lowestPower;
      const posterior = power[k]! / noisePower;
      const instant = Math.max(posterior - 1, 0);
      const prior = Math.max(
        (decisionDirected * cleaned[k]!) / noisePower + (1 - decisionDirected) * instant,
        lowestPriorSnr,
      );
      const wiener = prior / (1 + prior);
      const decay = Math.exp(-posterior * wiener);
      // The log-spectral amplitude's power: wiener² exp(E1(v)) of the bin's, with v = posterior * wiener.
      const rest = decay * (lsaRest[0] + decay * (lsaRest[1] + decay * lsaRest[2]));
      cleaned[k] = Math.min(wiener * (wiener * power[k]! + noisePower * rest), power[k]!);
      const lsa = Math.sqrt(cleaned[k]! / power[k]!);
      const speech = 1 / (1 + (1 + prior) * decay);
      const most = k < subsonicBins ? subsonicGain : 1;
      const g = Math.min(floorGain + Math.max(lsa - floorGain, 0) * speech, most);
      gain[k] = g;
      before += power[k]!;
      after += g * g * power[k]!;
    }
    this.energyRatio = after / before;
  }

  private sumBands(): void {
    for (let k = 0; k < fftBins; k++) {
      this.rawSums[k] = this.rawSums[k]! + power[k]!;
      this.gatedSums[k] = this.gatedSums[k]! + gain[k]! * gain[k]! * power[k]!;
    }
    this.summedHops += 1;
  }

  private synthesise(target: Int16Array | undefined, at: number): void {
    const { overlap } = this;
    for (let k = 0; k < fftBins; k++) {
      re[k] = re[k]! * gain[k]!;
      im[k] = im[k]! * gain[k]!;
    }
    restoreReal(re, im, output);
    for (let i = 0; i < hopSamples; i++) {
      const value = overlap[i]! + output[i]! * window[i]!;
      overlap[i] = output[hopSamples + i]! * window[hopSamples + i]!;
      if (target === undefined) continue;
      target[at + i] = Math.max(-32768, Math.min(32767, Math.floor(value + 0.5)));
    }
  }
}

/** First bin of each mel band between 60 Hz and 8 kHz, and the bin after the last. */
export const bandEdges: readonly number[] = Array.from({ length: levelBands + 1 }, (_, band) => {
  const mel = melOf(60) + ((melOf(8000) - melOf(60)) * band) / levelBands;
  const hz = 700 * (10 ** (mel / 2595) - 1);
  return band === levelBands ? fftBins : Math.round((hz * fftSamples) / 16000);
});

function melOf(hz: number): number {
  return 2595 * Math.log10(1 + hz / 700);
}

/** Power of a sum of bins over hops, in dBFS. */
export function binsInDb(sum: number, hops: number): number {
  // Two sides of the spectrum, the window's mean square of 1/2, Parseval's 512 twice.
  const meanSquare = (2 * sum) / (0.5 * fftSamples * fftSamples) / Math.max(1, hops);
  return Math.max(lowestDb, 10 * Math.log10(meanSquare / (32768 * 32768) + 1e-12));
}

/** Sums of 257 bins over hops, at `from`, as mel bands in dBFS. */
export function bandsInDb(sums: ArrayLike<number>, from: number, hops: number): number[] {
  return Array.from({ length: levelBands }, (_, band) => {
    let sum = 0;
    for (let k = bandEdges[band]!; k < bandEdges[band + 1]!; k++) sum += sums[from + k]!;
    return binsInDb(sum, hops);
  });
}
