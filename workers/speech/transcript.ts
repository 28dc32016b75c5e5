/** What a recogniser wrote, made a transcript: Whisper's inventions go, and so does what can't have been said. */

/** A run of up to that many words is looked at for repetition. */
const MAX_LOOP_WORDS = 12;
/** So often in a row is a loop; a single word may be repeated more often in earnest ("no no no no"). */
const LOOP_REPEATS = 3;
const LOOP_REPEATS_ONE_WORD = 5;
/** A text that is nothing but a loop of that many turns was never said. */
const NONSENSE_REPEATS = 6;

/** Faster than anybody speaks: letters a second of sound. */
const MAX_LETTERS_PER_SECOND = 32;
/** Faster than people say the same thing twice. */
const MAX_LETTERS_PER_SECOND_TWICE = 22;
/** Sound shorter than that is a click. */
const MIN_SPEECH_MS = 60;
/** Under that level (dBFS, RMS of the loudest 20 ms) it is no speech into a microphone. */
const MIN_SPEECH_DB = -55;
const FRAME_MS = 20;
const SAMPLE_RATE_HZ = 16000;
/** What Whisper writes when it hears nothing, and what people rarely say so shortly or so softly. */
const inventions = new Set(
  [
    "thank you",
    "thanks",
    "thanks for watching",
    "thank you for watching",
    "you",
    "bye",
    "bye bye",
    "the",
    "so",
    "oh",
  ].concat(["i", "uh", "um", "hmm", "mm", "please subscribe", "the end", "i'm sorry", "silence"]),
);
const MIN_INVENTION_MS = 260;
const MIN_INVENTION_DB = -45;

const key = (word: string) => word.toLowerCase().replace(/[^\p{L}\p{N}']/gu, "");

/** Length of the repetition that begins at `at`: words of one turn and how many turns. */
function loopAt(keys: string[], at: number): { words: number; turns: number } | null {
  for (let words = 1; words <= MAX_LOOP_WORDS && at + 2 * words <= keys.length; words++) {
    let turns = 1;
    const repeats = (turn: number) => {
      const from = at + turn * words;
      if (from + words > keys.length) return false;
      for (let i = 0; i < words; i++) if (keys[from + i] !== keys[at + i]) return false;
      return true;
    };
    while (repeats(turns)) turns++;
    if (turns >= (words === 1 ? LOOP_REPEATS_ONE_WORD : LOOP_REPEATS)) return { words, turns };
  }
  return null;
}

/**
 * Removes what is no transcript: remarks in brackets, parentheses or asterisks, musical notes, loops.
 *
 * @returns the words, one blank between; "" if nothing is left
 */
export function cleanTranscript(raw: string): string {
  const bare = raw
    .replace(/\[[^\]]*(\]|$)/g, " ")
    .replace(/\([^)]*(\)|$)/g, " ")
    .replace(/\*[^*]*\*/g, " ")
    .replace(/<\|[^|]*\|>/g, " ")
    .replace(/[♪♫]+/gu, " ");
  const words = bare.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const keys = words.map(key);
  const kept: string[] = [];
  for (let at = 0; at < words.length; ) {
    const loop = loopAt(keys, at);
    if (!loop) {
      kept.push(words[at++]!);
      continue;
    }
    const length = loop.words * loop.turns;
    const isAll = length >= words.length - loop.words;
    if (!(isAll && loop.turns >= NONSENSE_REPEATS)) kept.push(...words.slice(at, at + loop.words));
    at += length;
    // The last turn is often cut off in the middle.
    let cut = 0;
    while (cut < loop.words && keys[at + cut] !== undefined && keys[at + cut] === keys[at - length + cut])
      cut++;
    if (at + cut === words.length) at += cut;
  }
  return kept.join(" ");
}

/** How much sound there is in 16 kHz audio. */
export interface SoundMeasure {
  /** Level of the loudest 20 ms, dBFS. */
  peakDb: number;
  /** Time within 30 dB of the loudest, and above what is never speech. */
  activeMs: number;
  /** First and one past the last sample of that; 0 and 0 if there is none. */
  fromSample: number;
  untilSample: number;
}

/** Level of a stretch of samples in dBFS; -100 at least. */
function levelDb(pcm: Int16Array, from: number, until: number): number {
  let sum = 0;
  for (let i = from; i < until; i++) sum += pcm[i]! ** 2;
  return Math.max(-100, 10 * Math.log10(sum / Math.max(1, until - from) / 32768 ** 2 + 1e-10));
}

/** Measures where the sound is. */
export function measureSound(pcm: Int16Array): SoundMeasure {
  const frame = (FRAME_MS * SAMPLE_RATE_HZ) / 1000;
  const levels: number[] = [];
  for (let at = 0; at < pcm.length; at += frame)
    levels.push(levelDb(pcm, at, Math.min(pcm.length, at + frame)));
  const peakDb = levels.reduce((peak, level) => Math.max(peak, level), -100);
  const floorDb = Math.max(peakDb - 30, MIN_SPEECH_DB);
  const first = levels.findIndex((level) => level >= floorDb);
  if (first < 0) return { peakDb, activeMs: 0, fromSample: 0, untilSample: 0 };
  const last = levels.findLastIndex((level) => level >= floorDb);
  return {
    peakDb,
    activeMs: levels.filter((level) => level >= floorDb).length * FRAME_MS,
    fromSample: first * frame,
    untilSample: Math.min(pcm.length, (last + 1) * frame),
  };
}

/** Whether there is anything to transcribe at all. */
export function mayBeSpeech({ peakDb, activeMs }: SoundMeasure): boolean {
  return peakDb >= MIN_SPEECH_DB && activeMs >= MIN_SPEECH_MS;
}

const countLetters = (text: string) => text.replace(/[^\p{L}\p{N}]/gu, "").length;

/** Whisper writes a short question twice now and then: once, where the sound is too short for two. */
function onceOf(text: string, { activeMs }: SoundMeasure): string {
  const words = text.split(" ");
  const half = words.length / 2;
  const [first, second] = [words.slice(0, half), words.slice(half)];
  const isTwice = half >= 2 && first.map(key).join(" ") === second.map(key).join(" ");
  if (!isTwice || countLetters(text) <= (MAX_LETTERS_PER_SECOND_TWICE * activeMs) / 1000) return text;
  return second.join(" ");
}

/**
 * The cleaned text, or "" if it can't have been said in that sound: too many letters for its length, or one of
 * Whisper's usual inventions on something very short or very soft. What was written twice and said once stands there once.
 */
export function judgeTranscript(text: string, sound: SoundMeasure): string {
  const clean = onceOf(cleanTranscript(text), sound);
  const letters = countLetters(clean);
  if (letters > (MAX_LETTERS_PER_SECOND * sound.activeMs) / 1000 + 2) return "";
  const isShort = sound.activeMs < MIN_INVENTION_MS || sound.peakDb < MIN_INVENTION_DB;
  if (
    isShort &&
    inventions.has(
      clean
        .toLowerCase()
        .replace(/[^\p{L}' ]/gu, "")
        .trim(),
    )
  )
    return "";
  return clean;
}
