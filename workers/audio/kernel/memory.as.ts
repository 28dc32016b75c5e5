/** Where the kernel keeps what, the numbers of the gate, and the tables. */

export const HOP: usize = 256;
export const BINS: usize = 257;
/** Bins in whole vectors; what lies beyond the last bin is next to nothing. */
export const PADDED: usize = 260;
/** Bytes of a row of bins: four floats of margin, so that both neighbours can be read. */
export const ROW: usize = (PADDED + 8) * 4;
export const MAX_HOPS: usize = 64;

// What a lane's state holds, in bytes from its start. `HOPS` and `AGE` count hops, the others are floats.
export const HOPS = 0;
export const AGE = 4;
export const FLOOR = 8;
export const SUMMED = 12;
export const LAST: usize = 16;
export const OVERLAP: usize = LAST + HOP * 2;
export const SMOOTHED: usize = OVERLAP + HOP * 4;
export const MINIMUM: usize = SMOOTHED + PADDED * 4;
export const NEXT_MINIMUM: usize = MINIMUM + PADDED * 4;
export const NOISE: usize = NEXT_MINIMUM + PADDED * 4;
export const CLEANED: usize = NOISE + PADDED * 4;
export const RAW_SUMS: usize = CLEANED + PADDED * 4;
export const GATED_SUMS: usize = RAW_SUMS + PADDED * 4;
export const STATE: usize = GATED_SUMS + PADDED * 4;

/** Flags of a hop. */
export const MEASURE = 1;
export const PROCESS = 2;
export const LEARN = 4;
export const BANDS = 8;

// The same numbers as in the twin; see there for what they mean.
export const POWER_SMOOTHING: f32 = 0.6411803884299546;
export const NOISE_SMOOTHING: f32 = 0.9801986733067553;
export const MINIMUM_HOPS = 62;
export const PRESENCE_RATIO: f32 = 5;
export const DECISION_DIRECTED: f32 = 0.92;
export const LOWEST_PRIOR: f32 = 0.015848931924611134;
export const FAST_START_HOPS = 16;
export const LOWEST_POWER: f32 = 1e-2;
export const RUMBLE_POWER: f32 = 7e6;
/** 1.5 * 2^23: the smallest step of floats of its size is 1. */
export const ROUNDER: f32 = 12582912;
export const FIRST_SNR_BIN: usize = 4;

// Vectors of constants, in bytes from `constants`: loads are cheaper than building them again in each round of a loop.
export const ONE: usize = 0;
export const LOWEST: usize = 16;
export const DIRECTED: usize = 32;
export const UNDIRECTED: usize = 48;
export const LEAST_PRIOR: usize = 64;
export const REST_0: usize = 80;
export const REST_1: usize = 96;
export const REST_2: usize = 112;
export const MOST_DECAY: usize = 128;
export const PER_LN2: usize = 144;
export const ROUND: usize = 160;
export const EXP_1: usize = 176;
export const EXP_2: usize = 192;
export const EXP_3: usize = 208;
export const EXP_4: usize = 224;
export const EXP_0: usize = 240;
export const RATIO: usize = 256;
export const HALF: usize = 272;
export const QUARTER: usize = 288;
export const constants = memory.data(304, 16);

export const window = memory.data(512 * 4, 16);
export const twiddles = memory.data(84 * 6 * 4, 16);
export const turns = memory.data(129 * 2 * 4, 16);
/** Where complex sample i goes, in bytes. */
export const reversed = memory.data(256 * 4, 16);
/** 256 complex vectors. */
export const z = memory.data(256 * 32, 16);
/** 257 complex vectors. */
export const spectrum = memory.data(BINS * 32, 16);
/** One vector a bin: power, then gain. */
export const columns = memory.data(PADDED * 16, 16);
export const powerRows = memory.data(4 * ROW, 16);
export const gainRows = memory.data(4 * ROW, 16);
/** Rows of one lane between the passes of `computeGains`: one over power, 1 + a-priori SNR, Wiener gain, v and then e^-v. */
export const scales = memory.data(PADDED * 4, 16);
export const overs = memory.data(PADDED * 4, 16);
export const wieners = memory.data(PADDED * 4, 16);
export const decays = memory.data(PADDED * 4, 16);
export const frames = memory.data(4 * 512 * 4, 16);
export const before = memory.data(4 * HOP * 2, 16);
export const silence = memory.data(HOP * 2, 16);

/** Computes the tables; to be called once. */
export function fillTables(): void {
  fill(ONE, 1);
  fill(LOWEST, LOWEST_POWER);
  fill(DIRECTED, DECISION_DIRECTED);
  fill(UNDIRECTED, 1 - DECISION_DIRECTED);
  fill(LEAST_PRIOR, LOWEST_PRIOR);
  fill(REST_0, 0.76622459);
  fill(REST_1, -0.30079836);
  fill(REST_2, 0.09652991);
  fill(MOST_DECAY, 40);
  fill(PER_LN2, -1.4426950408889634);
  fill(ROUND, ROUNDER);
  fill(EXP_1, 0.6931217909);
  fill(EXP_2, 0.2402474433);
  fill(EXP_3, 0.05591786653);
  fill(EXP_4, 0.009570097551);
  fill(EXP_0, 0.9999992847);
  fill(RATIO, PRESENCE_RATIO);
  fill(HALF, 0.5);
  fill(QUARTER, 0.25);
  // Beyond the last bin there is as little as in digital silence.
  for (let k = BINS; k < PADDED; k++) v128.store(columns + k * 16, f32x4.splat(LOWEST_POWER));
  for (let i = 0; i < 512; i++) {
    store<f32>(window + i * 4, <f32>Math.sin((Math.PI * (<f64>i + 0.5)) / 512));
  }
  for (let i = 0; i < 256; i++) {
    const to = ((i & 3) << 6) | ((i & 12) << 2) | ((i & 48) >> 2) | ((i & 192) >> 6);
    store<i32>(reversed + i * 4, to * 32);
  }
  for (let k = 0; k <= 128; k++) {
    const angle = (2 * Math.PI * <f64>k) / 512;
    store<f32>(turns + k * 8, <f32>Math.cos(angle));
    store<f32>(turns + k * 8, <f32>-Math.sin(angle), 4);
  }
  let at = twiddles;
  for (let size = 16; size <= 256; size *= 4) {
    for (let k = 0; k < size / 4; k++) {
      for (let times = 1; times <= 3; times++) {
        const angle = (-2 * Math.PI * <f64>(k * times)) / <f64>size;
        store<f32>(at, <f32>Math.cos(angle));
        store<f32>(at, <f32>Math.sin(angle), 4);
        at += 8;
      }
    }
  }
}

function fill(constant: usize, value: f32): void {
  v128.store(constants + constant, f32x4.splat(value));
}
