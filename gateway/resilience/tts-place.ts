/** Where a voice was that died, and where it is cut. */
import type { CallContext, TtsProvider, TtsRequest } from "../providers/provider.ts";
import { openScope } from "./scope.ts";
import type { ReferenceSpeech } from "./tts-alignment.ts";
import { alignSpeech } from "./tts-alignment.ts";
import { quietestAt } from "./tts-audio.ts";
import type { TtsLink } from "./tts-link.ts";
import { heldMs } from "./tts-link.ts";
import { createNamer } from "./tts-text.ts";
import { wordPaceOf } from "./voice-notes.ts";

export interface Place {
  /** Sample of the link's audio, at or after what was handed on, up to which it is heard. */
  cut: number;
  /** First word, of those that the link was asked for, that is said again or still to be said. */
  next: number;
}

/** Reads a text aloud with word times; null when that is not to be had in time. Must not reject. */
export type ReferenceReader = (
  request: TtsRequest,
  context: CallContext | undefined,
) => Promise<ReferenceSpeech | null>;

/** Nobody waits for a reading longer than this: many are asked for at once when a vendor dies under many callers. */
export const referenceMs = 1_000;
/** A reading goes on for that much longer than the voice did, whatever their paces: the rest would be made for nothing. */
const readingRatio = 2;
const readingMarginMs = 600;
/** A place is looked for in that much audio; longer speech is not laid along another. */
const alignedMaxMs = 30_000;
/** Worse fits than that say nothing. */
const costMax = 30;
/** How well the places of words are known. */
const errorMs = 50;
/** As a multiple of that: how well, at the end of what was said. */
const endDoubtRatio = 1.5;
/** So short a sound tells nothing: its word, if it was one, is said again. */
const briefMs = 150;
/** Paces of voices differ by less; what is longer is a pause. */
const slackRatio = 1.5;
/** No voice speaks its words in a smaller share of the time that they are expected to take. */
const fastestRatio = 0.7;
/** An estimate's error, as a share of the time spoken and beside that. */
const doubtRatio = 0.05;
const doubtMs = 60;

/** After the last whole word; the first one, if only that had begun, is said again. */
export function placeByMarks(link: TtsLink): Place {
  const cut = Math.max(link.handed, link.wholeWordsBefore(link.noiseFrom));
  // Marks may go on over silence: words without sound were not said.
  const begun = link.starts.findLastIndex((start) => start < Math.min(cut, link.soundUntil));
  if (begun < 0) return { cut, next: 0 };
  const after = link.starts[begun + 1];
  const whole = after !== undefined && after <= cut;
  return { cut, next: whole ? link.named[begun]! + 1 : link.named[begun]! };
}

/** By the sound of what was said: laid along another reading, else by how long its words take. */
export async function placeBySound(
  link: TtsLink,
  request: TtsRequest,
  reference: ReferenceReader | undefined,
  context: CallContext | undefined,
): Promise<Place> {
  const last = Math.max(link.handed, Math.min(link.soundUntil, link.noiseFrom, link.received));
  if (last - link.soundFrom < (briefMs * request.sampleRateHz) / 1_000) return { cut: last, next: 0 };
  const spokenMs = (last * 1_000) / request.sampleRateHz;
  const rest = request.text.slice(link.tokens[0]!.at);
  const text = rest.slice(0, lengthAround(link, spokenMs, request));
  const long = spokenMs > alignedMaxMs;
  const reading = reference === undefined || long ? null : await reference({ ...request, text }, context);
  const isWhole = text.length === rest.length;
  return (
    (reading && placeByReading(link, last, request, reading, isWhole)) ?? placeByPace(link, last, request)
  );
}

/** How many characters of the link's text can be of use to somebody who heard that much of it. */
function lengthAround(link: TtsLink, spokenMs: number, { speedRatio }: TtsRequest): number | undefined {
  let leftMs = (spokenMs * readingRatio + readingMarginMs) * speedRatio;
  const after = link.tokens.find(({ durationMs, pauseMs }) => {
    if (leftMs <= 0) return true;
    leftMs -= durationMs + pauseMs;
    return false;
  });
  return after && after.at - link.tokens[0]!.at;
}

function placeByReading(
  link: TtsLink,
  last: number,
  { sampleRateHz, speedRatio }: TtsRequest,
  reading: ReferenceSpeech,
  isWhole: boolean,
): Place | null {
  const pcm = join(link.kept, last);
  const aligned = alignSpeech(pcm, sampleRateHz, reading);
  if (aligned === null || aligned.cost > costMax) return null;
  const { starts } = aligned;
  // Words as the reading names them, as words of the text.
  const nameOf = createNamer(link.tokens);
  const named = reading.words.map(({ text }) => nameOf(text));
  if (aligned.complete && isWhole && starts.length === reading.words.length)
    return { cut: last, next: link.tokens.length };
  const samples = (ms: number) => Math.round((ms * sampleRateHz) / 1_000);
  const middles = starts.map((start, word) => {
    const longest = samples(lengthOf(reading, word) * slackRatio);
    return start + Math.min((starts[word + 1] ?? Number.POSITIVE_INFINITY) - start, longest) / 2;
  });
  const { cut, next } = chooseCut([...starts, last], middles, link.handed, last, samples(errorMs));
  const name = next < named.length ? named[next]! : link.tokens.length - 1;
  return { cut, next: Math.min(name, wordsWithin(link, cut, speedRatio, fastestRatio)) };
}

/**
 * The latest place to cut at which it is plainest which words were heard: a word counts as heard once its middle was, and
 * no middle should lie nearer to the cut than places are known. Where one does, it is said again.
 */
function chooseCut(
  places: readonly number[],
  middles: readonly number[],
  from: number,
  until: number,
  error: number,
): Place {
  let chosen: Place = { cut: until, next: 0 };
  let least = Number.POSITIVE_INFINITY;
  for (const place of places) {
    if (place < from || place > until) continue;
    // What the sound at its very end means is less sure: more of it was to come.
    const sureUntil = Math.min(place - error, until - endDoubtRatio * error);
    const next = middles.filter((middle) => middle < sureUntil).length;
    const doubtful = middles.filter((middle) => middle < place + error).length - next;
    if (doubtful <= least) [chosen, least] = [{ cut: place, next }, doubtful];
  }
  return chosen;
}

function lengthOf({ words, pcm, sampleRateHz }: ReferenceSpeech, index: number): number {
  const from = words[index]?.fromSample ?? 0;
  return (((words[index + 1]?.fromSample ?? pcm.length) - from) * 1_000) / sampleRateHz;
}

/** By the pace of the voice, cut where it is quietest. */
function placeByPace(link: TtsLink, last: number, { speedRatio, sampleRateHz }: TtsRequest): Place {
  const from = Math.max(link.handed, last - Math.round((heldMs * sampleRateHz) / 1_000));
  const cut = quietestAt(join(link.kept, last), from, last, sampleRateHz);
  // Only words that must be over by then: a word is rather said twice than not at all.
  const next = wordsWithin(link, cut, speedRatio, 1 + doubtRatio, doubtMs);
  return { cut, next: Math.min(next, link.tokens.length - 1) };
}

/** How many words can have been said by a sample, if each took that many times as long as is expected of the voice. */
function wordsWithin(link: TtsLink, cut: number, speedRatio: number, ratio: number, doubtMs = 0): number {
  const perMs = (wordPaceOf(link.notes) / speedRatio) * ratio;
  // Pauses are where voices differ most: they count on neither side.
  let leftMs = link.voicedMsUntil(cut) - doubtMs;
  const over = link.tokens.findIndex(({ durationMs }) => {
    leftMs -= durationMs * perMs;
    return leftMs < 0;
  });
  return over < 0 ? link.tokens.length : over;
}

function join(chunks: readonly Int16Array[], samples: number): Int16Array {
  const whole = new Int16Array(samples);
  let at = 0;
  for (const chunk of chunks) {
    if (at >= samples) break;
    whole.set(chunk.subarray(0, samples - at), at);
    at += chunk.length;
  }
  return whole;
}

/** Reading aloud by a provider that gives word times (the embedded voice), at the lowest rate and within `referenceMs`. */
export function createReferenceReader(tts: TtsProvider, voice: string): ReferenceReader {
  return async (request, context) => {
    if (context === undefined || context.signal.aborted) return null;
    const { clock } = context;
    const scope = openScope(context.signal);
    const deadlineMs = clock.nowMs() + referenceMs;
    const late = clock.timer(deadlineMs, () => scope.abort());
    const sampleRateHz = 8000;
    const words: { text: string; fromSample: number }[] = [];
    const chunks: Int16Array[] = [];
    try {
      const { tenant, callId } = context;
      const asked = { ...request, voice, sampleRateHz } as const;
      for await (const event of tts.stream(asked, {
        signal: scope.signal,
        deadlineMs,
        clock,
        tenant,
        callId,
      })) {
        if (event.type === "end" && event.outcome !== "completed") return null;
        if (event.type === "word") words.push({ text: event.text, fromSample: event.fromSample });
        if (event.type === "audio") chunks.push(event.pcm);
      }
    } catch {
      return null;
    } finally {
      late.cancel();
      scope.close();
    }
    const samples = chunks.reduce((sum, { length }) => sum + length, 0);
    return words.length === 0 ? null : { pcm: join(chunks, samples), sampleRateHz, words };
  };
}
