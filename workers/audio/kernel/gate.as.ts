/**
 * The spectral gate in AssemblyScript: the same steps as its twin `../gate.ts`, in float32 and SIMD. `build.ts` makes
 * `gate.wasm` of it.
 *
 * Fourier transforms run four hops at a time, one in each lane of a vector (of four sessions, or of fewer with several
 * hops each): they need no other hop's result. What is kept of a session lies together, and its bins are worked off four at
 * a time: so any four hops that are ready make a full vector, none has to wait for its neighbours, and nothing is masked.
 *
 * `run` takes hops in order; those of one session follow one another.
 */
import { trackNoise, smoothOnly, findSnr, sumNoise, computeGains, sumBands } from "./bins.as";
import {
  loadFrames,
  firstStage,
  transform,
  split,
  transposePowers,
  transposeGains,
  restore,
  transposeFrames,
} from "./fourier.as";
import {
  HOP,
  ROW,
  MAX_HOPS,
  HOPS,
  FLOOR,
  SUMMED,
  LAST,
  OVERLAP,
  RAW_SUMS,
  GATED_SUMS,
  STATE,
  MEASURE,
  PROCESS,
  LEARN,
  BANDS,
  ROUND,
  constants,
  powerRows,
  gainRows,
  frames,
  before,
  silence,
  fillTables,
} from "./memory.as";

/** Where the caller writes hops (256 samples of int16 each), and reads gated ones. */
export const hopsIn = memory.data(MAX_HOPS * HOP * 2, 16);
export const hopsOut = memory.data(MAX_HOPS * HOP * 2, 16);
/** Two int32 a hop: address of the state, flags. */
export const orders = memory.data(MAX_HOPS * 8, 16);
/** Four floats a hop: sub-band SNR, energy ratio, sum of the noise's bins 1 to 255, nothing. */
export const results = memory.data(MAX_HOPS * 16, 16);
export const maxHops: i32 = <i32>MAX_HOPS;
export const stateBytes: i32 = <i32>STATE;
/** First address that states may have. */
export const statesFrom: usize = (__heap_base + 15) & ~15;
export const floorAt: i32 = <i32>FLOOR;
export const hopsAt: i32 = HOPS;
export const lastAt: i32 = <i32>LAST;
export const summedAt: i32 = <i32>SUMMED;
export const rawSumsAt: i32 = <i32>RAW_SUMS;
export const gatedSumsAt: i32 = <i32>GATED_SUMS;

/** Computes the tables; to be called once. */
export function init(): void {
  fillTables();
}

/** Starts a lane afresh, after silence. */
export function reset(state: usize): void {
  memory.fill(state, 0, STATE);
  store<f32>(state, 1, FLOOR);
  // The very first frame is half empty and counts as none, unless the caller says what was before it.
  store<i32>(state, -1, HOPS);
}

/** Works off `count` hops, at most `maxHops`. */
export function run(count: usize): void {
  for (let from: usize = 0; from < count; from += 4) runGroup(from, min<usize>(4, count - from));
}

function runGroup(from: usize, count: usize): void {
  let all = 0;
  for (let lane: usize = 0; lane < count; lane++) {
    const order = orders + (from + lane) * 8;
    const last = load<usize>(order) + LAST;
    all |= load<i32>(order, 4);
    const hop = hopsIn + (from + lane) * HOP * 2;
    copyHop(before + lane * HOP * 2, last);
    copyHop(last, hop);
  }
  const hop = hopsIn + from * HOP * 2;
  loadFrames(
    before,
    hop,
    count > 1 ? before + HOP * 2 : silence,
    count > 1 ? hop + HOP * 2 : silence,
    count > 2 ? before + HOP * 4 : silence,
    count > 2 ? hop + HOP * 4 : silence,
    count > 3 ? before + HOP * 6 : silence,
    count > 3 ? hop + HOP * 6 : silence,
  );
  transform();
  split((all & PROCESS) !== 0);
  transposePowers();
  for (let lane: usize = 0; lane < count; lane++) runLane(from + lane, lane);
  if ((all & PROCESS) === 0) return;
  transposeGains();
  restore();
  firstStage();
  transform();
  transposeFrames();
  for (let lane: usize = 0; lane < count; lane++) {
    const order = orders + (from + lane) * 8;
    if ((load<i32>(order, 4) & PROCESS) === 0) continue;
    overlapAdd(load<usize>(order), frames + lane * 2048, hopsOut + (from + lane) * HOP * 2);
  }
}

function runLane(hop: usize, lane: usize): void {
  const order = orders + hop * 8;
  const state = load<usize>(order);
  const flags = load<i32>(order, 4);
  const powers = powerRows + lane * ROW + 16;
  const gains = gainRows + lane * ROW + 16;
  const result = results + hop * 16;
  if ((flags & LEARN) !== 0 || load<i32>(state, HOPS) <= 0) trackNoise(state, powers, (flags & LEARN) !== 0);
  else smoothOnly(state, powers);
  store<f32>(result, findSnr(state));
  store<f32>(result, sumNoise(state), 8);
  if ((flags & MEASURE) !== 0) store<f32>(result, computeGains(state, powers, gains), 4);
  else store<f32>(result, 1, 4);
  if ((flags & BANDS) !== 0) sumBands(state, powers, gains, (flags & MEASURE) !== 0);
}

@inline
function copyHop(to: usize, from: usize): void {
  for (let i: usize = 0; i < HOP * 2; i += 16) v128.store(to + i, v128.load(from + i));
}

/** The first half of a frame ends what the frame before began; the second half waits. */
function overlapAdd(state: usize, frame: usize, out: usize): void {
  const rounder = v128.load(constants, ROUND);
    for (let i: usize = 0; i < HOP; i += 8) {
    const at = i * 4;
    const overlap = state + OVERLAP + at;
    const a = f32x4.add(f32x4.add(v128.load(overlap), v128.load(frame + at)), rounder);
    const b = f32x4.add(f32x4.add(v128.load(overlap, 16), v128.load(frame + at, 16)), rounder);
    v128.store(
      out + i * 2,
      i16x8.narrow_i32x4_s(i32x4.sub(a, rounder), i32x4.sub(b, rounder)),
    );
    v128.store(overlap, v128.load(frame + at, HOP * 4));
    v128.store(overlap, v128.load(frame + at, HOP * 4 + 16), 16);
  }
}
