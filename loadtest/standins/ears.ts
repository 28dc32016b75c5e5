/**
 * Knows by the sound which of the harness's own utterances is said: frames that look alike vote for an utterance and its
 * place, the places with most votes are compared bit by bit. What resembles none of them is not heard.
 */
import {
  countBits,
  type Fingerprint,
  frameSamples,
  hopSamples,
  padSamples,
  takeFingerprint,
} from "./fingerprint.ts";
import { PlaceIndex } from "./place-index.ts";

/** An utterance that can be recognised. */
export interface KnownUtterance {
  text: string;
  /** Mono int16, 16 kHz. */
  pcm: Int16Array;
  /** Where each word begins; estimated by the words' lengths when absent. */
  words?: readonly { text: string; fromSample: number }[];
}

export interface Heard {
  text: string;
  words: { text: string; endSample: number }[];
}

/** Utterances that can be known at a time. */
export const maxUtterances = 2000;
/** Longest utterance. */
export const maxUtteranceSamples = 30 * 16_000;
/** Longest audio that is listened to at once; of more, the end counts. */
export const maxHeardSamples = 120 * 16_000;

/** Places that are compared for a buffer. */
const maxPlaces = 48;
/** Frames of sound that a match must have: 250 ms. */
const minMatchedFrames = 25;
/** Share of certain bits that may differ over a match. In unlike speech of one voice 0.3 to 0.5 do, in short pieces of it less. */
const maxDifferentRatio = 0.24;
/** The same for matches of under a second, which must be surer. */
const maxShortDifferentRatio = 0.14;
const shortFrames = 100;
/** Share that may differ at a match's ends and over one of its words: there it holds or it does not. */
const maxEndDifferentRatio = 0.28;
const endFrames = 12;
/** Under that many frames a match must reach as far as utterance and audio allow: a word that sounds alike doesn't. */
const looseFrames = 60;
const maxLooseEndFrames = 12;
/** A word counts as heard with that share of it in the match. */
const heardWordRatio = 0.7;

interface Known {
  text: string;
  words: { text: string; fromSample: number; untilSample: number }[];
  print: Fingerprint;
}

/** One utterance at one place: frame f of it is frame f + `shift` of the audio. */
interface Match {
  known: Known;
  shift: number;
  from: number;
  until: number;
  frames: number;
  differentRatio: number;
}

export class Ears {
  readonly #known: Known[] = [];
  readonly #keys = new Set<string>();
  readonly #places = new PlaceIndex();

  /** How many utterances are known. */
  get size(): number {
    return this.#known.length;
  }

  /**
   * Learns an utterance. The same text with as many samples is known already.
   *
   * @throws {RangeError} when there are too many, or it is too long or without sound
   */
  register(utterance: KnownUtterance): void {
    const { text, pcm } = utterance;
    const key = `${pcm.length} ${text}`;
    if (this.#keys.has(key)) return;
    if (this.#known.length >= maxUtterances) throw new RangeError("too many utterances are known");
    if (pcm.length > maxUtteranceSamples) throw new RangeError("an utterance is at most 30 s long");
    const print = takeFingerprint(pcm);
    const sounding = print.sounding.reduce((sum, one) => sum + one, 0);
    if (sounding < minMatchedFrames)
      throw new RangeError("an utterance needs a quarter of a second of sound");
    this.#keys.add(key);
    this.#known.push({ text, words: placeWords(utterance, print.sounding), print });
    this.#places.add(print);
  }

  clear(): void {
    this.#known.length = 0;
    this.#keys.clear();
    this.#places.clear();
  }

  /** Says what is said in 16 kHz audio; "" when it is none of the known utterances. */
  hear(pcm: Int16Array): Heard {
    const skipped = Math.max(0, pcm.length - maxHeardSamples);
    const print = takeFingerprint(skipped > 0 ? pcm.subarray(skipped) : pcm);
    const words: Heard["words"] = [];
    for (const match of this.#choose(print)) {
      for (const word of wordsIn(match, print)) words.push({ ...word, endSample: word.endSample + skipped });
    }
    return { text: words.map((word) => word.text).join(" "), words };
  }

  /** Matches that don't overlap, the surest first chosen, in the order of the audio. */
  #choose(print: Fingerprint): Match[] {
    const matches: Match[] = [];
    for (const { index, shift } of this.#places.vote(print, maxPlaces)) {
      const match = compare(this.#known[index]!, print, shift);
      if (match !== null) matches.push(match);
    }
    matches.sort((a, b) => scoreOf(b) - scoreOf(a));
    const chosen: Match[] = [];
    for (const match of matches) {
      if (chosen.every((one) => match.from >= one.until || match.until <= one.from)) chosen.push(match);
    }
    return chosen.sort((a, b) => a.from - b.from);
  }
}

/** Long and alike is better than short or doubtful. */
function scoreOf({ frames, differentRatio }: Match): number {
  return frames * (0.5 - differentRatio);
}

/** How an utterance fits at one place; null when it doesn't. */
function compare(known: Known, print: Fingerprint, shift: number): Match | null {
  const least = Math.max(0, -shift);
  const most = Math.min(known.print.bits.length, print.bits.length - shift);
  let from = least;
  let until = most;
  // What is cut off or followed by something else does not fit at the end: shorten until it does.
  while (until - from > minMatchedFrames && !fits(known, print, shift, until - endFrames, until)) until -= 2;
  while (until - from > minMatchedFrames && !fits(known, print, shift, from, from + endFrames)) from += 2;
  const { frames, ratio } = differ(known, print, shift, from, until);
  const short = frames < shortFrames;
  if (frames < minMatchedFrames || ratio > (short ? maxShortDifferentRatio : maxDifferentRatio)) return null;
  const { sounding } = known.print;
  const loose = countSounding(sounding, least, from) + countSounding(sounding, until, most);
  if (frames < looseFrames && loose > maxLooseEndFrames) return null;
  return { known, shift, from: from + shift, until: until + shift, frames, differentRatio: ratio };
}

function fits(known: Known, print: Fingerprint, shift: number, from: number, until: number): boolean {
  const { frames, ratio } = differ(known, print, shift, from, until);
  return frames < 4 || ratio <= maxEndDifferentRatio;
}

/**
 * Share of the utterance's certain bits that differ in its frames `from` to `until`. Where it is silent, the audio may
 * hold what it likes; where the audio is silent and the utterance is not, half of the bits count as different.
 */
function differ(
  known: Known,
  print: Fingerprint,
  shift: number,
  from: number,
  until: number,
): { frames: number; ratio: number } {
  let different = 0;
  let bits = 0;
  let frames = 0;
  for (let frame = Math.max(0, from); frame < until; frame++) {
    if (known.print.sounding[frame] !== 1) continue;
    frames++;
    const certain = known.print.certain[frame]!;
    const count = countBits(certain);
    bits += count;
    different +=
      print.sounding[frame + shift] === 1
        ? countBits((known.print.bits[frame]! ^ print.bits[frame + shift]!) & certain)
        : count / 2;
  }
  return { frames, ratio: bits === 0 ? 1 : different / bits };
}

/** The words that a match really holds. */
function wordsIn(match: Match, print: Fingerprint): Heard["words"] {
  const heard: Heard["words"] = [];
  const offset = match.shift * hopSamples;
  const until = match.until * hopSamples;
  for (const word of match.known.words) {
    const { sounding } = match.known.print;
    const first = frameAt(word.fromSample);
    const last = frameAt(word.untilSample);
    const whole = countSounding(sounding, first, last);
    const inside = countSounding(
      sounding,
      Math.max(first, match.from - match.shift),
      Math.min(last, match.until - match.shift),
    );
    if (inside === 0 || inside < heardWordRatio * whole) continue;
    if (!fits(match.known, print, match.shift, first, last)) continue;
    heard.push({ text: word.text, endSample: Math.max(0, Math.min(word.untilSample + offset, until)) });
  }
  return heard;
}

/** The frame whose middle is nearest. */
function frameAt(sample: number): number {
  return Math.max(0, Math.round((sample + padSamples - frameSamples / 2) / hopSamples));
}

function countSounding(sounding: Uint8Array, from: number, until: number): number {
  let count = 0;
  for (let frame = from; frame < until; frame++) count += sounding[frame] ?? 0;
  return count;
}

function placeWords({ text, pcm, words }: KnownUtterance, sounding: Uint8Array): Known["words"] {
  const tokens = words ?? estimateWords(text, pcm.length);
  return tokens.map(({ text: word, fromSample }, index) => {
    const next = Math.max(fromSample, tokens[index + 1]?.fromSample ?? pcm.length);
    return { text: word, fromSample, untilSample: soundsUntil(sounding, fromSample, next) };
  });
}

/** The end of what sounds between two samples: a pause after a word is no part of it. */
function soundsUntil(sounding: Uint8Array, from: number, until: number): number {
  for (let frame = frameAt(until); frame > frameAt(from); frame--) {
    if (sounding[frame] !== 1) continue;
    const middle = frame * hopSamples - padSamples + frameSamples / 2;
    return Math.max(from, Math.min(until, middle + hopSamples / 2));
  }
  return until;
}

function estimateWords(text: string, samples: number): { text: string; fromSample: number }[] {
  const tokens = text.trim().split(/\s+/);
  const total = tokens.reduce((sum, token) => sum + token.length + 1, 0);
  let before = 0;
  return tokens.map((token) => {
    const fromSample = Math.round((samples * before) / total);
    before += token.length + 1;
    return { text: token, fromSample };
  });
}
