/**
 * Polyphase FIR resampling to 16 kHz: from 24 kHz (2:3) and from 8 kHz (2:1). The filter is symmetrical around
 * each output sample's own moment, so positions are exact: output k is the input's value at k / 16000 s.
 */

/** Kaiser's beta for about 70 dB. */
const kaiserBeta = 6.76;
/** Input samples kept between calls; at least twice the longest half. */
export const historySamples = 64;
/** Longest input of one call. */
export const maxInputSamples = 4096;

/** One filter, shared by all channels of a rate. */
export interface ResamplerKernel {
  readonly inputRateHz: 8000 | 24000;
  /** Input samples on each side of an output sample. */
  readonly half: number;
  /** Taps for outputs that fall on an input sample: `2 half + 1`; null where that is the sample itself. */
  readonly onSample: Float64Array | null;
  /** Taps for outputs half-way between two: `2 half`. */
  readonly between: Float64Array;
}

/**
 * Designs a kernel: 24 kHz passes up to 6.6 kHz and stops from 8.6 kHz; 8 kHz is a half-band filter around 4 kHz.
 */
export function designKernel(inputRateHz: 8000 | 24000): ResamplerKernel {
  const half = inputRateHz === 24000 ? 24 : 16;
  const cutoff = (inputRateHz === 24000 ? 7600 : 4000) / inputRateHz;
  const taps = (offset: number, count: number): Float64Array => {
    const values = new Float64Array(count);
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const distance = i - offset;
      values[i] = 2 * cutoff * sinc(2 * cutoff * distance) * kaiser(distance / (half + 0.5));
      sum += values[i]!;
    }
    return values.map((value) => value / sum);
  };
  return {
    inputRateHz,
    half,
    onSample: inputRateHz === 8000 ? null : taps(half, 2 * half + 1),
    between: taps(half - 0.5, 2 * half),
  };
}

/** 16 kHz samples that `inputs` samples stand for. */
export function outputCount(inputRateHz: number, inputs: number): number {
  return Math.floor((inputs * 16000) / inputRateHz);
}

const scratch = new Float64Array(historySamples + maxInputSamples + historySamples);

/** One channel's stream through a kernel; holds no more than the last samples. */
export class Resampler {
  readonly kernel: ResamplerKernel;
  private readonly history = new Int16Array(historySamples);
  private inputs = 0;
  private outputs = 0;

  constructor(kernel: ResamplerKernel) {
    this.kernel = kernel;
  }

  /** Output samples made so far that no later input will change. */
  get finalOutputs(): number {
    return this.outputs;
  }

  /** Output samples that still wait for input to come. */
  get waitingOutputs(): number {
    return outputCount(this.kernel.inputRateHz, this.inputs) - this.outputs;
  }

  /**
   * Puts the stream where another one was after `inputs` samples, the last of which are `history`
   * (as many of `historySamples` as there were).
   */
  restore(inputs: number, history: Int16Array): void {
    this.inputs = inputs;
    this.outputs = finalOutputs(this.kernel, inputs);
    this.history.fill(0);
    this.history.set(history, historySamples - history.length);
  }

  /**
   * Takes `count` samples of `input` and writes what became final to `output`.
   *
   * @returns the number of samples written
   * @throws RangeError for more than `maxInputSamples` (a bug of the caller)
   */
  process(input: Int16Array, count: number, output: Int16Array): number {
    if (count > maxInputSamples) throw new RangeError("too many samples for one call");
    const { history } = this;
    for (let i = 0; i < historySamples; i++) scratch[i] = history[i]!;
    for (let i = 0; i < count; i++) scratch[historySamples + i] = input[i]!;
    const first = this.inputs - historySamples;
    this.inputs += count;
    const until = finalOutputs(this.kernel, this.inputs);
    const written = convolve(this.kernel, first, this.outputs, until, output);
    this.outputs = until;
    for (let i = 0; i < historySamples; i++) history[i] = scratch[count + i]!;
    return written;
  }

  /**
   * Writes the samples that still wait for input to come, as if the last one were held. The stream itself stays as
   * it is: with more input they are made again, better.
   *
   * @returns the number of samples written (at most `2 * half`)
   */
  tail(output: Int16Array): number {
    const { history, kernel } = this;
    const last = history[historySamples - 1]!;
    for (let i = 0; i < historySamples; i++) scratch[i] = history[i]!;
    for (let i = 0; i < kernel.half + 1; i++) scratch[historySamples + i] = last;
    const until = outputCount(kernel.inputRateHz, this.inputs);
    return convolve(kernel, this.inputs - historySamples, this.outputs, until, output);
  }
}

/** How many outputs have all their taps once `inputs` samples are there. */
function finalOutputs(kernel: ResamplerKernel, inputs: number): number {
  return Math.max(0, Math.ceil(((inputs - kernel.half) * 16000) / kernel.inputRateHz));
}

/** Outputs [from, until); `scratch[0]` holds input number `first`. */
function convolve(
  kernel: ResamplerKernel,
  first: number,
  from: number,
  until: number,
  output: Int16Array,
): number {
  const { half, onSample, between, inputRateHz } = kernel;
  const step = inputRateHz === 24000 ? 3 : 1;
  for (let k = from; k < until; k++) {
    const halves = k * step;
    const centre = (halves >> 1) - first;
    let value: number;
    if ((halves & 1) === 1) value = dot(between, centre - half + 1, 2 * half);
    else if (onSample === null) value = scratch[centre]!;
    else value = dot(onSample, centre - half, 2 * half + 1);
    output[k - from] = value > 32767 ? 32767 : value < -32768 ? -32768 : Math.floor(value + 0.5);
  }
  return until - from;
}

function dot(taps: Float64Array, at: number, count: number): number {
  let a = 0;
  let b = 0;
  let i = 0;
  for (; i + 3 < count; i += 4) {
    a += taps[i]! * scratch[at + i]! + taps[i + 1]! * scratch[at + i + 1]!;
    b += taps[i + 2]! * scratch[at + i + 2]! + taps[i + 3]! * scratch[at + i + 3]!;
  }
  for (; i < count; i++) a += taps[i]! * scratch[at + i]!;
  return a + b;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function kaiser(x: number): number {
  return Math.abs(x) > 1 ? 0 : bessel(kaiserBeta * Math.sqrt(1 - x * x)) / bessel(kaiserBeta);
}

/** Modified Bessel function of the first kind, order 0. */
function bessel(x: number): number {
  let term = 1;
  let sum = 1;
  for (let i = 1; i < 40; i++) {
    term *= (x / (2 * i)) ** 2;
    sum += term;
  }
  return sum;
}
