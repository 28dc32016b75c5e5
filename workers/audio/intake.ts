/** One channel's way from received bytes to 16 kHz samples in blocks: decoding and resampling. */
import { decodeAlaw, decodeMulaw } from "../../wire/g711.ts";
import { sampleBytes } from "./format.ts";
import { type AudioMemory, blockSamples, ringBytes, ringHistoryBytes } from "./layout.ts";
import type { InputFormat } from "./messages.ts";
import { designKernel, historySamples, Resampler, type ResamplerKernel } from "./resampler.ts";
import type { SampleChain } from "./sample-chain.ts";

/** Input samples taken at once. */
export const chunkSamples = 1024;
/** Blocks that a chunk may need, gated twins included. */
export const blocksPerChunk = 6;

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const mulawLevels = decodeMulaw(everyByte);
const alawLevels = decodeAlaw(everyByte);
const ringMask = ringBytes - 1;
const decoded = new Int16Array(chunkSamples);
const resampled = new Int16Array(chunkSamples * 2 + historySamples);
const kernels = new Map<number, ResamplerKernel>();

/** Decoder, resampler and positions of one channel. */
export class Intake {
  private readonly memory: AudioMemory;
  private readonly ringStart: number;
  private readonly chain: SampleChain;
  private format: InputFormat = { encoding: "pcm16", sampleRateHz: 16000 };
  private resampler: Resampler | null = null;
  /** Samples that no later input changes. */
  finalSample = 0;
  /** Samples that can be read: the final ones, and after a stall those that still wait for their filter's tail. */
  readableSample = 0;

  constructor(memory: AudioMemory, slot: number, chain: SampleChain) {
    this.memory = memory;
    this.ringStart = slot * ringBytes;
    this.chain = chain;
  }

  get bytesPerSample(): number {
    return sampleBytes(this.format);
  }

  /** Whether samples wait for their filter's tail. */
  get hasTail(): boolean {
    return this.resampler !== null && this.readableSample < this.finalSample + this.resampler.waitingOutputs;
  }

  /** Starts at a position, in a format. */
  start(format: InputFormat, atSample: number): void {
    this.format = format;
    this.finalSample = atSample;
    this.readableSample = atSample;
    this.resampler = makeResampler(format);
  }

  /**
   * Goes on where another thread was.
   *
   * @param formatSample - where the format began
   * @param inputs - samples taken in that format
   * @param ringTaken - the ring's counter
   */
  resume(
    format: InputFormat,
    formatSample: number,
    inputs: number,
    ringTaken: number,
    readable: number,
  ): void {
    this.start(format, formatSample);
    this.finalSample = readable;
    this.readableSample = readable;
    if (this.resampler === null) return;
    const bytes = this.bytesPerSample;
    const count = Math.min(inputs, historySamples, ringHistoryBytes / bytes);
    this.decode(ringTaken - count * bytes, count);
    this.resampler.restore(inputs, decoded.slice(0, count));
    this.finalSample = Math.min(readable, formatSample + this.resampler.finalOutputs);
  }

  /** Ends the format: what waits for its tail becomes final. */
  changeFormat(format: InputFormat): void {
    this.writeTail();
    this.start(format, this.readableSample);
  }

  /** Takes `count` samples (at most `chunkSamples`) from the ring's byte `ringTaken` on. */
  take(ringTaken: number, count: number): void {
    this.decode(ringTaken, count);
    let written = count;
    if (this.resampler === null) this.append(decoded, count);
    else {
      written = this.resampler.process(decoded, count, resampled);
      this.append(resampled, written);
    }
    this.finalSample += written;
    if (this.readableSample < this.finalSample) this.readableSample = this.finalSample;
  }

  /** Makes the samples readable that wait for more input; they are made again when it comes. */
  writeTail(): void {
    if (this.resampler === null || !this.hasTail) return;
    const count = this.resampler.tail(resampled);
    this.append(resampled, count);
    this.readableSample = this.finalSample + count;
  }

  private append(samples: Int16Array, count: number): void {
    const { pool } = this.memory;
    let done = 0;
    while (done < count) {
      const at = this.chain.placeToWrite(this.finalSample + done);
      const room = Math.min(count - done, blockSamples - (at & (blockSamples - 1)));
      for (let i = 0; i < room; i++) pool[at + i] = samples[done + i]!;
      done += room;
    }
  }

  private decode(ringTaken: number, count: number): void {
    const { rings } = this.memory;
    const { ringStart } = this;
    if (this.format.encoding === "pcm16") {
      for (let i = 0, at = ringTaken; i < count; i++, at += 2) {
        decoded[i] = rings[ringStart + (at & ringMask)]! | (rings[ringStart + ((at + 1) & ringMask)]! << 8);
      }
      return;
    }
    const levels = this.format.encoding === "pcmu" ? mulawLevels : alawLevels;
    for (let i = 0; i < count; i++) {
      decoded[i] = levels[rings[ringStart + ((ringTaken + i) & ringMask)]!]!;
    }
  }
}

function makeResampler(format: InputFormat): Resampler | null {
  const rate = format.sampleRateHz;
  if (rate === 16000) return null;
  let kernel = kernels.get(rate);
  if (kernel === undefined) {
    kernel = designKernel(rate);
    kernels.set(rate, kernel);
  }
  return new Resampler(kernel);
}
