/** Fourier transforms of 512 real samples, four hops at a time: one in each lane of a vector. */
import {
  PADDED,
  ROW,
  LOWEST,
  HALF,
  constants,
  window,
  twiddles,
  turns,
  reversed,
  z,
  spectrum,
  columns,
  powerRows,
  gainRows,
  frames,
  before,
} from "./memory.as";

/** Lane l's samples b[l] (before) and h[l] (hop), windowed; the transform's first stage comes at once. */
export function loadFrames(
  b0: usize,
  h0: usize,
  b1: usize,
  h1: usize,
  b2: usize,
  h2: usize,
  b3: usize,
  h3: usize,
): void {
  for (let pair: usize = 0; pair < 32; pair++) {
    // Complex samples 2 pair and 2 pair + 1, and those 64, 128 and 192 further on.
    for (let quarter: usize = 0; quarter < 4; quarter++) {
      const at = pair * 8 + (quarter & 1) * 256;
      const isHop = quarter > 1;
      const w = v128.load(window + pair * 16 + quarter * 512);
      const s0 = samples(isHop ? h0 + at : b0 + at, w);
      const s1 = samples(isHop ? h1 + at : b1 + at, w);
      const s2 = samples(isHop ? h2 + at : b2 + at, w);
      const s3 = samples(isHop ? h3 + at : b3 + at, w);
      const a = v128.shuffle<f32>(s0, s1, 0, 4, 1, 5);
      const b = v128.shuffle<f32>(s0, s1, 2, 6, 3, 7);
      const c = v128.shuffle<f32>(s2, s3, 0, 4, 1, 5);
      const d = v128.shuffle<f32>(s2, s3, 2, 6, 3, 7);
      const even = z + load<i32>(reversed + pair * 8) + quarter * 32;
      const odd = z + load<i32>(reversed + pair * 8, 4) + quarter * 32;
      v128.store(even, v128.shuffle<f64>(a, c, 0, 2));
      v128.store(even, v128.shuffle<f64>(a, c, 1, 3), 16);
      v128.store(odd, v128.shuffle<f64>(b, d, 0, 2));
      v128.store(odd, v128.shuffle<f64>(b, d, 1, 3), 16);
    }
  }
  firstStage();
}

@inline
function samples(at: usize, w: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(v128.load16x4_s(at)), w);
}

/** Four complex numbers become one transform of four. */
export function firstStage(): void {
  for (let at = z; at < z + 256 * 32; at += 128) {
    const aRe = v128.load(at);
    const aIm = v128.load(at, 16);
    const bRe = v128.load(at, 32);
    const bIm = v128.load(at, 48);
    const cRe = v128.load(at, 64);
    const cIm = v128.load(at, 80);
    const dRe = v128.load(at, 96);
    const dIm = v128.load(at, 112);
    const sumRe = f32x4.add(aRe, cRe);
    const sumIm = f32x4.add(aIm, cIm);
    const differenceRe = f32x4.sub(aRe, cRe);
    const differenceIm = f32x4.sub(aIm, cIm);
    const sum2Re = f32x4.add(bRe, dRe);
    const sum2Im = f32x4.add(bIm, dIm);
    const difference2Re = f32x4.sub(bRe, dRe);
    const difference2Im = f32x4.sub(bIm, dIm);
    v128.store(at, f32x4.add(sumRe, sum2Re));
    v128.store(at, f32x4.add(sumIm, sum2Im), 16);
    v128.store(at, f32x4.add(differenceRe, difference2Im), 32);
    v128.store(at, f32x4.sub(differenceIm, difference2Re), 48);
    v128.store(at, f32x4.sub(sumRe, sum2Re), 64);
    v128.store(at, f32x4.sub(sumIm, sum2Im), 80);
    v128.store(at, f32x4.sub(differenceRe, difference2Im), 96);
    v128.store(at, f32x4.add(differenceIm, difference2Re), 112);
  }
}

/** The stages after the first. */
export function transform(): void {
  combine(4, twiddles);
  combine(16, twiddles + 4 * 24);
  combine(64, twiddles + 20 * 24);
}

/** One radix-4 stage: four transforms of `quarter` become one. */
@inline
function combine(quarter: usize, table: usize): void {
  const step = quarter * 32;
  for (let k: usize = 0; k < quarter; k++) {
    const w = table + k * 24;
    const w1Re = v128.load32_splat(w);
    const w1Im = v128.load32_splat(w, 4);
    const w2Re = v128.load32_splat(w, 8);
    const w2Im = v128.load32_splat(w, 12);
    const w3Re = v128.load32_splat(w, 16);
    const w3Im = v128.load32_splat(w, 20);
    for (let a = z + k * 32; a < z + 256 * 32; a += 4 * step) {
      const b = a + step;
      const c = b + step;
      const d = c + step;
      let re = v128.load(b);
      let im = v128.load(b, 16);
      const bRe = f32x4.sub(f32x4.mul(re, w1Re), f32x4.mul(im, w1Im));
      const bIm = f32x4.add(f32x4.mul(re, w1Im), f32x4.mul(im, w1Re));
      re = v128.load(d);
      im = v128.load(d, 16);
      const dRe = f32x4.sub(f32x4.mul(re, w3Re), f32x4.mul(im, w3Im));
      const dIm = f32x4.add(f32x4.mul(re, w3Im), f32x4.mul(im, w3Re));
      const sum2Re = f32x4.add(bRe, dRe);
      const sum2Im = f32x4.add(bIm, dIm);
      const difference2Re = f32x4.sub(bRe, dRe);
      const difference2Im = f32x4.sub(bIm, dIm);
      re = v128.load(c);
      im = v128.load(c, 16);
      const cRe = f32x4.sub(f32x4.mul(re, w2Re), f32x4.mul(im, w2Im));
      const cIm = f32x4.add(f32x4.mul(re, w2Im), f32x4.mul(im, w2Re));
      re = v128.load(a);
      im = v128.load(a, 16);
      const sumRe = f32x4.add(re, cRe);
      const sumIm = f32x4.add(im, cIm);
      const differenceRe = f32x4.sub(re, cRe);
      const differenceIm = f32x4.sub(im, cIm);
      v128.store(a, f32x4.add(sumRe, sum2Re));
      v128.store(a, f32x4.add(sumIm, sum2Im), 16);
      v128.store(b, f32x4.add(differenceRe, difference2Im));
      v128.store(b, f32x4.sub(differenceIm, difference2Re), 16);
      v128.store(c, f32x4.sub(sumRe, sum2Re));
      v128.store(c, f32x4.sub(sumIm, sum2Im), 16);
      v128.store(d, f32x4.sub(differenceRe, difference2Im));
      v128.store(d, f32x4.add(differenceIm, difference2Re), 16);
    }
  }
}

@inline
function storeBin(k: usize, re: v128, im: v128, keeps: bool): void {
  if (keeps) {
    v128.store(spectrum + k * 32, re);
    v128.store(spectrum + k * 32, im, 16);
  }
  v128.store(
    columns + k * 16,
    f32x4.add(f32x4.add(f32x4.mul(re, re), f32x4.mul(im, im)), v128.load(constants, LOWEST)),
  );
}

/** The transform of 256 complex numbers becomes that of 512 real ones; its power always, itself where it is needed. */
export function split(keeps: bool): void {
  const half = v128.load(constants, HALF);
  const zero = f32x4.splat(0);
  storeBin(0, f32x4.add(v128.load(z), v128.load(z, 16)), zero, keeps);
  storeBin(256, f32x4.sub(v128.load(z), v128.load(z, 16)), zero, keeps);
  for (let k: usize = 1; k <= 128; k++) {
    const near = z + k * 32;
    const far = z + (256 - k) * 32;
    const nearRe = v128.load(near);
    const nearIm = v128.load(near, 16);
    const farRe = v128.load(far);
    const farIm = v128.load(far, 16);
    const evenRe = f32x4.mul(half, f32x4.add(nearRe, farRe));
    const evenIm = f32x4.mul(half, f32x4.sub(nearIm, farIm));
    const oddRe = f32x4.mul(half, f32x4.add(nearIm, farIm));
    const oddIm = f32x4.mul(half, f32x4.sub(farRe, nearRe));
    const cos = v128.load32_splat(turns + k * 8);
    const sin = v128.load32_splat(turns + k * 8, 4);
    const turnedRe = f32x4.sub(f32x4.mul(oddRe, cos), f32x4.mul(oddIm, sin));
    const turnedIm = f32x4.add(f32x4.mul(oddRe, sin), f32x4.mul(oddIm, cos));
    storeBin(k, f32x4.add(evenRe, turnedRe), f32x4.add(evenIm, turnedIm), keeps);
    storeBin(256 - k, f32x4.sub(evenRe, turnedRe), f32x4.sub(turnedIm, evenIm), keeps);
  }
}

/** Columns become a row a lane, with the neighbours' mirror images at both ends of it. */
export function transposePowers(): void {
  for (let k: usize = 0; k < PADDED; k += 4) {
    const from = columns + k * 16;
    const to = powerRows + 16 + k * 4;
    const s0 = v128.load(from);
    const s1 = v128.load(from, 16);
    const s2 = v128.load(from, 32);
    const s3 = v128.load(from, 48);
    const a = v128.shuffle<f32>(s0, s1, 0, 4, 1, 5);
    const b = v128.shuffle<f32>(s0, s1, 2, 6, 3, 7);
    const c = v128.shuffle<f32>(s2, s3, 0, 4, 1, 5);
    const d = v128.shuffle<f32>(s2, s3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f64>(a, c, 0, 2));
    v128.store(to, v128.shuffle<f64>(a, c, 1, 3), ROW);
    v128.store(to, v128.shuffle<f64>(b, d, 0, 2), 2 * ROW);
    v128.store(to, v128.shuffle<f64>(b, d, 1, 3), 3 * ROW);
  }
  for (let lane: usize = 0; lane < 4; lane++) {
    const row = powerRows + 16 + lane * ROW;
    store<f32>(row - 4, load<f32>(row, 4));
  }
}

/** Rows of gains become columns. */
export function transposeGains(): void {
  for (let k: usize = 0; k < PADDED; k += 4) {
    const from = gainRows + 16 + k * 4;
    const to = columns + k * 16;
    const s0 = v128.load(from);
    const s1 = v128.load(from, ROW);
    const s2 = v128.load(from, 2 * ROW);
    const s3 = v128.load(from, 3 * ROW);
    const a = v128.shuffle<f32>(s0, s1, 0, 4, 1, 5);
    const b = v128.shuffle<f32>(s0, s1, 2, 6, 3, 7);
    const c = v128.shuffle<f32>(s2, s3, 0, 4, 1, 5);
    const d = v128.shuffle<f32>(s2, s3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f64>(a, c, 0, 2));
    if (k === 256) return;
    v128.store(to, v128.shuffle<f64>(a, c, 1, 3), 16);
    v128.store(to, v128.shuffle<f64>(b, d, 0, 2), 32);
    v128.store(to, v128.shuffle<f64>(b, d, 1, 3), 48);
  }
}

// With real and imaginary parts exchanged, the forward transform is the inverse one.
@inline
function storeReversed(k: usize, re: v128, im: v128): void {
  const at = z + load<i32>(reversed + k * 4);
  v128.store(at, im);
  v128.store(at, re, 16);
}

/** Gains are applied, and the spectrum of 512 real samples becomes one of 256 complex ones. */
export function restore(): void {
  // 1/2 of the halves below, 1/256 of the transform.
  const scale = f32x4.splat(1 / 512);
  const first = f32x4.mul(scale, f32x4.mul(v128.load(spectrum), v128.load(columns)));
  const last = f32x4.mul(
    scale,
    f32x4.mul(v128.load(spectrum + 256 * 32), v128.load(columns + 256 * 16)),
  );
  storeReversed(0, f32x4.add(first, last), f32x4.sub(first, last));
  for (let k: usize = 1; k <= 128; k++) {
    const other = 256 - k;
    const nearGain = f32x4.mul(scale, v128.load(columns + k * 16));
    const farGain = f32x4.mul(scale, v128.load(columns + other * 16));
    const nearRe = f32x4.mul(nearGain, v128.load(spectrum + k * 32));
    const nearIm = f32x4.mul(nearGain, v128.load(spectrum + k * 32, 16));
    const farRe = f32x4.mul(farGain, v128.load(spectrum + other * 32));
    const farIm = f32x4.mul(farGain, v128.load(spectrum + other * 32, 16));
    const evenRe = f32x4.add(nearRe, farRe);
    const evenIm = f32x4.sub(nearIm, farIm);
    const differenceRe = f32x4.sub(nearRe, farRe);
    const differenceIm = f32x4.add(nearIm, farIm);
    const cos = v128.load32_splat(turns + k * 8);
    const sin = v128.load32_splat(turns + k * 8, 4);
    const oddRe = f32x4.add(f32x4.mul(differenceRe, cos), f32x4.mul(differenceIm, sin));
    const oddIm = f32x4.sub(f32x4.mul(differenceIm, cos), f32x4.mul(differenceRe, sin));
    storeReversed(k, f32x4.sub(evenRe, oddIm), f32x4.add(evenIm, oddRe));
    storeReversed(other, f32x4.add(evenRe, oddIm), f32x4.sub(oddRe, evenIm));
  }
}

/** Samples become rows, windowed. */
export function transposeFrames(): void {
  for (let i: usize = 0; i < 256; i += 2) {
    const from = z + i * 32;
    const to = frames + i * 8;
    const w = v128.load(window + i * 8);
    const s0 = v128.load(from, 16);
    const s1 = v128.load(from);
    const s2 = v128.load(from, 48);
    const s3 = v128.load(from, 32);
    const a = v128.shuffle<f32>(s0, s1, 0, 4, 1, 5);
    const b = v128.shuffle<f32>(s0, s1, 2, 6, 3, 7);
    const c = v128.shuffle<f32>(s2, s3, 0, 4, 1, 5);
    const d = v128.shuffle<f32>(s2, s3, 2, 6, 3, 7);
    v128.store(to, f32x4.mul(w, v128.shuffle<f64>(a, c, 0, 2)));
    v128.store(to, f32x4.mul(w, v128.shuffle<f64>(a, c, 1, 3)), 2048);
    v128.store(to, f32x4.mul(w, v128.shuffle<f64>(b, d, 0, 2)), 4096);
    v128.store(to, f32x4.mul(w, v128.shuffle<f64>(b, d, 1, 3)), 6144);
  }
}
