/**
 * Samples in blocks: the pool that all channels share, a channel's chain of blocks, and a cursor that both threads
 * walk chains with. Only the audio thread takes, links and frees.
 */
import { type AudioMemory, blockSamples, blockShift, header } from "./layout.ts";

/** That part of the pool is kept for channels that hold less than their share of it: hoarders starve nobody. */
const reserveDivisor = 4;

/** A place in a chain: the block's number (sample / 1024) and where it lies in the pool (-1: nowhere yet). */
export class ChainCursor {
  number = 0;
  index = -1;

  /** Stands on a block. */
  set(number: number, index: number): void {
    this.number = number;
    this.index = index;
  }

  /**
   * Walks on to a block, as far as the chain goes.
   *
   * @returns whether the cursor stands on that block now; false also if it lies behind
   */
  walk(memory: AudioMemory, number: number): boolean {
    if (this.index < 0) return false;
    while (this.number < number) {
      const following = Atomics.load(memory.next, this.index);
      if (following < 0) return false;
      this.index = following;
      this.number += 1;
    }
    return this.number === number;
  }
}

/** Free blocks; those freed last are taken first, so that few pages are touched. */
export class BlockPool {
  private readonly memory: AudioMemory;
  private readonly free: Int32Array;
  private freeCount = 0;
  /** Blocks from here on were never used. */
  private fresh = 0;
  private share = 0;

  /** @param isUsed - whether a block belongs to a chain that already exists (after a restart of the thread) */
  constructor(memory: AudioMemory, isUsed: ReadonlySet<number>) {
    this.memory = memory;
    this.free = new Int32Array(memory.blocks);
    for (const block of isUsed) this.fresh = Math.max(this.fresh, block + 1);
    for (let block = this.fresh - 1; block >= 0; block--) {
      if (!isUsed.has(block)) this.free[this.freeCount++] = block;
    }
    this.publish();
  }

  /** Blocks that can still be taken. */
  get available(): number {
    return this.freeCount + this.memory.blocks - this.fresh;
  }

  /** Divides the reserve among so many channels. */
  shareReserve(channels: number): void {
    this.share = Math.floor(this.memory.blocks / reserveDivisor / Math.max(1, channels));
  }

  /** Whether a channel that holds so many blocks may take `count` more; the last quarter is for those that hold few. */
  mayTake(held: number, count: number): boolean {
    if (this.available < count) return false;
    return held <= this.share || this.available > this.memory.blocks / reserveDivisor;
  }

  /** @throws Error when there is none left (callers look at `available` first) */
  take(): number {
    const block = this.freeCount > 0 ? this.free[--this.freeCount]! : this.fresh++;
    if (block >= this.memory.blocks) throw new Error("the block pool is empty");
    Atomics.store(this.memory.next, block, -1);
    Atomics.store(this.memory.gatedOf, block, -1);
    this.publish();
    return block;
  }

  give(block: number): void {
    this.free[this.freeCount++] = block;
    this.publish();
  }

  private publish(): void {
    Atomics.store(this.memory.control, header.usedBlocks, this.memory.blocks - this.available);
  }
}

/** One channel's blocks, as the audio thread sees them. */
export class SampleChain {
  private readonly memory: AudioMemory;
  private readonly pool: BlockPool;
  private readonly head = new ChainCursor();
  private readonly tail = new ChainCursor();
  private readonly reader = new ChainCursor();

  constructor(memory: AudioMemory, pool: BlockPool) {
    this.memory = memory;
    this.pool = pool;
  }

  /** Takes over a chain that exists (index -1: none yet). */
  adopt(number: number, index: number): void {
    this.head.set(number, index);
    this.tail.set(number, index);
    this.reader.set(number, index);
    if (index >= 0) this.tail.walk(this.memory, Number.MAX_SAFE_INTEGER);
  }

  get firstIndex(): number {
    return this.head.index;
  }

  /** First sample that is still there. */
  get fromSample(): number {
    return this.head.number * blockSamples;
  }

  /** Blocks held, without those of gated samples. */
  get length(): number {
    return this.head.index < 0 ? 0 : this.tail.number - this.head.number + 1;
  }

  /**
   * Where a sample lies in `memory.pool`; makes the block if it's the chain's next one.
   *
   * @throws RangeError for a sample that was freed or is more than a block ahead (a bug of the caller)
   */
  placeToWrite(sample: number): number {
    const number = sample >> blockShift;
    if (this.tail.index < 0) {
      const block = this.pool.take();
      this.head.set(number, block);
      this.tail.set(number, block);
      this.reader.set(number, block);
    } else if (number === this.tail.number + 1) {
      const block = this.pool.take();
      Atomics.store(this.memory.next, this.tail.index, block);
      this.tail.set(number, block);
    }
    return this.place(sample);
  }

  /**
   * Where a sample that was written lies in `memory.pool`.
   *
   * @throws RangeError if it isn't there (a bug of the caller)
   */
  place(sample: number): number {
    return this.indexOf(sample) * blockSamples + (sample & (blockSamples - 1));
  }

  /** Where a sample's gated twin lies; makes that block, filled with the raw samples so far. */
  placeGated(sample: number): number {
    const raw = this.indexOf(sample);
    let gated = this.memory.gatedOf[raw]!;
    if (gated < 0) {
      gated = this.pool.take();
      const { pool } = this.memory;
      pool.copyWithin(gated * blockSamples, raw * blockSamples, (raw + 1) * blockSamples);
      Atomics.store(this.memory.gatedOf, raw, gated);
    }
    return gated * blockSamples + (sample & (blockSamples - 1));
  }

  /** Where a sample's gated twin lies, or the sample itself where there is none. */
  placeHeard(sample: number): number {
    const raw = this.indexOf(sample);
    const gated = this.memory.gatedOf[raw]!;
    return (gated < 0 ? raw : gated) * blockSamples + (sample & (blockSamples - 1));
  }

  /** Frees blocks that lie wholly before a sample; the last block stays. */
  freeBefore(sample: number): void {
    const number = sample >> blockShift;
    while (this.head.index >= 0 && this.head.number < number && this.head.number < this.tail.number) {
      const { index } = this.head;
      this.head.walk(this.memory, this.head.number + 1);
      if (this.reader.number < this.head.number) this.reader.set(this.head.number, this.head.index);
      this.giveBack(index);
    }
  }

  /** Frees everything. */
  clear(): void {
    for (let index = this.head.index; index >= 0; ) {
      const following = this.memory.next[index]!;
      this.giveBack(index);
      index = following;
    }
    this.adopt(0, -1);
  }

  private giveBack(index: number): void {
    const gated = this.memory.gatedOf[index]!;
    if (gated >= 0) this.pool.give(gated);
    this.pool.give(index);
  }

  private indexOf(sample: number): number {
    const number = sample >> blockShift;
    if (number === this.tail.number && this.tail.index >= 0) return this.tail.index;
    if (this.reader.number > number) this.reader.set(this.head.number, this.head.index);
    if (!this.reader.walk(this.memory, number)) throw new RangeError(`sample ${sample} isn't in the chain`);
    return this.reader.index;
  }
}
