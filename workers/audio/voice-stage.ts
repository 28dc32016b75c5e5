/**
 * One channel's way from samples to onsets and pauses: which windows Silero hears and how they are prepared for it,
 * and what of its answer counts.
 */
import { EchoGuard } from "./echo-guard.ts";
import type { GateStage } from "./gate-stage.ts";
import type { AudioMemory } from "./layout.ts";
import type { FrontEndSettings } from "./messages.ts";
import { NearVoice } from "./near-voice.ts";
import { PreGate, replayWindows } from "./pre-gate.ts";
import type { SampleChain } from "./sample-chain.ts";
import { contextSamples, inputSamples, stateSize } from "./silero.ts";
import { type SpeechChange, SpeechDetector, speakingPhase, windowSamples } from "./speech-detector.ts";
import { energyFrameSamples, VoiceEdges } from "./voice-edges.ts";

const fullScale = 32768;
const hopSamples = 256;
const hopsPerWindow = windowSamples / hopSamples;
const framesPerHop = hopSamples / energyFrameSamples;
/** A voice that was not heard for that long has paused, and the VAD has said so (256 ms). */
const voicedSearchSamples = 4096;

/** How fast the offset is followed, a window. */
const offsetSmoothing = 0.2;

/** See the file. Windows are taken in order: `takeRest`, else `fillWindow` and `decide`. */
export class VoiceStage {
  readonly edges = new VoiceEdges();
  readonly detector = new SpeechDetector();
  readonly guard = new EchoGuard();
  readonly talker = new NearVoice();
  /** Silero's memory. */
  readonly state = new Float32Array(stateSize);
  /** First sample of the window that comes next; everything before it is decided. */
  nextWindow = 0;
  /** Everything before it has its energies; a multiple of 128. */
  analysed = 0;
  /** Probability that the talker speaks, of the last window. */
  speechRatio = 0;
  /** Windows that Silero heard (replayed ones again). */
  windows = 0;
  private readonly memory: AudioMemory;
  private readonly chain: SampleChain;
  private readonly gate: GateStage;
  private readonly preGate = new PreGate();
  private usesPreGate = true;
  private usesGated = false;
  /** Windows before `nextWindow` that are still to be heard. */
  private toReplay = 0;
  private hopSum = 0;
  private offset = 0;
  private knowsOffset = false;

  constructor(memory: AudioMemory, chain: SampleChain, gate: GateStage) {
    this.memory = memory;
    this.chain = chain;
    this.gate = gate;
    gate.mayLearn = (hopIndex) => !this.guard.enabled || !this.guard.mayEcho(hopIndex, this.edges.floorDb);
  }

  /** Begins to listen at a sample, with nothing known of the speech before. */
  start(settings: FrontEndSettings, atSample: number): void {
    this.nextWindow = Math.floor(atSample / windowSamples) * windowSamples;
    this.state.fill(0);
    this.speechRatio = 0;
    this.toReplay = 0;
    this.knowsOffset = false;
    this.preGate.reset();
    this.configure(settings);
    this.detector.restart(this.nextWindow);
  }

  /** Obeys settings that have a VAD; what is known stays. */
  configure(settings: FrontEndSettings): void {
    if (settings.vad === null) return;
    this.usesPreGate = settings.preGate !== false;
    this.usesGated = settings.vadInput === "gated";
    this.detector.configure(settings.vad);
  }

  /** Starts energies again at a sample. */
  startEnergies(atSample: number): void {
    this.analysed = Math.floor(atSample / energyFrameSamples) * energyFrameSamples;
    this.edges.reset(this.analysed);
    this.hopSum = 0;
  }

  /** Oldest sample that it may still ask for. */
  get neededFrom(): number {
    return Math.min(this.nextWindow - replayWindows * windowSamples - contextSamples, this.analysed);
  }

  /** Whether the next window is complete, given the samples that are final. */
  hasWindow(finalSample: number): boolean {
    if (this.toReplay > 0) return true;
    const until = this.nextWindow + windowSamples;
    const gated = this.usesGated ? this.gate.gatedSample : null;
    return until <= Math.min(finalSample, gated ?? finalSample);
  }

  /** Whether the next window needs no inference. To be asked once a window that is complete. */
  takeRest(): boolean {
    if (!this.usesPreGate || this.toReplay > 0) return false;
    const firstHop = this.nextWindow / hopSamples;
    let isWanted = this.detector.isHearing;
    let snrDb: number | null = Number.NEGATIVE_INFINITY;
    for (let hop = firstHop; hop < firstHop + hopsPerWindow; hop++) {
      const hopDb = this.gate.hopSnrDb(hop);
      snrDb = hopDb === null || snrDb === null ? null : Math.max(snrDb, hopDb);
      isWanted ||= this.guard.isPlaying(hop);
    }
    if (this.preGate.mayRest(snrDb, isWanted)) return true;
    this.toReplay = this.preGate.takeSkipped();
    return false;
  }

  /** Whether `decide` is about a window before `nextWindow`, whose energies were taken when it rested. */
  get isReplaying(): boolean {
    return this.toReplay > 0;
  }

  /** Nobody is listened to any more. */
  stop(atSample: number): void {
    this.speechRatio = 0;
    this.toReplay = 0;
    this.detector.reset(atSample);
  }

  /** Writes what Silero shall hear next: a window and the samples before it, amplified, without offset. */
  fillWindow(input: Float32Array): void {
    const from = this.nextWindow - this.toReplay * windowSamples;
    const usesGated = this.usesGated && this.gate.gatedSample !== null;
    const { pool } = this.memory;
    let sample = from - contextSamples;
    let done = 0;
    if (sample < this.chain.fromSample) {
      done = Math.min(contextSamples, this.chain.fromSample - sample);
      input.fill(0, 0, done);
      sample += done;
    }
    const start = done;
    let sum = 0;
    while (done < inputSamples) {
      const isWindow = sample >= from;
      const count = isWindow ? inputSamples - done : from - sample;
      const at = usesGated ? this.chain.placeHeard(sample) : this.chain.place(sample);
      for (let i = 0; i < count; i++) {
        const value = pool[at + i]!;
        input[done + i] = value;
        sum += value;
      }
      done += count;
      sample += count;
    }
    const mean = sum / (inputSamples - start);
    this.offset = this.knowsOffset ? this.offset + offsetSmoothing * (mean - this.offset) : mean;
    this.knowsOffset = true;
    const gain = 10 ** (this.talker.gainDb / 20) / fullScale;
    for (let i = start; i < inputSamples; i++) {
      const value = (input[i]! - this.offset) * gain;
      input[i] = value > 1 ? 1 : value < -1 ? -1 : value;
    }
  }

  /**
   * Takes Silero's answer to the window that `fillWindow` wrote; its energies must be there.
   *
   * @param heardRatio - null for a window that rested
   * @returns what changed, and the window's first sample
   */
  decide(heardRatio: number | null): { change: SpeechChange | null; from: number } {
    const from = this.nextWindow - this.toReplay * windowSamples;
    const ratio = heardRatio ?? 0;
    if (heardRatio === null) this.knowsOffset = false;
    else {
      this.preGate.heard(ratio);
      this.windows = (this.windows + 1) | 0;
    }
    if (this.toReplay > 0) {
      this.toReplay -= 1;
      const counts = this.talker.mayBeNear(this.edges.levelDb(from, from + windowSamples)) ? ratio : 0;
      return { change: this.detector.push(from, counts, this.edges), from };
    }
    this.nextWindow += windowSamples;
    this.speechRatio = this.whatCounts(ratio, from);
    return { change: this.detector.push(from, this.speechRatio, this.edges), from };
  }

  private get isSpeaking(): boolean {
    return this.detector.phase === speakingPhase;
  }

  /** Where the voice's energy was last heard before a sample, while somebody speaks and energy can tell. */
  voicedBefore(sample: number): { voicedUntilSample: number } | undefined {
    if (!this.isSpeaking) return undefined;
    const voiced = this.edges.lastVoiced(
      sample - voicedSearchSamples,
      sample,
      sample - 2 * voicedSearchSamples,
    );
    return voiced === null ? undefined : { voicedUntilSample: Math.min(voiced, sample) };
  }

  private whatCounts(ratio: number, from: number): number {
    const until = from + windowSamples;
    // Of an echo nothing is learned, either.
    if (!this.guard.isNear(until / hopSamples, this.isSpeaking)) return 0;
    return this.talker.push(ratio, this.edges.levelDb(from, until));
  }

  /** Takes the energies of the next frame (8 ms). @returns its mean square without DC */
  takeFrame(): number {
    const at = this.chain.place(this.analysed);
    const hop = Math.floor(this.analysed / hopSamples);
    const { guard } = this;
    const echoDb = guard.enabled ? guard.echoDb(hop) : Number.NEGATIVE_INFINITY;
    const meanSquare = this.edges.push(this.memory.pool, at, echoDb);
    this.analysed += energyFrameSamples;
    this.hopSum += meanSquare;
    if (this.analysed % hopSamples === 0) {
      if (guard.enabled)
        guard.push(hop, toDb(this.hopSum / framesPerHop), this.edges.floorDb, this.isSpeaking);
      this.hopSum = 0;
    }
    return meanSquare;
  }
}

function toDb(meanSquare: number): number {
  return 10 * Math.log10(meanSquare / (fullScale * fullScale) + 1e-12);
}
