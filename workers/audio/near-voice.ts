/**
 * Whose voice it is. Silero says that somebody speaks; a radio in the next room and a crowd are somebody, too. Tells
 * them from the talker by level: who is far below the talker is far away, and in a din without pauses only what
 * stands out of it counts. Knows the talker's level, so it also says how much a quiet one has to be amplified for
 * Silero. All of it counts windows (32 ms), never time.
 */

const windowSeconds = 0.032;
/** What is surely speech, and surely none. */
const speechRatio = 0.5;
const pauseRatio = 0.35;
/** Quieter than the talker by so much is somebody else, or nobody. */
export const farBelowDb = 15;
/** Windows that count after one that was near (384 ms): the weak sounds at a word's end. */
const heldWindows = 12;
/** Speech without a pause of two windows for so long (6 s) is a crowd. */
export const crowdWindows = 190;
const clearWindows = 2;
/** In a crowd the talker stands so far above its minimum. */
const aboveCrowdDb = 6;
/** Minima are looked for over two stretches of 1 s. */
const minimumWindows = 31;
const floorSmoothing = 0.6;
/** Of the probability, what is left where somebody else seems to speak: under every usual threshold, and still no certainty. */
const othersShare = 0.1;

/** The talker's level follows louder speech with that share of the distance a window, quieter speech slowly. */
const levelRise = 0.15;
const levelFall = 0.01;
const mostRiseDb = 20;
/** Speech further below says nothing of the talker's level. */
const weakBelowDb = 10;
/** While only far voices are heard the level sinks: the talker may have moved. */
const forgettingDbPerSecond = 3;
/** Speech counts for the level where it stands so far out of the noise … */
const aboveFloorDb = 6;
/** … and has gone on for so many windows. */
const steadyWindows = 4;
/** Windows of such speech until the level is believed (0.5 s). */
const knownWindows = 16;

/** Silero misses more of quieter talkers; brought up further, they cost more false alarms than they save. */
export const wantedLevelDb = -39;
export const mostGainDb = 24;
const gainRiseDbPerSecond = 3;
const gainFallDbPerSecond = 12;

const lowestDb = -90;

/** One channel's talker. */
export class NearVoice {
  private level = lowestDb;
  private learned = 0;
  private steady = 0;
  private held = 0;
  private unbroken = 0;
  private pauses = 0;
  private smoothed = lowestDb;
  private minimum = lowestDb;
  private nextMinimum = lowestDb;
  private age = -1;
  /** Amplification for Silero, 0 to `mostGainDb`. */
  gainDb = 0;

  /** The talker's level in dBFS while speaking; null before half a second was heard. */
  get levelDb(): number | null {
    return this.learned >= knownWindows ? this.level : null;
  }

  /** Goes on with what another thread had learned. */
  restore(levelDb: number, gainDb: number): void {
    this.level = levelDb;
    this.gainDb = gainDb;
    this.learned = knownWindows;
  }

  /** Whether a window of the last ones may be the talker's, by its level; learns nothing. */
  mayBeNear(energyDb: number): boolean {
    return this.held > 0 || energyDb >= this.level - farBelowDb;
  }

  /**
   * Takes a window.
   *
   * @param ratio - Silero's probability (0 where it rested)
   * @param energyDb - the window's level in dBFS
   * @returns the probability that the talker speaks: `ratio`, or a tenth of it where it's somebody else
   */
  push(ratio: number, energyDb: number): number {
    const floor = this.trackFloor(energyDb);
    this.pauses = ratio < pauseRatio ? this.pauses + 1 : 0;
    this.unbroken = this.pauses >= clearWindows ? 0 : this.unbroken + 1;
    const isSpeech = ratio >= speechRatio;
    let isNear = energyDb >= this.level - farBelowDb;
    if (this.unbroken > crowdWindows && energyDb < floor + aboveCrowdDb) isNear = false;
    if (isNear && isSpeech) this.held = heldWindows;
    else if (this.held > 0) {
      this.held -= 1;
      isNear = true;
    }
    this.steady = isNear && isSpeech ? this.steady + 1 : 0;
    if (isSpeech) this.learn(energyDb, isNear, energyDb > floor + aboveFloorDb);
    this.moveGain();
    return isNear ? ratio : ratio * othersShare;
  }

  private learn(energyDb: number, isNear: boolean, standsOut: boolean): void {
    if (!isNear) {
      this.level = Math.max(lowestDb, this.level - forgettingDbPerSecond * windowSeconds);
      return;
    }
    if (!standsOut || this.steady < steadyWindows) return;
    const distance = energyDb - this.level;
    if (distance > 0) this.level += levelRise * Math.min(mostRiseDb, distance);
    else if (distance > -weakBelowDb) this.level += levelFall * distance;
    else return;
    this.learned = Math.min(knownWindows, this.learned + 1);
  }

  private moveGain(): void {
    if (this.learned < knownWindows) return;
    const wanted = Math.max(0, Math.min(mostGainDb, wantedLevelDb - this.level));
    const rise = Math.min(wanted - this.gainDb, gainRiseDbPerSecond * windowSeconds);
    this.gainDb += Math.max(rise, -gainFallDbPerSecond * windowSeconds);
  }

  private trackFloor(energyDb: number): number {
    const isFirst = this.age < 0;
    this.smoothed = isFirst ? energyDb : floorSmoothing * this.smoothed + (1 - floorSmoothing) * energyDb;
    if (isFirst || this.age >= minimumWindows) {
      this.minimum = isFirst ? this.smoothed : this.nextMinimum;
      this.nextMinimum = this.smoothed;
      this.age = 0;
    }
    this.age += 1;
    if (this.smoothed < this.nextMinimum) this.nextMinimum = this.smoothed;
    return Math.min(this.minimum, this.nextMinimum);
  }
}
