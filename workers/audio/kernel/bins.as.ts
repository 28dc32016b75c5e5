/** What is done to the bins of one lane: noise, sub-band SNR, gains, bands. Four bins at a time. */
import {
  BINS,
  PADDED,
  HOPS,
  AGE,
  FLOOR,
  SUMMED,
  SMOOTHED,
  MINIMUM,
  NEXT_MINIMUM,
  NOISE,
  CLEANED,
  RAW_SUMS,
  GATED_SUMS,
  POWER_SMOOTHING,
  NOISE_SMOOTHING,
  MINIMUM_HOPS,
  FAST_START_HOPS,
  LOWEST_POWER,
  RUMBLE_POWER,
  FIRST_SNR_BIN,
  ONE,
  LOWEST,
  DIRECTED,
  UNDIRECTED,
  LEAST_PRIOR,
  REST_0,
  REST_1,
  REST_2,
  MOST_DECAY,
  PER_LN2,
  ROUND,
  EXP_1,
  EXP_2,
  EXP_3,
  EXP_4,
  EXP_0,
  RATIO,
  HALF,
  QUARTER,
  constants,
  window,
  scales,
  overs,
  wieners,
  decays,
  before,
} from "./memory.as";

@inline
function localPower(row: usize, at: usize): v128 {
  const sides = f32x4.add(v128.load(row + at - 4), v128.load(row + at + 4));
  return f32x4.add(
    f32x4.mul(v128.load(constants, HALF), v128.load(row + at)),
    f32x4.mul(v128.load(constants, QUARTER), sides),
  );
}

// The bin after the last mirrors the one before it; in the row it is a pad with next to no power elsewhere.
@inline
function mirrorEnd(row: usize, mirrored: bool): void {
  store<f32>(row, mirrored ? load<f32>(row, 255 * 4) : LOWEST_POWER, 257 * 4);
}

/** Smooths power, follows its minimum, and learns noise where nobody speaks. */
export function trackNoise(state: usize, row: usize, counts: bool): void {
  const hops = load<i32>(state, HOPS);
  const isFirst = hops <= 0;
  const age = load<i32>(state, AGE);
  const isRenewed = age >= MINIMUM_HOPS;
  if (counts) {
    store<i32>(state, isRenewed ? 0 : age + 1, AGE);
    store<i32>(state, hops + 1, HOPS);
  }
  const smoothing = f32x4.splat(isFirst ? 0 : POWER_SMOOTHING);
  const following = f32x4.splat(isFirst ? 1 : 1 - POWER_SMOOTHING);
  // A new window of the minimum begins with what comes now.
  const forgotten = f32x4.splat(isFirst || isRenewed ? <f32>Infinity : 0);
  const fresh = f32x4.splat(isFirst ? <f32>Infinity : 0);
  const minimum: usize = isRenewed ? NEXT_MINIMUM : MINIMUM;
  const learning = f32x4.splat(hops < FAST_START_HOPS ? 1 / <f32>(max(hops, 0) + 1) : 1 - NOISE_SMOOTHING);
  mirrorEnd(row, true);
  for (let at: usize = 0; at < PADDED * 4; at += 16) {
    const bins = state + at;
    const smoothed = f32x4.add(
      f32x4.mul(smoothing, v128.load(bins, SMOOTHED)),
      f32x4.mul(following, localPower(row, at)),
    );
    v128.store(bins, smoothed, SMOOTHED);
    const least = f32x4.pmin(f32x4.pmax(v128.load(bins + minimum), fresh), smoothed);
    const next = f32x4.pmin(f32x4.pmax(v128.load(bins, NEXT_MINIMUM), forgotten), smoothed);
    v128.store(bins, least, MINIMUM);
    v128.store(bins, next, NEXT_MINIMUM);
    const isSpeech = f32x4.gt(smoothed, f32x4.mul(v128.load(constants, RATIO), least));
    const weight = v128.andnot(learning, isSpeech);
    const noise = v128.load(bins, NOISE);
    v128.store(
      bins,
      f32x4.add(noise, f32x4.mul(weight, f32x4.sub(v128.load(row + at), noise))),
      NOISE,
    );
  }
  mirrorEnd(row, false);
}

/** A hop that nothing is learnt from. */
export function smoothOnly(state: usize, row: usize): void {
  const smoothing = f32x4.splat(POWER_SMOOTHING);
  const following = f32x4.splat(1 - POWER_SMOOTHING);
  mirrorEnd(row, true);
  for (let at: usize = 0; at < PADDED * 4; at += 16) {
    const smoothed = f32x4.mul(smoothing, v128.load(state + at, SMOOTHED));
    v128.store(state + at, f32x4.add(smoothed, f32x4.mul(following, localPower(row, at))), SMOOTHED);
  }
  mirrorEnd(row, false);
}

@inline
function add4(at: usize): v128 {
  return f32x4.add(
    f32x4.add(v128.load(at), v128.load(at, 16)),
    f32x4.add(v128.load(at, 32), v128.load(at, 48)),
  );
}

@inline
function sumOf(v: v128): f32 {
  const pairs = f32x4.add(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

/** The largest ratio of a sub-band's power to its minimum; eight sub-bands of 16 bins. */
export function findSnr(state: usize): f32 {
  let largest: f32 = 0;
  for (let band: usize = 0; band < 8; band++) {
    const at = state + (FIRST_SNR_BIN + band * 16) * 4;
    largest = max(largest, sumOf(add4(at + SMOOTHED)) / sumOf(add4(at + MINIMUM)));
  }
  return largest;
}

export function sumNoise(state: usize): f32 {
  let sum = f32x4.splat(0);
  for (let at: usize = 0; at < 256 * 4; at += 16) sum = f32x4.add(sum, v128.load(state + at, NOISE));
  return sumOf(sum) - load<f32>(state, NOISE);
}

/**
 * In three passes, since the steps for a bin hang on one another for some 130 cycles: in short ones more bins are under way
 * at a time.
 *
 * @returns energy after the gains divided by before
 */
export function computeGains(state: usize, row: usize, gains: usize): f32 {
  findPriors(state, row);
  for (let at: usize = 0; at < PADDED * 4; at += 16) v128.store(decays + at, decay(v128.load(decays + at)));
  return mixGains(state, row, gains);
}

/** A-priori SNR by the decision-directed rule, the Wiener gain, and (in `decays`) the estimator's v. */
function findPriors(state: usize, row: usize): void {
  const one = v128.load(constants, ONE);
  const zero = f32x4.splat(0);
  for (let at: usize = 0; at < PADDED * 4; at += 16) {
    const power = v128.load(row + at);
    const noise = f32x4.add(v128.load(state + at, NOISE), v128.load(constants, LOWEST));
    const perBoth = f32x4.div(one, f32x4.mul(noise, power));
    v128.store(scales + at, f32x4.mul(perBoth, noise));
    const perNoise = f32x4.mul(perBoth, power);
    const posterior = f32x4.mul(power, perNoise);
    const instant = f32x4.pmax(f32x4.sub(posterior, one), zero);
    const before = f32x4.mul(v128.load(state + at, CLEANED), perNoise);
    const prior = f32x4.pmax(
      f32x4.add(
        f32x4.mul(v128.load(constants, DIRECTED), before),
        f32x4.mul(v128.load(constants, UNDIRECTED), instant),
      ),
      v128.load(constants, LEAST_PRIOR),
    );
    const over = f32x4.add(one, prior);
    const wiener = f32x4.div(prior, over);
    v128.store(overs + at, over);
    v128.store(wieners + at, wiener);
    v128.store(decays + at, f32x4.mul(posterior, wiener));
  }
}

/** The log-spectral-amplitude gain, weighted by the probability of speech, down to the floor. */
function mixGains(state: usize, row: usize, gains: usize): f32 {
  const floor = v128.load32_splat(state, FLOOR);
  const one = v128.load(constants, ONE);
  const zero = f32x4.splat(0);
  const isRumbling = load<f32>(state, NOISE) + load<f32>(state, NOISE + 4) > RUMBLE_POWER;
  let most = isRumbling ? f32x4.replace_lane(f32x4.replace_lane(floor, 2, 1), 3, 1) : one;
  let energyBefore = zero;
  let energyAfter = zero;
  for (let at: usize = 0; at < PADDED * 4; at += 16) {
    const power = v128.load(row + at);
    const noise = f32x4.add(v128.load(state + at, NOISE), v128.load(constants, LOWEST));
    const wiener = v128.load(wieners + at);
    const y = v128.load(decays + at);
    const rest = f32x4.mul(
      y,
      f32x4.add(
        f32x4.add(v128.load(constants, REST_0), f32x4.mul(y, v128.load(constants, REST_1))),
        f32x4.mul(f32x4.mul(y, y), v128.load(constants, REST_2)),
      ),
    );
    const cleaned = f32x4.pmin(
      f32x4.mul(wiener, f32x4.add(f32x4.mul(wiener, power), f32x4.mul(noise, rest))),
      power,
    );
    v128.store(state + at, cleaned, CLEANED);
    const lsa = f32x4.sqrt(f32x4.mul(cleaned, v128.load(scales + at)));
    const speech = f32x4.add(one, f32x4.mul(v128.load(overs + at), y));
    const above = f32x4.pmax(f32x4.sub(lsa, floor), zero);
    const gain = f32x4.pmin(f32x4.add(floor, f32x4.div(above, speech)), most);
    v128.store(gains + at, gain);
    energyBefore = f32x4.add(energyBefore, power);
    energyAfter = f32x4.add(energyAfter, f32x4.mul(power, f32x4.mul(gain, gain)));
    most = one;
  }
  let before = sumOf(energyBefore);
  let after = sumOf(energyAfter);
  for (let at = BINS * 4; at < PADDED * 4; at += 4) {
    const power = load<f32>(row + at);
    const gain = load<f32>(gains + at);
    before -= power;
    after -= power * gain * gain;
  }
  return after / before;
}

/** e^-v for v >= 0 (for v > 40 as for 40), to 4 parts in 10^6. */
@inline
function decay(v: v128): v128 {
  const t = f32x4.mul(f32x4.pmin(v, v128.load(constants, MOST_DECAY)), v128.load(constants, PER_LN2));
  // Adding so large a number rounds; the whole part then stands in the lowest bits.
  const rounded = f32x4.add(t, v128.load(constants, ROUND));
  const x = f32x4.sub(t, f32x4.sub(rounded, v128.load(constants, ROUND)));
  const square = f32x4.mul(x, x);
  const low = f32x4.add(v128.load(constants, EXP_0), f32x4.mul(x, v128.load(constants, EXP_1)));
  const middle = f32x4.add(v128.load(constants, EXP_2), f32x4.mul(x, v128.load(constants, EXP_3)));
  const high = f32x4.add(middle, f32x4.mul(square, v128.load(constants, EXP_4)));
  const y = f32x4.add(low, f32x4.mul(square, high));
  return i32x4.add(y, i32x4.shl(rounded, 23));
}

/** For the levels' mel bands. */
export function sumBands(state: usize, row: usize, gains: usize, isMeasured: bool): void {
  store<f32>(state, load<f32>(state, SUMMED) + 1, SUMMED);
  for (let at: usize = 0; at < PADDED * 4; at += 16) {
    const power = v128.load(row + at);
    v128.store(state + at, f32x4.add(v128.load(state + at, RAW_SUMS), power), RAW_SUMS);
    const gain = isMeasured ? v128.load(gains + at) : f32x4.splat(1);
    const gated = f32x4.mul(power, f32x4.mul(gain, gain));
    v128.store(state + at, f32x4.add(v128.load(state + at, GATED_SUMS), gated), GATED_SUMS);
  }
}
