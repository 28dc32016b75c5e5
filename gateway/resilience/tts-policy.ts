/** How speech goes on in the next voice: after the last whole word that was handed on. */
import type { ProviderFault, TtsEvent, TtsRequest } from "../providers/provider.ts";
import type { ChainDeadlines, ChainPolicy, Continuation } from "./continuation.ts";
import { streamDueAtMs } from "./continuation.ts";

export const ttsDeadlines: ChainDeadlines = {
  connectMs: 2500,
  usefulMs: 3000,
  stallMs: 3000,
  lastLinkRatio: 3,
};

/** A sample beyond this (int16, about -50 dB) is sound; below it a stream is as good as silent. */
export const audibleLevel = 100;

/** More silence than this before the first sound, and the link counts as mute. */
export const leadingSilenceMaxMs = 2000;

/** Pace of speech that is assumed of a voice without word marks, at speed 1. */
const charsPerSecond = 14;

const mute: ProviderFault = {
  code: "provider_unavailable",
  message: "The audio held no sound.",
  retryable: true,
};

/** True if any sample is loud enough to be heard. */
export function isAudible(pcm: Int16Array): boolean {
  for (let index = 0; index < pcm.length; index += 1) {
    const sample = pcm[index]!;
    if (sample > audibleLevel || sample < -audibleLevel) return true;
  }
  return false;
}

/**
 * The TTS stage's policy. With word marks a word is handed on when it is whole (but for the first one, which
 * starts the sound at once); without them the place to go on is estimated from the time spoken.
 */
export const ttsPolicy: ChainPolicy<TtsRequest, TtsEvent> = {
  stage: "tts",
  deadlines: ttsDeadlines,
  begin: (request) => createTtsContinuation(request),
};

interface Mark {
  text: string;
  /** Counted from the start of the link's own audio. */
  fromSample: number;
}

function createTtsContinuation(request: TtsRequest): Continuation<TtsRequest, TtsEvent> {
  const tokens = tokenStarts(request.text);
  /** First word that is still to be spoken. */
  let nextToken = 0;
  /** Samples handed on by the links before. */
  let offset = 0;
  let link = openLink();

  function handMarks(untilSample: number, out: TtsEvent[]): void {
    while (link.marks.length > 0 && link.marks[0]!.fromSample < untilSample) {
      const mark = link.marks.shift()!;
      link.tokens.push(findToken(request.text, tokens, mark.text, (link.tokens.at(-1) ?? nextToken - 1) + 1));
      out.push({ type: "word", text: mark.text, fromSample: offset + mark.fromSample });
    }
  }
  function hand(untilSample: number, out: TtsEvent[]): void {
    if (untilSample <= link.handed) return;
    handMarks(untilSample, out);
    while (link.handed < untilSample) {
      const chunk = link.pending.shift()!;
      const room = untilSample - link.handed;
      const whole = chunk.length <= room;
      out.push({ type: "audio", pcm: whole ? chunk : chunk.subarray(0, room) });
      if (!whole) link.pending.unshift(chunk.subarray(room));
      link.handed += whole ? chunk.length : room;
    }
  }
  function handableUntil(): number {
    if (!link.marked) return link.received;
    // The word that is being received begins at the last mark that the audio has reached.
    const begun = link.starts.findLast((start) => start <= link.received);
    return begun === undefined || begun === link.starts[0] ? link.received : begun;
  }
  function spokenTokens(): number {
    if (!link.marked) {
      const seconds = link.handed / request.sampleRateHz;
      const charsSpoken = seconds * charsPerSecond * request.speedRatio + (tokens[nextToken] ?? 0);
      const spoken = tokens.findLastIndex((start) => start <= charsSpoken);
      return Math.min(spoken, tokens.length - 1);
    }
    const cutFirstWord =
      link.tokens.length === 1 &&
      !link.starts.some((start) => start > 0 && start <= link.handed && start !== link.starts[0]);
    if (cutFirstWord || link.tokens.length === 0) return nextToken;
    return link.tokens.at(-1)! + 1;
  }

  return {
    get useful() {
      return link.audible;
    },
    nextRequest() {
      link = openLink();
      if (nextToken === 0) return request;
      if (nextToken >= tokens.length) return null;
      return { ...request, text: request.text.slice(tokens[nextToken]) };
    },
    take(event, out) {
      link.anyEvent = true;
      if (event.type === "word") {
        link.marked = true;
        link.marks.push({ text: event.text, fromSample: event.fromSample });
        link.starts.push(event.fromSample);
        if (link.audible) hand(handableUntil(), out);
        return null;
      }
      if (event.pcm.length === 0) return null;
      link.pending.push(event.pcm);
      link.received += event.pcm.length;
      if (!link.audible) link.audible = isAudible(event.pcm);
      if (link.audible) hand(handableUntil(), out);
      else if (link.received > (leadingSilenceMaxMs / 1000) * request.sampleRateHz) return mute;
      return null;
    },
    complete(out) {
      if (!link.audible) return mute;
      hand(link.received, out);
      handMarks(Number.POSITIVE_INFINITY, out);
      return null;
    },
    fail() {
      if (!link.audible) return "next";
      nextToken = Math.max(nextToken, spokenTokens());
      offset += link.handed;
      return nextToken >= tokens.length ? "done" : "next";
    },
    dueAtMs: (startedAtMs, waitingSinceMs, deadlines) =>
      streamDueAtMs(link.audible, link.anyEvent, startedAtMs, waitingSinceMs, deadlines),
  };
}

/** What is known of the link at work. */
function openLink() {
  return {
    audible: false,
    anyEvent: false,
    marked: false,
    received: 0,
    handed: 0,
    /** Audio held back, from `handed` on. */
    pending: [] as Int16Array[],
    /** Marks held back. */
    marks: [] as Mark[],
    /** Where every word of the link begins. */
    starts: [] as number[],
    /** Which words of the text the marks handed on were. */
    tokens: [] as number[],
  };
}

/** Where the words of `text` (runs without spaces that hold a letter or digit) begin. */
function tokenStarts(text: string): number[] {
  const starts: number[] = [];
  for (const found of text.matchAll(/\S+/g)) if (/[\p{L}\p{N}]/u.test(found[0])) starts.push(found.index);
  return starts;
}

/** The word of the text that a mark means: the next one, or one of the three after it if that is spelt alike. */
function findToken(text: string, starts: number[], word: string, from: number): number {
  const wanted = letters(word);
  for (let token = from; token < Math.min(from + 4, starts.length); token += 1) {
    if (letters(text.slice(starts[token], starts[token + 1])) === wanted) return token;
  }
  return Math.min(from, starts.length - 1);
}

function letters(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}
