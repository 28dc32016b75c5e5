/** Where a voice was that died, and where it is cut. */
import type { CallContext, TtsProvider, TtsRequest } from "../providers/provider.ts";
import { openScope } from "./scope.ts";
import type { ReferenceSpeech } from "./tts-alignment.ts";
import { alignSpeech } from "./tts-alignment.ts";
import { quietestAt } from "./tts-audio.ts";
import type { TtsLink } from "./tts-link.ts";
import { heldMs } from "./tts-link.ts";
import { createNamer } from "./tts-text.ts";
import { paceOf } from "./voice-notes.ts";

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

/** Nobody waits for a reading longer than this. */
export const referenceMs = 400;
/** A place is looked for in that much audio; longer speech is not laid along another. */
const alignedMaxMs = 30_000;
/** Worse fits than that say nothing. */
const costMax = 30;
/** A word that short is said again rather than left out. */
const shortWordMs = 150;
/** What the sound just before its end means is not sure: more of it was to come. */
const unsureMs = 120;
/** A word longer than that is not easier to place. */
const longWordMs = 300;
/** An estimate's error, as a share of the time spoken. */
const doubtRatio = 0.08;

/** After the last whole word; the first one, if only that had begun, is said again. */
export function placeByMarks(link: TtsLink): Place {
  const cut = Math.max(link.handed, Math.min(link.wholeWordsUntil, link.noiseFrom));
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
  const first = link.tokens[0]!.at;
  const asked = { ...request, text: request.text.slice(first) };
  const long = (last * 1_000) / request.sampleRateHz > alignedMaxMs;
  const reading = reference === undefined || long ? null : await reference(asked, context);
  return (
    (reading && placeByReading(link, last, request.sampleRateHz, reading)) ?? placeByPace(link, last, request)
  );
}

function placeByReading(
  link: TtsLink,
  last: number,
  sampleRateHz: number,
  reading: ReferenceSpeech,
): Place | null {
  const pcm = join(link.kept, last);
  const aligned = alignSpeech(pcm, sampleRateHz, reading);
  if (aligned === null || aligned.cost > costMax) return null;
  const { starts } = aligned;
  // Words as the reading names them, as words of the text.
  const nameOf = createNamer(link.tokens);
  const named = reading.words.map(({ text }) => nameOf(text));
  const surely = last - Math.round((unsureMs * sampleRateHz) / 1_000);
  const { handed } = link;
  const word = chooseBoundary(starts, handed, surely, reading) ?? chooseBoundary(starts, handed, last, reading);
  if (word === null) {
    // It is in the middle of a word, or at the end of all.
    const begun = Math.max(0, starts.findLastIndex((start) => start <= surely));
    const end = reading.words.length === starts.length && aligned.complete;
    return { cut: last, next: end ? link.tokens.length : (named[begun] ?? 0) };
  }
  const lengthMs = (index: number) => lengthOf(reading, index);
  const next = lengthMs(word - 1) < shortWordMs ? named[word - 1]! : named[word]!;
  return { cut: Math.max(link.handed, starts[word]!), next };
}

/** The beginning of a word in `[from, until]` that follows a long one: there a small error does no harm. */
function chooseBoundary(
  starts: readonly number[],
  from: number,
  until: number,
  reading: ReferenceSpeech,
): number | null {
  let chosen: number | null = null;
  let best = 0;
  for (let word = starts.length - 1; word > 0; word -= 1) {
    if (starts[word]! < from || starts[word]! > until) continue;
    const before = Math.min(longWordMs, lengthOf(reading, word - 1));
    const score = before + 0.3 * Math.min(longWordMs, lengthOf(reading, word));
    if (score > best) [chosen, best] = [word, score];
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
  const perMs = paceOf(link.notes) / speedRatio;
  const cutMs = (cut * 1_000) / sampleRateHz;
  let untilMs = 0;
  let next = 0;
  // Only words that must be over by then: a word is rather said twice than not at all.
  for (const { durationMs } of link.tokens) {
    untilMs += durationMs * perMs;
    if (untilMs * (1 + doubtRatio) > cutMs) break;
    next += 1;
  }
  return { cut, next: Math.min(next, link.tokens.length - 1) };
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
