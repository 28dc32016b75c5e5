/** A band from a seed: four chords, a bass, a melody with vibrato and drums. What a detector of voices finds hardest beside voices. */
import type { SeededRandom } from "../../support/random.ts";
import { rateHz } from "./voices.ts";

const slowestBeatsPerMinute = 92;
const fastestBeatsPerMinute = 132;
const beatsPerChord = 4;
/** Roots of the chords in semitones above the key, and whether they are minor. */
const progressions = [
  [
    [0, false],
    [7, false],
    [9, true],
    [5, false],
  ],
  [
    [9, true],
    [5, false],
    [0, false],
    [7, false],
  ],
  [
    [2, true],
    [7, false],
    [0, false],
    [9, true],
  ],
] as const;
const majorScale = [0, 2, 4, 5, 7, 9, 11] as const;
const lowestKeyHz = 110;
const harmonics = 8;
const vibratoHz = 5.5;
const vibratoRatio = 0.006;

interface Note {
  hz: number;
  from: number;
  until: number;
  level: number;
  /** A sung or bowed note wavers and swells; a struck one dies away. */
  isHeld: boolean;
}

/** Samples at 16 kHz, of any level. */
export function makeMusic(length: number, random: SeededRandom): Float64Array {
  const music = new Float64Array(length);
  const perMinute = slowestBeatsPerMinute + (fastestBeatsPerMinute - slowestBeatsPerMinute) * random.next();
  const beat = Math.round((60 / perMinute) * rateHz);
  const keyHz = lowestKeyHz * 2 ** (random.below(12) / 12);
  const chords = progressions[random.below(progressions.length)]!;
  // It is on already when the recording begins.
  const first = random.below(4 * beatsPerChord);
  for (let index = 0; index * beat < length; index++) {
    const from = index * beat;
    const inSong = first + index;
    const [root, isMinor] = chords[Math.floor(inSong / beatsPerChord) % chords.length]!;
    const noteAt = (semitones: number, beats: number, level: number, isHeld = false): Note => ({
      ...{ hz: keyHz * 2 ** (semitones / 12), from, until: from + Math.round(beats * beat), level, isHeld },
    });
    addNote(music, noteAt(root - 12, 1, 0.6));
    if (inSong % 2 === 0) {
      for (const step of [0, isMinor ? 3 : 4, 7]) addNote(music, noteAt(root + step, 2, 0.25));
    }
    if (random.next() < 0.7) {
      const step = majorScale[random.below(majorScale.length)]!;
      addNote(music, noteAt(12 + step, random.next() < 0.5 ? 1 : 2, 0.4, true));
    }
    addDrum(music, from, inSong % 2 === 0 ? "kick" : "snare", random);
    addDrum(music, from + Math.round(beat / 2), "hat", random);
  }
  return music;
}

function addNote(music: Float64Array, { hz, from, until, level, isHeld }: Note): void {
  const end = Math.min(until, music.length);
  let phase = 0;
  for (let at = from; at < end; at++) {
    const seconds = (at - from) / rateHz;
    const wavering = isHeld ? 1 + vibratoRatio * Math.sin(2 * Math.PI * vibratoHz * seconds) : 1;
    phase += (2 * Math.PI * hz * wavering) / rateHz;
    const left = (until - at) / (until - from);
    const envelope = isHeld
      ? Math.min(1, 12 * seconds, 8 * left)
      : Math.exp(-3 * seconds) * Math.min(1, 200 * seconds);
    let sum = 0;
    for (let h = 1; h <= harmonics && h * hz < rateHz / 2; h++) sum += Math.sin(h * phase) / h;
    music[at] = music[at]! + level * envelope * sum;
  }
}

function addDrum(
  music: Float64Array,
  from: number,
  kind: "kick" | "snare" | "hat",
  random: SeededRandom,
): void {
  const decay = { kick: 18, snare: 22, hat: 70 }[kind];
  const level = { kick: 0.9, snare: 0.5, hat: 0.2 }[kind];
  const until = Math.min(music.length, from + Math.round((5 * rateHz) / decay));
  let before = 0;
  for (let at = from; at < until; at++) {
    const seconds = (at - from) / rateHz;
    const noise = 2 * random.next() - 1;
    // The hat is what is left of noise without its lows.
    const sound =
      kind === "kick"
        ? Math.sin(2 * Math.PI * (50 * seconds + 4 * (1 - Math.exp(-30 * seconds))))
        : kind === "snare"
          ? noise
          : noise - before;
    before = noise;
    music[at] = music[at]! + level * Math.exp(-decay * seconds) * sound;
  }
}
