/** Which words were heard: of every source that was found in the audio, those of whose sound enough is there. */
import { blockSamples, type Source, type Stretch, soundingBlocks } from "./speech-waveform.ts";

/** A word in what the caller received. Samples at 16 kHz. */
export interface HeardWord {
  text: string;
  /** Who spoke it. */
  voice: string;
  /** Where its sound begins and ends in the audio. */
  atSample: number;
  untilSample: number;
}

export interface HeardSpeech {
  words: HeardWord[];
  /** Words of which only a part was to be heard. */
  fragments: HeardWord[];
}

/** A word is heard with that share of its sound, and a fragment with this. */
const heardRatio = 0.6;
const fragmentRatio = 0.2;
/** Of less than that (blocks of 10 ms) no word is made at a stretch's end: of a voice that was cut off, the last word may have hardly begun. */
const shortestWordBlocks = 5;

/** A word that a stretch ended in. */
interface Broken {
  text: string;
  voice: string;
  share: number;
  /** Samples from the word's beginning to where the stretch ended. */
  reached: number;
}

/** The words of all stretches in the audio's order. */
export function wordsHeard(sources: readonly Source[], stretches: readonly Stretch[]): HeardSpeech {
  const words: HeardWord[] = [];
  const fragments: HeardWord[] = [];
  const soundings = sources.map((source) => soundingBlocks(source.pcm));
  // What an earlier stretch of the same source gave of a word that was broken off in it.
  const begun = new Map<string, number>();
  const lastOf = new Map<number, Stretch>();
  let broken: Broken | null = null;
  for (const stretch of stretches) {
    const source = sources[stretch.source]!;
    const sounding = soundings[stretch.source]!;
    const last = lastOf.get(stretch.source);
    lastOf.set(stretch.source, stretch);
    const ahead: Broken | null = broken;
    broken = null;
    for (const [index, word] of source.words.entries()) {
      const from = Math.floor(word.fromSample / blockSamples);
      const until = Math.ceil((source.words[index + 1]?.fromSample ?? source.pcm.length) / blockSamples);
      const share = shareOf(sounding, stretch, from, until);
      const key = `${stretch.source} ${index}`;
      const carried = share > 0 && goesOn(ahead, source.voice, word, stretch) ? ahead!.share : 0;
      // The rest of it is no word of its own.
      if (carried >= heardRatio) continue;
      const before = Math.max(carried, begun.get(key) ?? 0);
      const cut = last === undefined ? 0 : cutShareOf(sounding, last, stretch, from, until);
      // Also of a word that ends in the break.
      if (share < fragmentRatio && (cut === 0 || before === 0) && carried === 0) continue;
      const together = share + before + cut;
      const heard = together >= heardRatio;
      begun.set(key, heard ? 0 : together);
      const offset = stretch.atSample - stretch.fromSample;
      (heard ? words : fragments).push({
        text: word.text,
        voice: source.voice,
        atSample: Math.max(word.fromSample, stretch.fromSample) + offset,
        untilSample:
          Math.max(stretch.fromSample, Math.min(until * blockSamples, stretch.untilSample)) + offset,
      });
      // Its beginning is no fragment of its own any more.
      if (heard && (share < heardRatio || carried > 0)) dropLast(fragments, word.text);
      const reached = stretch.untilSample - word.fromSample;
      broken = { text: word.text, voice: source.voice, share: together, reached };
    }
  }
  return { words, fragments };
}

/**
 * Whether a stretch goes on in the word in which the one before it ended. It may be another source: answers of one voice that
 * begin alike sound alike.
 */
function goesOn(ahead: Broken | null, voice: string, word: Source["words"][number], next: Stretch): boolean {
  if (ahead === null || ahead.text !== word.text || ahead.voice !== voice) return false;
  const begins = next.fromSample - word.fromSample;
  return begins > 0 && begins >= ahead.reached - cutBlocks * blockSamples;
}

/** Which share of a word's sounding blocks the stretch holds. */
function shareOf(sounding: Uint8Array, stretch: Stretch, from: number, until: number): number {
  const first = stretch.fromSample / blockSamples;
  let [sounds, same] = [0, 0];
  for (let block = from; block < until; block++) {
    if (sounding[block] !== 1) continue;
    sounds++;
    same += stretch.same[block - first] ?? 0;
  }
  const goesPast = until < first + stretch.same.length;
  if (sounds > 0) return same / (goesPast ? sounds : Math.max(sounds, shortestWordBlocks));
  return from >= first && until <= first + stretch.same.length ? 1 : 0;
}

/** Blocks at a break can't be compared, they are half silence: that many were heard all the same, on its two sides. */
const cutBlocks = 6;

/** Which share of a word's sounding blocks a break took that only let it wait: nothing else is missing there. */
function cutShareOf(sounding: Uint8Array, last: Stretch, next: Stretch, from: number, until: number): number {
  const begin = last.untilSample / blockSamples;
  const end = next.fromSample / blockSamples;
  const waited = next.atSample - next.fromSample >= last.atSample - last.fromSample;
  if (!waited || end < begin || end - begin > cutBlocks) return 0;
  const sounds = (first: number, past: number) =>
    sounding.slice(first, Math.max(first, past)).filter((one) => one === 1).length;
  return sounds(Math.max(begin, from), Math.min(end, until)) / Math.max(1, sounds(from, until));
}

function dropLast(fragments: HeardWord[], text: string): void {
  const at = fragments.findLastIndex((fragment) => fragment.text === text);
  if (at >= 0) fragments.splice(at, 1);
}
