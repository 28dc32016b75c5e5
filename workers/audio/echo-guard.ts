/**
 * Keeps the gateway's own voice from counting as the talker's, for clients without echo cancellation. Knows when
 * what is played sounds (`ReferenceTrack`), learns by how much it comes back quieter and how much later, and says of each
 * hop how loud its echo may be: what isn't louder is not heard.
 */
import { ReferenceTrack, referenceFrameSamples, silentDb } from "./reference-track.ts";

/** Echoes come at most so many hops late (608 ms) … */
export const longestDelayHops = 38;
/** … and ring on (144 ms), or the client's clock is early (32 ms). */
const tailHops = 9;
const earlyHops = 2;
/** Around a delay that is known (together some 400 ms). */
const knownEarlyHops = 6;
const knownTailHops = 16;
/** Quieter than that nothing is played. */
const playedDb = -65;
/** Coupling (echo against what is played) until it is known, and at most while nothing proves a louder one. */
export const assumedCouplingDb = -10;
const mostCouplingDb = 6;
const leastCouplingDb = -70;
/** The echo may exceed its prediction by so much. */
export const marginDb = 6;
/**
 * Coupling is the second least of the maxima over so many stretches of 0.5 s of playing: the talker is not in all of
 * them, and one of them may have met a weak echo only.
 */
const stretchHops = 31;
const stretches = 8;
/** A stretch counts hops in which what comes back is about as loud as the loudest that may. */
const loudWithinDb = 12;
const steadyRatio = 0.6;
/** The talker is heard over an echo when so many of the last hops stand out; while speaking, one does. */
export const nearHops = 4;
const recentHops = 12;

/** How fast old evidence for a delay fades (some 4 s of playing). */
const fading = 1 - 1 / 250;
/** Hops of playing before a delay is believed (1.5 s). */
const correlationHops = 90;
/** Levels below count as this. */
const quietDb = -80;
const sureCorrelation = 0.7;

/** One channel's guard. Cheap while nothing is played. */
export class EchoGuard {
  readonly track = new ReferenceTrack();
  /** Whether an echo is expected at all (the setting). */
  enabled = false;
  private readonly lastMaxima = new Float32Array(stretches);
  private maxima = 0;
  private stretchMaximum = silentDb;
  private stretchAge = 0;
  private coupling = assumedCouplingDb;
  /** Sums for the correlation of the input with what was played, lag by lag. */
  private readonly sums = new Float64Array((longestDelayHops + 1) * 3);
  private weight = 0;
  private inputSum = 0;
  private inputSquares = 0;
  private delay = -1;
  private recent = 0;
  /** End of the last hop in which an echo was heard and nothing else; -1 if none was. */
  lastEchoSample = -1;

  /** Echo against what is played, in dB; null while it is only assumed. */
  get couplingDb(): number | null {
    return this.maxima > 0 ? this.coupling : null;
  }

  /** Goes on with what another thread had learned. */
  restoreCoupling(couplingDb: number): void {
    this.lastMaxima[0] = couplingDb;
    this.maxima = 1;
    this.coupling = couplingDb;
  }

  /** How much later than assumed the echo comes, in ms; null while that isn't known. */
  get delayMs(): number | null {
    return this.delay < 0 ? null : (this.delay * referenceFrameSamples) / 16;
  }

  /** How loud an echo may be in a hop (sample / 256), in dBFS; -Infinity where none can be. */
  echoDb(hop: number): number {
    const played = this.playedDb(hop);
    return played > playedDb ? played + this.coupling + marginDb : Number.NEGATIVE_INFINITY;
  }

  /** Whether an echo that stands out of the noise may be in a hop: nothing is learned of noise there. */
  mayEcho(hop: number, noiseDb: number): boolean {
    return this.echoDb(hop) - marginDb > noiseDb - 3;
  }

  /** Whether any of what is played may be coming back in a hop. */
  isPlaying(hop: number): boolean {
    return this.playedDb(hop) > playedDb;
  }

  /**
   * Takes the next hop of the input.
   *
   * @param inputDb - its level in dBFS
   * @param isSpeaking - the talker was heard just before
   */
  push(hop: number, inputDb: number, noiseDb: number, isSpeaking: boolean): void {
    if (!this.enabled) return;
    const played = this.playedDb(hop);
    const isPlayed = played > playedDb;
    const standsOut = isPlayed ? inputDb >= played + this.coupling + marginDb : isSpeaking;
    this.recent = ((this.recent << 1) | (standsOut ? 1 : 0)) & ((1 << recentHops) - 1);
    if (!isPlayed) return;
    if (!standsOut && inputDb > noiseDb + 3) this.lastEchoSample = (hop + 1) * referenceFrameSamples;
    this.correlate(hop, inputDb);
    this.learnCoupling(hop, inputDb, played);
  }

  /**
   * Whether speech found in a window that ends before `hop` is the talker's.
   *
   * @param isSpeaking - the talker was speaking just before: less has to stand out
   */
  isNear(hop: number, isSpeaking: boolean): boolean {
    if (!this.enabled || !(this.isPlaying(hop - 1) || this.isPlaying(hop - 2))) return true;
    let count = 0;
    for (let bits = this.recent; bits !== 0; bits &= bits - 1) count += 1;
    return count >= (isSpeaking ? 1 : nearHops);
  }

  /** The loudest that was played when what comes back now was. */
  private playedDb(hop: number): number {
    if (!this.enabled || !this.track.reaches(hop - longestDelayHops - tailHops)) return silentDb;
    const isKnown = this.delay >= 0;
    const first = hop - (isKnown ? this.delay + knownTailHops : longestDelayHops + tailHops);
    const last = hop - (isKnown ? Math.max(-earlyHops, this.delay - knownEarlyHops) : -earlyHops);
    let loudest = silentDb;
    for (let frame = first; frame <= last; frame++) {
      const level = this.track.at(frame);
      if (level > loudest) loudest = level;
    }
    return loudest;
  }

  private learnCoupling(hop: number, inputDb: number, played: number): void {
    if (!this.isSteady(hop, played)) return;
    this.stretchMaximum = Math.max(this.stretchMaximum, inputDb - played);
    this.stretchAge += 1;
    if (this.stretchAge < stretchHops) return;
    this.lastMaxima[this.maxima % stretches] = this.stretchMaximum;
    this.maxima += 1;
    this.stretchMaximum = silentDb;
    this.stretchAge = 0;
    const known = Math.min(this.maxima, stretches);
    let least = mostCouplingDb;
    let second = mostCouplingDb;
    for (let i = 0; i < known; i++) {
      const maximum = this.lastMaxima[i]!;
      second = Math.min(second, Math.max(least, maximum));
      least = Math.min(least, maximum);
    }
    // Louder than assumed only if what comes in moves with what is played: else the talker drowns the echo.
    const most = this.delay >= 0 ? mostCouplingDb : assumedCouplingDb;
    this.coupling = Math.max(leastCouplingDb, Math.min(most, known < 3 ? least : second));
  }

  /** Whether the echo, whenever it comes, is of about the loudest that is played: the gap after a word tells nothing. */
  private isSteady(hop: number, played: number): boolean {
    const least = played - loudWithinDb;
    if (this.delay >= 0) return this.track.at(hop - this.delay) >= least;
    let loud = 0;
    for (let lag = 0; lag <= longestDelayHops; lag++) if (this.track.at(hop - lag) >= least) loud += 1;
    return loud >= steadyRatio * longestDelayHops;
  }

  private correlate(hop: number, inputDb: number): void {
    const { sums, track } = this;
    const y = Math.max(quietDb, inputDb) - quietDb;
    this.weight = this.weight * fading + 1;
    this.inputSum = this.inputSum * fading + y;
    this.inputSquares = this.inputSquares * fading + y * y;
    const { weight, inputSum } = this;
    const inputSpread = this.inputSquares - (inputSum * inputSum) / weight;
    let best = -1;
    let bestCorrelation = sureCorrelation;
    for (let lag = 0; lag <= longestDelayHops; lag++) {
      const x = Math.max(quietDb, track.at(hop - lag)) - quietDb;
      const at = lag * 3;
      const sum = sums[at]! * fading + x;
      const squares = sums[at + 1]! * fading + x * x;
      const products = sums[at + 2]! * fading + x * y;
      sums[at] = sum;
      sums[at + 1] = squares;
      sums[at + 2] = products;
      const spread = (squares - (sum * sum) / weight) * inputSpread;
      // Of what moves by less than 1 dB nothing can be said.
      if (spread <= weight * weight) continue;
      const correlation = (products - (sum * inputSum) / weight) / Math.sqrt(spread);
      if (correlation > bestCorrelation) {
        best = lag;
        bestCorrelation = correlation;
      }
    }
    if (weight >= correlationHops) this.delay = best;
  }
}
