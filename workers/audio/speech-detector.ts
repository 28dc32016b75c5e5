/**
 * From the VAD's probabilities, one a window, to onsets and pauses: doubt, least durations, and positions
 * dated back to where the voice really began or ended. Counts samples, never time.
 */
import type { VadSettings } from "./messages.ts";
import type { VoiceEdges } from "./voice-edges.ts";

/** Samples in a VAD window (32 ms). */
export const windowSamples = 512;
const windowMs = 32;
/** A window this far under the threshold belongs to a beginning that has another one at the threshold, … */
const doubtRatio = 0.15;
/** … and one this far above it counts for two. A knock or a chair reaches 0.64, the first window of most voices 0.7. */
const sureRatio = 0.2;
/** The VAD notices speech up to this late (160 ms). */
const onsetSearchSamples = 2560;
/** The VAD notices silence up to this late (320 ms) … */
const pauseSearchSamples = 5120;
/** … and this late as a rule (96 ms): what is taken off where the energy tells nothing. */
const usualLagSamples = 1536;

export const quietPhase = 0;
export const speakingPhase = 1;
export const pausedPhase = 2;

/** What a window changed. */
export type SpeechChange = { type: "onset" | "pause" | "resumed"; sample: number };

/** One channel's speech state. */
export class SpeechDetector {
  private threshold = 0.5;
  private minSpeechWindows = 2;
  private minPauseWindows = 2;
  /** quiet, speaking or paused. */
  phase = quietPhase;
  /** No onset is dated back before it. */
  private earliest = 0;
  /** Windows of the run that may become an onset, its first sample, and whether one of them reached the threshold. */
  private run = 0;
  private runFrom = 0;
  private reached = false;
  /** Windows since the probability fell under the threshold, and the first of them. */
  private quiet = 0;
  private quietFrom = 0;
  private startedAt = 0;

  /** Takes new thresholds and durations; the state stays. */
  configure(settings: VadSettings): void {
    this.threshold = settings.thresholdRatio;
    this.minSpeechWindows = Math.max(1, Math.ceil((settings.minSpeechMs ?? 64) / windowMs));
    this.minPauseWindows = Math.max(1, Math.ceil((settings.minPauseMs ?? 64) / windowMs));
  }

  /** Nobody speaks; the next speech is an onset, not before `fromSample`. */
  reset(fromSample: number): void {
    this.phase = quietPhase;
    this.run = 0;
    this.quiet = 0;
    this.earliest = Math.max(this.earliest, fromSample);
  }

  /** As new: also forgets how far onsets may be dated back. */
  restart(fromSample: number): void {
    this.reset(fromSample);
    this.earliest = fromSample;
  }

  /** Forgets the turn: the next speech is an onset. Speech that goes on becomes one where it stands now. */
  forgetTurn(decidedSample: number): void {
    const wasSpeaking = this.phase === speakingPhase;
    this.phase = quietPhase;
    this.quiet = 0;
    if (wasSpeaking) {
      this.run = 0;
      this.earliest = Math.max(this.earliest, decidedSample);
    }
  }

  /** Speech goes on, or may be beginning. */
  get isHearing(): boolean {
    return this.phase === speakingPhase || this.run > 0;
  }

  /**
   * Takes a window's probability.
   *
   * @param from - the window's first sample
   * @param speechRatio - the VAD's probability, 0 to 1
   */
  push(from: number, speechRatio: number, edges: VoiceEdges): SpeechChange | null {
    return this.phase === speakingPhase
      ? this.pushSpeaking(from, speechRatio, edges)
      : this.pushQuiet(from, speechRatio, edges);
  }

  private pushQuiet(from: number, speechRatio: number, edges: VoiceEdges): SpeechChange | null {
    if (speechRatio < Math.max(0.01, this.threshold - doubtRatio)) {
      this.run = 0;
      return null;
    }
    if (this.run === 0) {
      this.runFrom = from;
      this.reached = false;
    }
    this.reached ||= speechRatio >= this.threshold;
    this.run += speechRatio >= this.threshold + sureRatio ? 2 : 1;
    if (!this.reached || this.run < this.minSpeechWindows) return null;
    const until = from + windowSamples;
    const lowest = Math.max(this.earliest, this.runFrom - onsetSearchSamples);
    const found = edges.firstVoiced(lowest, this.runFrom, until) ?? this.runFrom;
    const sample = Math.max(this.earliest, found);
    const type = this.phase === pausedPhase ? "resumed" : "onset";
    this.phase = speakingPhase;
    this.run = 0;
    this.quiet = 0;
    this.startedAt = sample;
    return { type, sample };
  }

  private pushSpeaking(from: number, speechRatio: number, edges: VoiceEdges): SpeechChange | null {
    if (speechRatio >= this.threshold) {
      this.quiet = 0;
      return null;
    }
    if (this.quiet === 0) this.quietFrom = from;
    this.quiet += 1;
    if (this.quiet < this.minPauseWindows) return null;
    const lowest = Math.max(this.startedAt, this.quietFrom - pauseSearchSamples);
    const found = edges.lastVoiced(lowest, this.quietFrom + windowSamples, lowest);
    const sample = Math.max(this.startedAt, found ?? this.quietFrom - usualLagSamples - 1);
    this.phase = pausedPhase;
    this.run = 0;
    this.earliest = sample + 1;
    return { type: "pause", sample };
  }
}
