/** The spectral gate of one channel on its chain of blocks: runs only where something needs it. */
import { type GateBands, type GateWork, hopSamples } from "./gate.ts";
import type { GateBank, HopFeed, HopResult } from "./gate-bank.ts";
import { type AudioMemory, blockSamples, blockShift } from "./layout.ts";
import type { FrontEndSettings } from "./messages.ts";
import type { SampleChain } from "./sample-chain.ts";

/** Lowest gain for a headset or a phone at the mouth, in dB. */
export const nearFieldFloorDb = -15;
/** Lowest gain for a laptop or a room, in dB. */
export const farFieldFloorDb = -24;
/** Hops whose sub-band SNR is remembered (1 s). */
export const rememberedHops = 64;
const rememberedMask = rememberedHops - 1;
const lowestNoiseDb = -120;

/** Whether the gated signal itself is made: something reads it, or the VAD listens to it. */
export function needsSynthesis(settings: FrontEndSettings): boolean {
  if (settings.noiseReduction === null) return false;
  return settings.keepGated || (settings.vadInput === "gated" && settings.vad !== null);
}

/** What the settings ask of the gate; null: nothing. */
function workFor(settings: FrontEndSettings): GateWork | null {
  if (needsSynthesis(settings)) return "process";
  if (settings.levelIntervalMs !== null) return settings.noiseReduction === null ? "analyse" : "measure";
  return settings.vad !== null && settings.preGate !== false ? "analyse" : null;
}

/** A lane of the bank, its position in the chain, and what its hops gave. */
export class GateStage implements HopFeed {
  /** Asked once a hop, before it is worked off: whether noise may be learnt from it. Default: from all. */
  mayLearn: ((hopIndex: number) => boolean) | null = null;
  isWaiting = false;
  private readonly memory: AudioMemory;
  private readonly chain: SampleChain;
  private readonly bank: GateBank;
  /** The pool by twos. */
  private readonly ints: Int32Array;
  private lane = -1;
  private wanted: GateWork | null = null;
  /** First sample of the hop that comes next. */
  private next = 0;
  /** Gated samples are made from here on. */
  private gatedFrom = 0;
  /** Whole hops before it are there. */
  private until = 0;
  /** Raw samples that the last gated block still lacks, since the gate went off inside it. */
  private rawFrom = 0;
  private rawUntil = 0;
  private readonly ratios = new Float32Array(rememberedHops);
  private firstHop = 0;
  private ratioSum = 0;
  private ratioCount = 0;
  private gainDb = 0;
  private floorDb = lowestNoiseDb;
  private showsBands = false;
  private bands: GateBands | null = null;
  private bandsTakenAt = 0;

  constructor(memory: AudioMemory, chain: SampleChain, bank: GateBank) {
    this.memory = memory;
    this.chain = chain;
    this.bank = bank;
    this.ints = new Int32Array(memory.pool.buffer);
  }

  /** Oldest sample that it still reads or writes; null when it is off. */
  get neededFrom(): number | null {
    return this.wanted === null ? null : Math.max(0, this.next - hopSamples);
  }

  /** Everything before it is gated and in the blocks; null when nothing is synthesised. */
  get gatedSample(): number | null {
    return this.wanted === "process" ? Math.max(this.gatedFrom, this.next - hopSamples) : null;
  }

  /** Everything before it is analysed (`hopSnrDb`); null when the gate is off. A multiple of 256. */
  get analysedSample(): number | null {
    return this.wanted === null ? null : this.next;
  }

  /**
   * How far the loudest of 8 sub-bands (125 to 4,100 Hz) stands above its tracked minimum, in dB.
   *
   * @param hopIndex - sample / 256; the hop's frame holds it and the hop before
   * @returns null for hops not analysed (yet), or longer than `rememberedHops` ago
   */
  hopSnrDb(hopIndex: number): number | null {
    const done = this.next / hopSamples;
    if (this.wanted === null || hopIndex < Math.max(this.firstHop, done - rememberedHops)) return null;
    if (hopIndex >= done) return null;
    return 10 * Math.log10(this.ratios[hopIndex & rememberedMask]!);
  }

  /** Obeys settings from a sample on; what was taken before is worked off first, as it was asked for then. */
  configure(settings: FrontEndSettings, atSample: number): void {
    this.bank.run();
    const wanted = workFor(settings);
    const wasGating = this.wanted === "process";
    const before = this.wanted;
    if (wasGating && wanted !== "process") this.endGated();
    this.wanted = wanted;
    const showsBands = settings.levelIntervalMs !== null;
    if (showsBands && !this.showsBands) this.forgetLevels();
    this.showsBands = showsBands;
    if (wanted === null) {
      this.dropLane();
      return;
    }
    const floorDb = settings.noiseReduction === "far_field" ? farFieldFloorDb : nearFieldFloorDb;
    if (before === null) this.start(atSample);
    if (!wasGating) this.gatedFrom = this.next;
    this.bank.setFloor(this.lane, floorDb);
  }

  /** After a new thread's `configure`: what could be read as gated stays as it is, and needs no blocks. */
  resumeAt(gatedReadable: number): void {
    this.gatedFrom = Math.max(this.gatedFrom, Math.floor(gatedReadable / hopSamples) * hopSamples);
  }

  /** Takes note of final samples, and takes the gated blocks that they need at once, while there is room. */
  advance(untilSample: number): void {
    if (this.rawFrom < this.rawUntil) this.copyRaw(untilSample);
    if (this.wanted === null) return;
    this.until = untilSample;
    if (this.next + hopSamples > untilSample) return;
    if (this.wanted === "process") {
      const from = Math.max(this.gatedFrom, this.next - hopSamples);
      for (let sample = from; sample + 2 * hopSamples <= untilSample; sample += hopSamples) {
        this.chain.placeGated(sample);
      }
    }
    this.bank.enqueue(this);
  }

  get hasHop(): boolean {
    return this.wanted !== null && this.next + hopSamples <= this.until;
  }

  get work(): GateWork {
    return this.wanted ?? "analyse";
  }

  giveHop(bank: GateBank): void {
    const hopIndex = this.next / hopSamples;
    const learns = this.mayLearn === null || this.mayLearn(hopIndex);
    const at = this.chain.place(this.next) >> 1;
    this.next += hopSamples;
    bank.takeHop(this, this.lane, this.ints, at, hopIndex, learns, this.showsBands);
  }

  takeResult(hopIndex: number, result: HopResult): void {
    this.ratios[hopIndex & rememberedMask] = result.snrRatio;
    this.ratioSum += result.energyRatio;
    this.ratioCount += 1;
    this.floorDb = result.noiseDb;
    const sample = (hopIndex - 1) * hopSamples;
    if (this.wanted !== "process" || sample < this.gatedFrom) return;
    const { ints } = this;
    const { gated, gatedAt } = result;
    const to = this.chain.placeGated(sample) >> 1;
    for (let i = 0; i < hopSamples / 2; i++) ints[to + i] = gated[gatedAt + i]!;
  }

  /** Mean gain in dB of the hops since the last call (the same as before if there were none), 0 when off. */
  takeGainDb(): number {
    if (this.wanted === null || this.wanted === "analyse") return 0;
    if (this.ratioCount > 0) this.gainDb = 10 * Math.log10(this.ratioSum / this.ratioCount + 1e-12);
    this.ratioSum = 0;
    this.ratioCount = 0;
    return this.gainDb;
  }

  /** Mel bands of the hops since the last call (the same as before if there were none); null when the gate is off or no levels are asked for. */
  takeBands(): GateBands | null {
    if (this.wanted === null || !this.showsBands) return null;
    if (this.bands === null || this.next > this.bandsTakenAt) this.bands = this.bank.takeBands(this.lane);
    this.bandsTakenAt = this.next;
    return this.bands;
  }

  /** The gate's noise floor in dBFS; null when off. */
  get noiseDb(): number | null {
    return this.wanted === null ? null : this.floorDb;
  }

  /** Gives its lane back. */
  close(): void {
    this.bank.run();
    this.wanted = null;
    this.dropLane();
  }

  private start(atSample: number): void {
    this.lane = this.bank.openLane();
    this.next = Math.floor(atSample / hopSamples) * hopSamples;
    this.until = this.next;
    this.firstHop = this.next / hopSamples;
    this.ratioSum = 0;
    this.ratioCount = 0;
    this.gainDb = 0;
    this.floorDb = lowestNoiseDb;
    const previous = this.next - hopSamples;
    const isKept = this.chain.length > 0 && previous >= this.chain.fromSample;
    // The first frame needs the hop before it, or the gate would open with a fade.
    if (isKept) this.bank.prime(this.lane, this.memory.pool, this.chain.place(previous));
  }

  /** Levels begin where somebody asks for them. */
  private forgetLevels(): void {
    this.ratioSum = 0;
    this.ratioCount = 0;
    if (this.lane >= 0) this.bank.takeBands(this.lane);
  }

  private dropLane(): void {
    if (this.lane < 0) return;
    this.bank.closeLane(this.lane);
    this.lane = -1;
  }

  /** From here on raw is gated: also in the block where the gate stopped. */
  private endGated(): void {
    const sample = this.gatedSample!;
    if (sample <= this.gatedFrom || (sample & (blockSamples - 1)) === 0) return;
    this.rawFrom = sample;
    this.rawUntil = ((sample >> blockShift) + 1) << blockShift;
    this.copyRaw(this.until);
  }

  private copyRaw(untilSample: number): void {
    if (this.rawFrom < this.chain.fromSample) {
      this.rawUntil = this.rawFrom;
      return;
    }
    const count = Math.min(untilSample, this.rawUntil) - this.rawFrom;
    if (count <= 0) return;
    const { pool } = this.memory;
    const from = this.chain.place(this.rawFrom);
    pool.copyWithin(this.chain.placeGated(this.rawFrom), from, from + count);
    this.rawFrom += count;
  }
}
