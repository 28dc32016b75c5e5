/** Sample-rate conversion of a stream by a polyphase FIR: windowed sinc, Kaiser window, linear phase. */

/** Taps on each side of a sample at the lower rate: 80 dB down with a transition band of about a fifth of it. */
const HALF_TAPS = 24;
const KAISER_BETA = 8;

/** One direction of one stream; the delay of the filter is compensated: output sample 0 is input sample 0. */
export interface Resampler {
  /** @returns the output that is certain by now; lags the input by half the filter */
  push(pcm: Int16Array): Int16Array;
  /** What is left; the resampler begins anew after it. Total output = round(input × to / from). */
  flush(): Int16Array;
}

function besselI0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; k < 40; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** Filter banks by ratio: the same for every stream. */
const banks = new Map<string, { taps: Float32Array[]; reach: number }>();

function bankOf(up: number, down: number): { taps: Float32Array[]; reach: number } {
  const key = `${up}/${down}`;
  const known = banks.get(key);
  if (known) return known;
  const cutoff = Math.min(1, up / down) * 0.94;
  const reach = Math.ceil(HALF_TAPS * Math.max(1, down / up));
  const taps: Float32Array[] = [];
  for (let phase = 0; phase < up; phase++) {
    const filter = new Float32Array(2 * reach);
    let sum = 0;
    for (let tap = 0; tap < 2 * reach; tap++) {
      const x = tap - reach + 1 - phase / up;
      const sinc = x === 0 ? cutoff : Math.sin(Math.PI * cutoff * x) / (Math.PI * x);
      const inside = Math.max(0, 1 - (x / reach) ** 2);
      filter[tap] = (sinc * besselI0(KAISER_BETA * Math.sqrt(inside))) / besselI0(KAISER_BETA);
      sum += filter[tap]!;
    }
    // Unity at 0 Hz in every phase, or a constant would ripple.
    for (let tap = 0; tap < filter.length; tap++) filter[tap]! /= sum;
    taps.push(filter);
  }
  const bank = { taps, reach };
  // A handful of ratios exist; the limit guards against a caller that makes them up.
  if (banks.size < 32) banks.set(key, bank);
  return bank;
}

/**
 * Converts mono int16 from one rate to another.
 *
 * @throws RangeError for rates that are no positive integers, or whose ratio is odd beyond use (over 640 phases)
 */
export function createResampler(fromRateHz: number, toRateHz: number): Resampler {
  if (!(Number.isInteger(fromRateHz) && Number.isInteger(toRateHz) && fromRateHz > 0 && toRateHz > 0)) {
    throw new RangeError("rates must be positive integers");
  }
  const divisor = gcd(fromRateHz, toRateHz);
  const up = toRateHz / divisor;
  const down = fromRateHz / divisor;
  if (up > 640 || down > 640) throw new RangeError("that ratio of rates is not supported");
  if (up === down) return { push: (pcm) => pcm.slice(), flush: () => new Int16Array(0) };
  const { taps, reach } = bankOf(up, down);

  // Input from `keptFrom` on; begins with silence.
  let kept = new Float32Array(reach - 1);
  let keptFrom = -(reach - 1);
  let taken = 0;
  let made = 0;

  const take = (pcm: Int16Array): void => {
    const joined = new Float32Array(kept.length + pcm.length);
    joined.set(kept);
    joined.set(pcm, kept.length);
    kept = joined;
  };

  const make = (until: number): Int16Array => {
    const output = new Int16Array(Math.max(0, until - made));
    for (let n = 0; n < output.length; n++, made++) {
      const position = made * down;
      const at = Math.floor(position / up);
      const sum = weighed(taps[position - at * up]!, kept, at - reach + 1 - keptFrom);
      output[n] = Math.max(-32768, Math.min(32767, Math.round(sum)));
    }
    const needed = Math.floor((made * down) / up) - reach + 1;
    if (needed > keptFrom) {
      kept = kept.slice(needed - keptFrom);
      keptFrom = needed;
    }
    return output;
  };

  return {
    push(pcm) {
      take(pcm);
      taken += pcm.length;
      return make(Math.max(made, Math.ceil(((taken - reach) * up) / down)));
    },
    flush() {
      take(new Int16Array(reach));
      const rest = make(Math.round((taken * up) / down));
      kept = new Float32Array(reach - 1);
      keptFrom = -(reach - 1);
      taken = 0;
      made = 0;
      return rest;
    },
  };
}

/** The filter's sum over the input from `first` on; an even number of taps. */
function weighed(filter: Float32Array, input: Float32Array, first: number): number {
  let [even, odd] = [0, 0];
  for (let tap = 0; tap < filter.length; tap += 2) {
    even += filter[tap]! * input[first + tap]!;
    odd += filter[tap + 1]! * input[first + tap + 1]!;
  }
  return even + odd;
}

/** Changes the rate of a whole recording; the same rate gives the same samples. */
export function resampleWhole(pcm: Int16Array, fromHz: number, toHz: number): Int16Array {
  if (fromHz === toHz) return pcm;
  const resampler = createResampler(fromHz, toHz);
  const certain = resampler.push(pcm);
  const rest = resampler.flush();
  const whole = new Int16Array(certain.length + rest.length);
  whole.set(certain);
  whole.set(rest, certain.length);
  return whole;
}
