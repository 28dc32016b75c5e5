/**
 * The spectral gates of all channels together, on the SIMD kernel (`kernel/gate.wasm`): feeds say that they have hops,
 * `run` works off all of them, four at a time. Grows by what channels need, and is never saved: a new thread feeds
 * the kept audio again.
 *
 * @see docs/decisions/0004-spectral-gate.md
 */
import { readFileSync } from "node:fs";
import { bandsInDb, binsInDb, type GateBands, type GateWork, hopSamples } from "./gate.ts";

const wasmUrl = new URL("kernel/gate.wasm", import.meta.url);
const pageBytes = 65_536;
/** Flags of a hop, as in the kernel. */
const flag = { measure: 1, process: 2, learn: 4, bands: 8 } as const;
const workFlags: Readonly<Record<GateWork, number>> = {
  analyse: 0,
  measure: flag.measure,
  process: flag.measure | flag.process,
};
/** Hops are copied by twos. */
const hopInts = hopSamples / 2;

/** Who has hops for a lane, and takes what they gave. The bank asks only inside `run`. */
export interface HopFeed {
  /** Kept by the bank. */
  isWaiting: boolean;
  readonly work: GateWork;
  readonly hasHop: boolean;
  /** Calls `takeHop` once. */
  giveHop(bank: GateBank): void;
  /** What a hop gave. */
  takeResult(hopIndex: number, result: HopResult): void;
}

/** What the kernel says of a hop; the same object each time. */
export interface HopResult {
  /** Power of the sub-band that stands out most, over its minimum. */
  snrRatio: number;
  /** Energy after the gate divided by before; 1 when gains are not computed. */
  energyRatio: number;
  /** Tracked noise in dBFS (RMS of the whole band). */
  noiseDb: number;
  /** Where in `gated` the 256 gated samples of the hop *before* lie, when the work is "process". */
  gatedAt: number;
  gated: Int32Array;
}

interface Kernel {
  memory: WebAssembly.Memory;
  init(): void;
  reset(state: number): void;
  run(count: number): void;
  hopsIn: WebAssembly.Global;
  hopsOut: WebAssembly.Global;
  orders: WebAssembly.Global;
  results: WebAssembly.Global;
  maxHops: WebAssembly.Global;
  stateBytes: WebAssembly.Global;
  statesFrom: WebAssembly.Global;
  floorAt: WebAssembly.Global;
  lastAt: WebAssembly.Global;
  hopsAt: WebAssembly.Global;
  summedAt: WebAssembly.Global;
  rawSumsAt: WebAssembly.Global;
  gatedSumsAt: WebAssembly.Global;
}

let compiled: WebAssembly.Module | null = null;

/** Lanes of the gate, and the hops of this tick. */
export class GateBank {
  private readonly maxLanes: number;
  private readonly kernel: Kernel;
  private readonly maxHops: number;
  private ints: Int32Array;
  private floats: Float32Array;
  private lanes = 0;
  private readonly free: number[] = [];
  /** Feeds by what is to be done: hops that are synthesised share no vector with those that are not. */
  private readonly waiting: Readonly<Record<GateWork, HopFeed[]>> = { analyse: [], measure: [], process: [] };
  private work: GateWork = "analyse";
  private readonly feeds: HopFeed[] = [];
  private readonly hopIndexes: number[] = [];
  private readonly result: HopResult;

  /**
   * @param maxLanes - most lanes open at a time
   * @throws errors of the file system or of WebAssembly if the kernel can't be loaded
   */
  constructor(maxLanes: number) {
    this.maxLanes = maxLanes;
    compiled ??= new WebAssembly.Module(readFileSync(wasmUrl));
    this.kernel = new WebAssembly.Instance(compiled).exports as unknown as Kernel;
    this.kernel.init();
    this.maxHops = this.kernel.maxHops.value;
    this.ints = new Int32Array(this.kernel.memory.buffer);
    this.floats = new Float32Array(this.kernel.memory.buffer);
    this.result = { snrRatio: 1, energyRatio: 1, noiseDb: -120, gatedAt: 0, gated: this.ints };
  }

  /** Lanes open now. */
  get openLanes(): number {
    return this.lanes - this.free.length;
  }

  /** Bytes of WebAssembly memory. */
  get memoryBytes(): number {
    return this.kernel.memory.buffer.byteLength;
  }

  /**
   * A lane that remembers nothing.
   *
   * @throws RangeError when every lane is taken (a bug of the caller: there are as many as channels)
   */
  openLane(): number {
    if (this.free.length === 0) {
      if (this.lanes >= this.maxLanes)
        throw new RangeError(`all ${this.maxLanes} lanes of the gate are taken`);
      this.growFor(this.lanes + 1);
      this.free.push(this.lanes);
      this.lanes += 1;
    }
    const lane = this.free.pop()!;
    this.kernel.reset(this.stateOf(lane));
    return lane;
  }

  /** Gives a lane back; none of its hops may wait. */
  closeLane(lane: number): void {
    this.free.push(lane);
  }

  /** Says what the 256 samples before a lane's first hop were. */
  prime(lane: number, source: Int16Array, at: number): void {
    const last = new Int16Array(this.ints.buffer, this.stateOf(lane) + this.kernel.lastAt.value, hopSamples);
    last.set(source.subarray(at, at + hopSamples));
    this.ints[(this.stateOf(lane) + this.kernel.hopsAt.value) >> 2] = 0;
  }

  /** Lowest gain, from the next hop on. */
  setFloor(lane: number, floorDb: number): void {
    this.floats[(this.stateOf(lane) + this.kernel.floorAt.value) >> 2] = 10 ** (floorDb / 20);
  }

  /** A feed has hops; they are worked off at the next `run`. Its work stays what it is until then. */
  enqueue(feed: HopFeed): void {
    if (feed.isWaiting) return;
    feed.isWaiting = true;
    this.waiting[feed.work].push(feed);
  }

  /** Works off every hop that is ready. */
  run(): void {
    this.runAll("process");
    this.runAll("measure");
    this.runAll("analyse");
  }

  /**
   * For a feed that was asked: its next hop.
   *
   * @param ints - 256 samples lie at `at`, by twos
   * @param learns - false: noise and minimum stay as they are
   * @param sumsBands - whether the hop counts for `takeBands`
   */
  takeHop(
    feed: HopFeed,
    lane: number,
    ints: Int32Array,
    at: number,
    hopIndex: number,
    learns: boolean,
    sumsBands: boolean,
  ): void {
    const count = this.feeds.length;
    const target = this.ints;
    const to = (this.kernel.hopsIn.value >> 2) + count * hopInts;
    for (let i = 0; i < hopInts; i++) target[to + i] = ints[at + i]!;
    const order = (this.kernel.orders.value >> 2) + count * 2;
    target[order] = this.stateOf(lane);
    target[order + 1] = workFlags[this.work] | (learns ? flag.learn : 0) | (sumsBands ? flag.bands : 0);
    this.feeds.push(feed);
    this.hopIndexes.push(hopIndex);
    if (count + 1 === this.maxHops) this.flush();
  }

  /** Mean power in mel bands since the last call, of the hops that count for it. */
  takeBands(lane: number): GateBands {
    const { rawSumsAt, gatedSumsAt, summedAt } = this.kernel;
    const state = this.stateOf(lane);
    const raw = (state + rawSumsAt.value) >> 2;
    const gated = (state + gatedSumsAt.value) >> 2;
    const hops = this.floats[(state + summedAt.value) >> 2]!;
    const bands = {
      rawDb: bandsInDb(this.floats, raw, hops),
      gatedDb: bandsInDb(this.floats, gated, hops),
    };
    this.floats.fill(0, raw, gated + (gated - raw));
    this.floats[(state + summedAt.value) >> 2] = 0;
    return bands;
  }

  private runAll(work: GateWork): void {
    const feeds = this.waiting[work];
    if (feeds.length === 0) return;
    this.work = work;
    for (const feed of feeds) {
      feed.isWaiting = false;
      while (feed.hasHop) feed.giveHop(this);
    }
    feeds.length = 0;
    this.flush();
  }

  private flush(): void {
    const count = this.feeds.length;
    if (count === 0) return;
    this.kernel.run(count);
    const { result, floats } = this;
    const results = this.kernel.results.value >> 2;
    const out = this.kernel.hopsOut.value >> 2;
    for (let i = 0; i < count; i++) {
      const at = results + i * 4;
      result.snrRatio = floats[at]!;
      result.energyRatio = floats[at + 1]!;
      result.noiseDb = binsInDb(floats[at + 2]!, 1);
      result.gatedAt = out + i * hopInts;
      this.feeds[i]!.takeResult(this.hopIndexes[i]!, result);
    }
    this.feeds.length = 0;
    this.hopIndexes.length = 0;
  }

  private stateOf(lane: number): number {
    return this.kernel.statesFrom.value + lane * this.kernel.stateBytes.value;
  }

  private growFor(lanes: number): void {
    const { memory } = this.kernel;
    const missing = this.stateOf(lanes) - memory.buffer.byteLength;
    if (missing <= 0) return;
    memory.grow(Math.ceil(missing / pageBytes));
    this.ints = new Int32Array(memory.buffer);
    this.floats = new Float32Array(memory.buffer);
    this.result.gated = this.ints;
  }
}
