/**
 * The bus's shared memory, slot by slot. The socket thread and the audio thread see the same buffers; each field
 * has one writer. Counters of bytes wrap at 2^32; samples are counted on the 16 kHz clock from the session's start.
 */

/** Samples in a block of the pool (64 ms). Windows (512), hops (256) and energy frames (128) never straddle one. */
export const blockSamples = 1024;
/** Shift that turns a sample into its block's number. */
export const blockShift = 10;
/** Bytes received and not yet taken, per channel; a power of two (512 ms at 16 kHz, 341 ms at 24 kHz). */
export const ringBytes = 16_384;
/** The writer never overwrites this many bytes before the reader: a restarted thread rebuilds its filter from them. */
export const ringHistoryBytes = 256;
/** Longest session on the sample clock (37 h less a margin): positions are 32 bits. */
export const maxSessionSamples = 0x7fff_0000;

/** Fields for all slots together, at the start of `control`. */
export const header = {
  /** Ticks done; the socket thread takes a standing counter for a hung thread. */
  ticks: 0,
  /** Blocks of the pool in use. */
  usedBlocks: 1,
  /** Silero windows decided since the bus was made (wraps). */
  windows: 2,
  /** Whether the audio thread is inside native code; see `native-section.ts`. */
  native: 3,
} as const;
const headerInts = 32;

/** What the values of `watched` mean: told of readable samples never, now and then, at once. */
export const watches = ["none", "now and then", "at once"] as const;

/** Fields of a slot in `control`; the two writers' fields lie 64 bytes apart. */
export const field = {
  // Written by the socket thread.
  ringWritten: 0,
  releaseBefore: 1,
  seenSeq: 2,
  /** 1 while bytes wait in the backlog: the thread says when there is room. */
  wantsRoom: 3,
  /** An index of `watches`. */
  watched: 4,
  // Written by the audio thread.
  ringTaken: 16,
  /** Raw samples that can be read. */
  readable: 17,
  gatedReadable: 18,
  /** Everything before it was decided by the VAD (or just heard, where there is none). */
  decided: 19,
  /** 0 quiet, 1 speaking, 2 paused. */
  phase: 20,
  /** The chain's first block in the pool, once there is one; -1 before. */
  firstBlock: 21,
  /** Silero windows heard (wraps). */
  windows: 22,
  // What a new thread couldn't learn again from a few seconds of audio; hundredths of a dB, 0: not known.
  talkerLevel: 23,
  talkerGain: 24,
  echoCoupling: 25,
} as const;
const slotInts = 32;

/** Sizes of the shared memory; both fixed for the life of a bus. */
export interface AudioMemorySize {
  maxChannels: number;
  /** Room for samples of all channels; pages are touched only when used. */
  poolBytes: number;
}

/** The buffers themselves: what travels to the thread. */
export interface AudioMemoryBuffers {
  size: AudioMemorySize;
  control: SharedArrayBuffer;
  rings: SharedArrayBuffer;
  pool: SharedArrayBuffer;
  links: SharedArrayBuffer;
}

/** Views on the buffers, the same in both threads. */
export interface AudioMemory {
  readonly buffers: AudioMemoryBuffers;
  readonly maxChannels: number;
  readonly blocks: number;
  readonly control: Int32Array;
  readonly rings: Uint8Array;
  /** Samples, `blockSamples` a block. */
  readonly pool: Int16Array;
  /** Per block: the next one of its channel, -1 at the chain's end. */
  readonly next: Int32Array;
  /** Per block of raw samples: the block with the gated ones, -1 if there is none. */
  readonly gatedOf: Int32Array;
}

/**
 * Reserves the bus's memory.
 *
 * @throws RangeError if there isn't room for one channel or for a block each
 */
export function createAudioMemory(size: AudioMemorySize): AudioMemory {
  const blocks = Math.floor(size.poolBytes / (blockSamples * 2));
  if (!Number.isInteger(size.maxChannels) || size.maxChannels < 1) {
    throw new RangeError(`maxChannels is ${size.maxChannels}, must be a whole number of at least 1`);
  }
  if (blocks < size.maxChannels * 2) {
    throw new RangeError(`poolBytes is ${size.poolBytes}, too small for ${size.maxChannels} channels`);
  }
  return viewAudioMemory({
    size,
    control: new SharedArrayBuffer((headerInts + size.maxChannels * slotInts) * 4),
    rings: new SharedArrayBuffer(size.maxChannels * ringBytes),
    pool: new SharedArrayBuffer(blocks * blockSamples * 2),
    links: new SharedArrayBuffer(blocks * 8),
  });
}

/** The views on buffers that another thread made. */
export function viewAudioMemory(buffers: AudioMemoryBuffers): AudioMemory {
  const blocks = buffers.pool.byteLength / (blockSamples * 2);
  return {
    buffers,
    maxChannels: buffers.size.maxChannels,
    blocks,
    control: new Int32Array(buffers.control),
    rings: new Uint8Array(buffers.rings),
    pool: new Int16Array(buffers.pool),
    next: new Int32Array(buffers.links, 0, blocks),
    gatedOf: new Int32Array(buffers.links, blocks * 4, blocks),
  };
}

/** Index of a slot's field in `control`. */
export function fieldIndex(slot: number, name: keyof typeof field): number {
  return headerInts + slot * slotInts + field[name];
}
