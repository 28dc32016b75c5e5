/** Stretches that are judged one by one. */
const stretchMs = 5;
/** Quieter than this is never taken for a voice. */
const minVoicedDb = -55;
/** A voice is that much louder than the quietest moment of late. */
const overFloorDb = 12;
/** The room's noise is the quietest stretch within that time. */
const floorWindowMs = 3_000;
const floorBuckets = 6;
/** Shorter than that is a click, not a voice. */
const minVoiceMs = 60;
/** A voice may fall silent for that long (a stop consonant) without having to prove itself again. */
const maxDipMs = 120;
const silenceDb = -100;

/**
 * Finds the last voiced moment in a microphone's signal, by loudness alone: good enough to time an answer, and cheap
 * enough for an audio callback. The gateway decides about turns; this only looks at the clock.
 */
export class SpeechEdge {
  readonly #stretchSamples: number;
  readonly #bucketStretches: number;
  /** Quietest stretch of each bucket; the newest is last. */
  readonly #floors: number[] = [silenceDb];
  #bucketFilled = 0;
  #square = 0;
  #filled = 0;
  #voicedMs = 0;
  #quietMs = 0;
  #voice = false;

  constructor(sampleRateHz: number) {
    this.#stretchSamples = Math.max(1, Math.round((sampleRateHz * stretchMs) / 1000));
    this.#bucketStretches = floorWindowMs / floorBuckets / stretchMs;
  }

  /**
   * Takes the next samples (−1 to 1).
   *
   * @returns how far into them the voice reaches, in samples; null if they hold none
   */
  push(samples: Float32Array): number | null {
    let lastVoiced: number | null = null;
    for (let i = 0; i < samples.length; i++) {
      this.#square += samples[i]! * samples[i]!;
      this.#filled++;
      if (this.#filled < this.#stretchSamples) continue;
      const power = this.#square / this.#filled;
      this.#square = 0;
      this.#filled = 0;
      if (this.#judge(power > 0 ? Math.max(silenceDb, 10 * Math.log10(power)) : silenceDb))
        lastVoiced = i + 1;
    }
    return lastVoiced;
  }

  /** @returns whether a stretch of that loudness belongs to a voice */
  #judge(db: number): boolean {
    const voiced = db > Math.max(minVoicedDb, Math.min(...this.#floors) + overFloorDb);
    this.#learn(db);
    if (!voiced) {
      this.#quietMs += stretchMs;
      if (this.#quietMs > maxDipMs) {
        this.#voice = false;
        this.#voicedMs = 0;
      }
      return false;
    }
    this.#quietMs = 0;
    this.#voicedMs += stretchMs;
    this.#voice ||= this.#voicedMs >= minVoiceMs;
    return this.#voice;
  }

  #learn(db: number): void {
    const newest = this.#floors.length - 1;
    this.#floors[newest] = this.#bucketFilled === 0 ? db : Math.min(this.#floors[newest]!, db);
    this.#bucketFilled++;
    if (this.#bucketFilled < this.#bucketStretches) return;
    this.#bucketFilled = 0;
    this.#floors.push(db);
    if (this.#floors.length > floorBuckets) this.#floors.shift();
  }
}
