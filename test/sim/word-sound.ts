/**
 * Words as sounds that can be read back exactly: every word of the simulation has a number, and its sound repeats that
 * number in the signs of its samples, whatever gain or short fade it went through.
 */

/** Rate of all audio here. */
export const soundRateHz = 16_000;
/** Samples of one repetition. */
const frameSamples = 32;
const level = 6_000;
const bits = 14;
/** Runs of `+` this long occur only at the start of a repetition. */
const headSamples = 10;
/** A word is heard by so many repetitions; fewer are the torn edge of one (where a voice broke off, or silence fell in). */
const repetitionsMin = 2;
/** Not read after a repetition that was; a word holds many. */
const skippedSamples = 4 * frameSamples;
/** What a sound reads as that was none of ours: kept sentences. */
export const otherWord = 0;

const syllables =
  "ba be bi bo bu da de di do du fa fe fi fo fu ka ke ki ko ku la le li lo lu ma me mi mo mu".split(" ");
export const wordsMax = syllables.length ** 2;

/** The word with this number, 1 to `wordsMax`. */
export function wordOf(number: number): string {
  const index = number - 1;
  return `${syllables[Math.floor(index / syllables.length)]}${syllables[index % syllables.length]}`;
}

const numbers = new Map(Array.from({ length: wordsMax }, (_, index) => [wordOf(index + 1), index + 1]));

/** The number of a word as it was written, whatever marks stand around it; `otherWord` for one that is none of ours. */
export function numberOf(word: string): number {
  return numbers.get(word.toLowerCase().replace(/[^a-z]/g, "")) ?? otherWord;
}

const frames = new Map<number, Int16Array>();

function frameOf(number: number): Int16Array {
  let frame = frames.get(number);
  if (frame === undefined) {
    frame = new Int16Array(frameSamples).fill(-level);
    frame.fill(level, 0, headSamples);
    let at = headSamples + 1;
    for (let bit = 0; bit < bits; bit++) {
      if (bit > 0 && bit % 4 === 0) at += 1;
      if ((number >> bit) & 1) frame[at] = level;
      at += 1;
    }
    frames.set(number, frame);
  }
  return frame;
}

/** Sounds made so far: as many as there are words and lengths of words (three voices, one rate). */
const sounds = new Map<string, Int16Array>();
const soundsMax = 4 * wordsMax;

/** The sound of a word: `samples` long, its last `pauseSamples` silent. Shared: not to be changed. */
export function soundOf(number: number, samples: number, pauseSamples: number): Int16Array {
  const key = `${number}:${samples}`;
  let sound = sounds.get(key);
  if (sound === undefined) {
    sound = new Int16Array(samples);
    const frame = frameOf(number);
    const voiced = Math.floor((samples - pauseSamples) / frameSamples);
    for (let index = 0; index < voiced; index++) sound.set(frame, index * frameSamples);
    if (sounds.size < soundsMax) sounds.set(key, sound);
  }
  return sound;
}

/** A word as it sounded; places from the start of all that was read. */
export interface HeardWord {
  number: number;
  repetitions: number;
  fromSample: number;
  untilSample: number;
}

/** Silence in the middle of a word is no second word. */
const tornSamplesMax = 40_000;
/** No word sounds for so long (400 ms; the longest takes 270): what goes on is the same word said again. */
const soundedSamplesMax = 6_400;

/** Reads sounds back as they come in, in pieces of any size. */
export class WordReader {
  #run = 0;
  #at = -1;
  #number = 0;
  readonly #runs: HeardWord[] = [];
  #sample = 0;
  /** One repetition was read: the next few need not be. */
  #skip = 0;

  push(pcm: Int16Array): void {
    for (let index = 0; index < pcm.length; index++) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, pcm.length - index);
        this.#skip -= skipped;
        this.#sample += skipped;
        index += skipped - 1;
      } else this.#take(pcm[index]! > 0);
    }
  }

  #take(positive: boolean): void {
    this.#sample += 1;
    if (positive) this.#run += 1;
    else {
      if (this.#run === headSamples) {
        this.#at = 0;
        this.#number = 0;
        this.#run = 0;
        return;
      }
      this.#run = 0;
    }
    if (this.#at < 0) return;
    // After every four bits stands a `-`.
    const place = this.#at % 5;
    if (place < 4) {
      const bit = Math.floor(this.#at / 5) * 4 + place;
      if (positive) this.#number |= 1 << bit;
      if (bit === bits - 1) {
        this.#note(this.#number);
        this.#at = -1;
        return;
      }
    } else if (positive) {
      this.#at = -1;
      return;
    }
    this.#at += 1;
  }

  /** Words in the order of their sounding. */
  get heard(): HeardWord[] {
    const words: HeardWord[] = [];
    let soundedSamples = 0;
    for (const run of this.#runs) {
      if (run.repetitions < repetitionsMin) continue;
      const last = words.at(-1);
      const runSamples = run.untilSample - run.fromSample;
      soundedSamples += runSamples;
      const isTorn = last?.number === run.number && run.fromSample - last.untilSample < tornSamplesMax;
      if (isTorn && soundedSamples < soundedSamplesMax) last.untilSample = run.untilSample;
      else {
        words.push({ ...run });
        soundedSamples = runSamples;
      }
    }
    return words;
  }

  /** Whether any word was heard yet. */
  get anything(): boolean {
    return this.#runs.some(({ repetitions }) => repetitions >= repetitionsMin);
  }

  #note(number: number): void {
    const last = this.#runs.at(-1);
    const untilSample = this.#sample;
    this.#skip = skippedSamples;
    const goesOn = last?.number === number && untilSample - last.untilSample < 2 * skippedSamples;
    if (goesOn && untilSample - last.fromSample < soundedSamplesMax) {
      last.repetitions += 1;
      last.untilSample = untilSample;
    } else this.#runs.push({ number, repetitions: 1, fromSample: untilSample - frameSamples, untilSample });
  }
}
