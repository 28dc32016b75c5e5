/** A text as a stream of spoken pieces: cut at clauses so that the first one sounds soon, silences as people leave them. */
import { type Flite, type FliteVoice, toAscii } from "./flite.ts";
import { createResampler } from "./resample.ts";
import { makeSpeakable, type SpokenWord } from "./speakable.ts";

/** A piece of speech; `words` count samples from the utterance's start, at the rate asked for. */
export interface SpokenPiece {
  pcm: Int16Array;
  words: { text: string; fromSample: number }[];
}

export interface UtteranceOptions {
  voice: FliteVoice;
  /** 1 is normal. */
  speedRatio: number;
  sampleRateHz: number;
}

/** Texts up to that are spoken in one go: 30 ms of work. */
const WHOLE_WORDS = 8;
const MIN_FIRST_WORDS = 3;
const MIN_PIECE_WORDS = 6;
/** Cut even without punctuation. */
const MAX_PIECE_WORDS = 40;
const LEAD_MS = 20;
const CLAUSE_PAUSE_MS = 130;
const SENTENCE_PAUSE_MS = 200;
/** Below that part of the loudest sample it counts as silence. */
const SILENCE_RATIO = 0.015;

const endsSentence = (word: SpokenWord) => /[.!?]$/.test(word.spoken);
const endsClause = (word: SpokenWord) => /[,;:]$/.test(word.spoken);

/** Cuts words into pieces: at sentence ends always, at clause ends where both sides are long enough. */
export function cutPieces(words: SpokenWord[]): SpokenWord[][] {
  const pieces: SpokenWord[][] = [];
  let open: SpokenWord[] = [];
  const isLong = words.length > WHOLE_WORDS;
  words.forEach((word, index) => {
    open.push(word);
    const left = words.length - index - 1;
    if (left === 0) return;
    const enough = open.length >= (pieces.length === 0 ? MIN_FIRST_WORDS : MIN_PIECE_WORDS);
    const atClause = isLong && enough && left >= MIN_FIRST_WORDS && endsClause(word);
    if (endsSentence(word) || atClause || open.length >= MAX_PIECE_WORDS) {
      pieces.push(open);
      open = [];
    }
  });
  if (open.length > 0) pieces.push(open);
  return pieces;
}

/** First and last sample that are more than silence; null if none is. */
export function soundOf(pcm: Int16Array): { first: number; last: number } | null {
  let peak = 0;
  for (const sample of pcm) peak = Math.max(peak, Math.abs(sample));
  const floor = Math.max(1, peak * SILENCE_RATIO);
  const first = pcm.findIndex((sample) => Math.abs(sample) > floor);
  return first < 0 ? null : { first, last: pcm.findLastIndex((sample) => Math.abs(sample) > floor) };
}

function speakPiece(flite: Flite, piece: SpokenWord[], { voice, speedRatio }: UtteranceOptions) {
  const said = piece
    .map((word) => toAscii(word.spoken).trim())
    .map((spoken) => spoken.split(/\s+/).filter(Boolean));
  const speech = flite.speak(said.flat().join(" "), voice, { speedRatio });
  const sound = soundOf(speech.pcm);
  if (!sound) return null;
  const rate = speech.sampleRateHz;
  const from = Math.max(0, sound.first - Math.round((LEAD_MS * rate) / 1000));
  const pauseMs = endsSentence(piece.at(-1)!) ? SENTENCE_PAUSE_MS : CLAUSE_PAUSE_MS;
  const wanted = sound.last + 1 + Math.round((pauseMs * rate) / 1000 / speedRatio);
  const pcm = new Int16Array(wanted - from);
  pcm.set(speech.pcm.subarray(from, Math.min(wanted, speech.pcm.length)));
  let token = 0;
  const words = piece.map((word, index) => {
    const start = speech.words[Math.min(token, speech.words.length - 1)]?.fromSample ?? from;
    token += said[index]!.length;
    return { text: word.shown, fromSample: Math.max(0, start - from) };
  });
  return { pcm, rate, words };
}

/**
 * Speaks a text piece by piece, each made when it is asked for.
 *
 * @throws RangeError as `Flite.speak`
 */
export function* createUtterance(
  flite: Flite,
  text: string,
  options: UtteranceOptions,
): Generator<SpokenPiece> {
  const pieces = cutPieces(makeSpeakable(text));
  let resampler: ReturnType<typeof createResampler> | null = null;
  let ratio = 1;
  let madeSamples = 0; // at the voice's rate
  for (const [index, piece] of pieces.entries()) {
    const spoken = speakPiece(flite, piece, options);
    if (spoken) {
      resampler ??= createResampler(spoken.rate, options.sampleRateHz);
      ratio = options.sampleRateHz / spoken.rate;
    }
    const parts = [spoken && resampler ? resampler.push(spoken.pcm) : new Int16Array(0)];
    if (index === pieces.length - 1 && resampler) parts.push(resampler.flush());
    const pcm = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
    parts.reduce((at, part) => {
      pcm.set(part, at);
      return at + part.length;
    }, 0);
    const words = spoken ? spoken.words : piece.map((word) => ({ text: word.shown, fromSample: 0 }));
    yield {
      pcm,
      words: words.map((word) => ({
        ...word,
        fromSample: Math.round((madeSamples + word.fromSample) * ratio),
      })),
    };
    madeSamples += spoken?.pcm.length ?? 0;
  }
}
