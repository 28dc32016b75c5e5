/** The spectral gate of one channel on its chain of blocks: runs only where something needs it. */
import { farFieldFloorDb, hopSamples, nearFieldFloorDb, SpectralGate } from "./gate.ts";
import type { AudioMemory } from "./layout.ts";
import type { FrontEndSettings } from "./messages.ts";
import type { SampleChain } from "./sample-chain.ts";

/** Whether the gated signal itself is made: something reads it, or the VAD listens to it. */
export function needsSynthesis(settings: FrontEndSettings): boolean {
  if (settings.noiseReduction === null) return false;
  return settings.keepGated || (settings.vadInput === "gated" && settings.vad !== null);
}

/** Gate, its position and its energies. */
export class GateStage {
  private readonly memory: AudioMemory;
  private readonly chain: SampleChain;
  private gate: SpectralGate | null = null;
  private active = false;
  private synthesises = false;
  /** First sample of the hop that comes next. */
  private next = 0;
  /** Sum over hops of gain in energy, for levels. */
  private ratioSum = 0;
  private ratioCount = 0;
  private gainDb = 0;

  constructor(memory: AudioMemory, chain: SampleChain) {
    this.memory = memory;
    this.chain = chain;
  }

  /** Oldest sample that it still reads or writes; null when it is off. */
  get neededFrom(): number | null {
    return this.active ? Math.max(0, this.next - hopSamples) : null;
  }

  /** Everything before it is gated and in the blocks; null when nothing is synthesised. */
  get gatedSample(): number | null {
    return this.active && this.synthesises ? Math.max(0, this.next - hopSamples) : null;
  }

  /** Obeys settings from a sample on. */
  configure(settings: FrontEndSettings, atSample: number): void {
    const wanted =
      settings.noiseReduction !== null && (needsSynthesis(settings) || settings.levelIntervalMs !== null);
    this.synthesises = needsSynthesis(settings);
    if (!wanted) {
      this.active = false;
      return;
    }
    const floorDb = settings.noiseReduction === "far_field" ? farFieldFloorDb : nearFieldFloorDb;
    this.gate ??= new SpectralGate();
    if (this.active) {
      this.gate.setFloor(floorDb);
      return;
    }
    this.active = true;
    this.gate.reset(floorDb);
    this.next = Math.floor(atSample / hopSamples) * hopSamples;
  }

  /** Works off whole hops before a sample. */
  advance(untilSample: number): void {
    if (!this.active || this.gate === null) return;
    const { pool } = this.memory;
    while (this.next + hopSamples <= untilSample) {
      const previous = this.next - hopSamples;
      const synthesise = this.synthesises && previous >= this.chain.fromSample;
      const target = synthesise ? this.chain.placeGated(previous) : 0;
      this.gate.push(pool, this.chain.place(this.next), synthesise ? pool : null, target);
      this.next += hopSamples;
      this.ratioSum += this.gate.energyRatio;
      this.ratioCount += 1;
    }
  }

  /** Mean gain in dB of the hops since the last call (the same as before if there were none), 0 when off. */
  takeGainDb(): number {
    if (!this.active) return 0;
    if (this.ratioCount > 0) this.gainDb = 10 * Math.log10(this.ratioSum / this.ratioCount);
    this.ratioSum = 0;
    this.ratioCount = 0;
    return this.gainDb;
  }

  /** The gate's noise floor in dBFS; null when off. */
  get noiseDb(): number | null {
    return this.active && this.gate !== null ? this.gate.noiseDb : null;
  }
}
