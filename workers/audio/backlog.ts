/** Bytes that wait for room in the ring: a client may append minutes of audio at once. Bounded, in order. */

const chunkBytes = 65_536;
/** Frames whose times are told apart; beyond it neighbours share the earlier one's. */
const maxFrames = 4096;

/** What all channels' backlogs may hold together. */
export interface BacklogBudget {
  leftBytes: number;
}

/** One channel's waiting bytes, with the times at which their frames were read. */
export class Backlog {
  private readonly limitBytes: number;
  private readonly budget: BacklogBudget;
  private readonly chunks: Uint8Array[] = [];
  /** Bytes used at the front of the first chunk, and filled in the last one. */
  private offset = 0;
  private filled = 0;
  private readonly frames: { bytes: number; readAtMs: number }[] = [];
  private waiting = 0;

  constructor(limitBytes: number, budget: BacklogBudget) {
    this.limitBytes = limitBytes;
    this.budget = budget;
  }

  get sizeBytes(): number {
    return this.waiting;
  }

  /** Whether that many more bytes fit. */
  hasRoom(bytes: number): boolean {
    return this.waiting + bytes <= this.limitBytes && bytes <= this.budget.leftBytes;
  }

  /** Copies bytes; callers ask `hasRoom` first. */
  push(bytes: Uint8Array, readAtMs: number): void {
    for (let done = 0; done < bytes.length; ) {
      if (this.chunks.length === 0 || this.filled === chunkBytes) {
        this.chunks.push(new Uint8Array(chunkBytes));
        this.filled = 0;
      }
      const count = Math.min(bytes.length - done, chunkBytes - this.filled);
      this.chunks.at(-1)!.set(bytes.subarray(done, done + count), this.filled);
      this.filled += count;
      done += count;
    }
    const last = this.frames.at(-1);
    if (last !== undefined && (this.frames.length >= maxFrames || last.readAtMs === readAtMs)) {
      last.bytes += bytes.length;
    } else this.frames.push({ bytes: bytes.length, readAtMs });
    this.waiting += bytes.length;
    this.budget.leftBytes -= bytes.length;
  }

  /**
   * The next bytes of one frame, at most `limitBytes` of them; valid until the next call. Null when nothing waits.
   */
  shift(limitBytes: number): { bytes: Uint8Array; readAtMs: number } | null {
    const frame = this.frames[0];
    const chunk = this.chunks[0];
    if (frame === undefined || chunk === undefined || limitBytes <= 0) return null;
    const end = this.chunks.length === 1 ? this.filled : chunkBytes;
    const count = Math.min(limitBytes, frame.bytes, end - this.offset);
    const bytes = chunk.subarray(this.offset, this.offset + count);
    this.offset += count;
    if (this.offset === end) {
      this.chunks.shift();
      this.offset = 0;
    }
    frame.bytes -= count;
    if (frame.bytes === 0) this.frames.shift();
    this.waiting -= count;
    this.budget.leftBytes += count;
    return { bytes, readAtMs: frame.readAtMs };
  }

  /** Forgets everything. */
  clear(): void {
    this.budget.leftBytes += this.waiting;
    this.waiting = 0;
    this.chunks.length = 0;
    this.frames.length = 0;
    this.offset = 0;
    this.filled = 0;
  }
}
