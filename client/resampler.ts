/** Stopband attenuation that the Kaiser window is made for, in dB: below what 16 bits in a room can tell. */
const stopbandDb = 80;
/** Kaiser's beta for `stopbandDb` (his formula for more than 50 dB). */
const kaiserBeta = 0.1102 * (stopbandDb - 8.7);
/** The passband ends here, as a share of the lower rate's Nyquist frequency; the stopband begins at Nyquist itself. */
const passbandRatio = 0.875;
/** A pair of rates whose ratio needs more phases than this is refused (44,100 to 16,000 needs 160). */
const maxPhases = 4096;

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Modified Bessel function of the first kind, order zero, by its power series. */
function besselI0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/**
 * Streaming sample-rate converter: a polyphase windowed-sinc filter, so that nothing above the new Nyquist
 * frequency folds back (−80 dB), for any pair of integer rates. Mono.
 *
 * @see J. O. Smith, Digital Audio Resampling Home Page (bandlimited interpolation)
 */
export class Resampler {
  /** How much later the output is than the input, in ms: half the filter. */
  readonly delayMs: number;
  readonly #phases: number;
  readonly #step: number;
  /** Half the filter's length, in input samples. */
  readonly #half: number;
  /** One filter for each phase, one after the other. */
  readonly #taps: Float32Array;
  /** Input not yet done with; it begins with half a filter of silence. */
  #pending: Float32Array;
  /** Next output's place: whole input samples into `#pending`, and phases on top. */
  #index: number;
  #phase = 0;

  /** @throws {RangeError} if a rate is no positive integer or the two have no practical ratio */
  constructor(inputRateHz: number, outputRateHz: number) {
    if (
      !Number.isInteger(inputRateHz) ||
      !Number.isInteger(outputRateHz) ||
      inputRateHz < 1 ||
      outputRateHz < 1
    ) {
      throw new RangeError(`sample rates must be positive integers, got ${inputRateHz} and ${outputRateHz}`);
    }
    const divisor = greatestCommonDivisor(inputRateHz, outputRateHz);
    this.#phases = outputRateHz / divisor;
    this.#step = inputRateHz / divisor;
    if (this.#phases > maxPhases) {
      throw new RangeError(`no practical ratio between ${inputRateHz} Hz and ${outputRateHz} Hz`);
    }
    const nyquistHz = Math.min(inputRateHz, outputRateHz) / 2;
    const transitionRadians = (2 * Math.PI * nyquistHz * (1 - passbandRatio)) / inputRateHz;
    this.#half = Math.ceil((stopbandDb - 8) / (2.285 * transitionRadians) / 2);
    const cutoff = (nyquistHz * (1 + passbandRatio)) / 2 / inputRateHz;
    this.#taps = designTaps(this.#phases, this.#half, cutoff);
    this.#pending = new Float32Array(this.#half - 1);
    this.#index = this.#half - 1;
    this.delayMs = (this.#half / inputRateHz) * 1000;
  }

  /**
   * Takes the next stretch of the stream.
   *
   * @param input - samples of any length; not modified
   * @returns the output that is ready (may be empty); the rest follows with later input
   */
  process(input: Float32Array): Float32Array {
    const length = this.#half * 2;
    const samples = new Float32Array(this.#pending.length + input.length);
    samples.set(this.#pending);
    samples.set(input, this.#pending.length);
    // Outputs exist while the filter's right edge (index + half) lies inside the samples.
    const room = samples.length - this.#half - this.#index;
    const count = room <= 0 ? 0 : Math.ceil((room * this.#phases - this.#phase) / this.#step);
    const output = new Float32Array(Math.max(0, count));
    for (let n = 0; n < output.length; n++) {
      const from = this.#index - this.#half + 1;
      const tapsFrom = this.#phase * length;
      let sum = 0;
      for (let k = 0; k < length; k++) sum += this.#taps[tapsFrom + k]! * samples[from + k]!;
      output[n] = sum;
      this.#phase += this.#step;
      this.#index += Math.floor(this.#phase / this.#phases);
      this.#phase %= this.#phases;
    }
    const doneWith = Math.min(samples.length, this.#index - this.#half + 1);
    this.#pending = samples.slice(doneWith);
    this.#index -= doneWith;
    return output;
  }
}

/** `phases` filters of `2 * half` taps, each with unity gain at 0 Hz. `cutoff` in cycles a sample. */
function designTaps(phases: number, half: number, cutoff: number): Float32Array {
  const length = half * 2;
  const taps = new Float32Array(phases * length);
  const windowScale = besselI0(kaiserBeta);
  for (let phase = 0; phase < phases; phase++) {
    const row = new Float64Array(length);
    let sum = 0;
    for (let k = 0; k < length; k++) {
      const x = k - half + 1 - phase / phases;
      const angle = 2 * Math.PI * cutoff * x;
      const sinc = x === 0 ? 1 : Math.sin(angle) / angle;
      const edge = Math.max(0, 1 - (x / half) ** 2);
      row[k] = sinc * (besselI0(kaiserBeta * Math.sqrt(edge)) / windowScale);
      sum += row[k]!;
    }
    for (let k = 0; k < length; k++) taps[phase * length + k] = row[k]! / sum;
  }
  return taps;
}

/** Float samples (−1 to 1, beyond is clipped) as int16, rounded. */
export function toInt16(samples: Float32Array): Int16Array<ArrayBuffer> {
  const output = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    output[i] = Math.max(-32768, Math.min(32767, Math.round(samples[i]! * 32768)));
  }
  return output;
}

/** Int16 samples as floats, −1 to 1. */
export function toFloat32(samples: Int16Array): Float32Array<ArrayBuffer> {
  const output = new Float32Array(samples.length);
  for (let i = 0; i < samples.length; i++) output[i] = samples[i]! / 32768;
  return output;
}
