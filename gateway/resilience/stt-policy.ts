/** How a transcription goes on at the next link: it hears the utterance from the start. */
import type { Clock } from "../clock.ts";
import type { AudioPiece, AudioRange, ProviderFault, SttEvent, SttRequest } from "../providers/provider.ts";
import type { ChainDeadlines, ChainPolicy, Continuation } from "./continuation.ts";

/** `connectMs`: until the link begins to read; `stallMs`: until it reads on; `usefulMs`: from the utterance's end to the transcript. */
export const sttDeadlines: ChainDeadlines = {
  connectMs: 1500,
  usefulMs: 1500,
  stallMs: 4000,
  lastLinkRatio: 8,
};

const noTranscript: ProviderFault = {
  code: "provider_unavailable",
  message: "No transcript came.",
  retryable: true,
};

/** Speech may lie in it, so nobody is blamed. */
const nothingUnderstood: ProviderFault = {
  code: "provider_unavailable",
  message: "Nothing was understood.",
  retryable: true,
  blame: "request",
};
/** An utterance with its padding that is no longer holds a cough rather than words: who understands nothing of it is believed. */
const doubtedFromMs = 1200;

/** The STT stage's policy. Who understands nothing of a longer utterance is not believed until a second one agrees. While the speaker speaks on there is no deadline: the link waits for audio, not we for it. */
export const sttPolicy: ChainPolicy<SttRequest, SttEvent> = {
  stage: "stt",
  deadlines: sttDeadlines,
  spareMs: 600,
  begin: createSttContinuation,
};

/** Where a link stands with the audio. */
interface Reading {
  state: "unread" | "waiting" | "working" | "ended";
  sinceMs: number;
}

/** Who understood nothing of a request; links that stand beside each other share it. */
interface Doubt {
  by: SttEvent | null;
}

const doubts = new WeakMap<SttRequest, Doubt>();

function doubtOf(request: SttRequest): Doubt {
  const doubt = doubts.get(request) ?? { by: null };
  doubts.set(request, doubt);
  return doubt;
}

function createSttContinuation(
  request: SttRequest,
  clock: Clock,
  dueChanged: () => void,
): Continuation<SttRequest, SttEvent> {
  let reading: Reading = { state: "unread", sinceMs: 0 };
  let hasFinal = false;
  /** The transcript of a link that understood nothing. */
  let empty: SttEvent | null = null;
  const doubt = doubtOf(request);
  /** What was said last of when the link is due, and by which deadlines. */
  let told: { dueAtMs: number; startedAtMs: number; deadlines: ChainDeadlines } | null = null;

  /** A frame moves the due moment on; only one that comes earlier has to be told at once, and the end, by which others are started beside it. */
  function moved(): void {
    if (told === null) return;
    const { dueAtMs, startedAtMs, deadlines } = told;
    if (reading.state === "ended" || dueOf(reading, startedAtMs, deadlines) < dueAtMs) dueChanged();
  }

  return {
    get useful() {
      return hasFinal;
    },
    get usefulFromMs() {
      return reading.state === "ended" ? reading.sinceMs : null;
    },
    nextRequest() {
      reading = { state: "unread", sinceMs: clock.nowMs() };
      empty = null;
      return { ...request, audio: watchReading(request.audio, reading, clock, moved) };
    },
    take(event, out) {
      if (event.type === "final") {
        const isEmpty = event.text.trim() === "";
        const heardMs = (event.untilSample - request.audio.fromSample) / (request.audio.sampleRateHz / 1_000);
        if (isEmpty && doubt.by === null && heardMs >= doubtedFromMs) {
          empty = event;
          return null;
        }
        hasFinal = true;
      }
      out.push(event);
      return null;
    },
    complete(out, last) {
      if (hasFinal) return null;
      if (empty === null) return noTranscript;
      const agreed = doubt.by !== null && doubt.by !== empty;
      doubt.by ??= empty;
      if (!agreed && last !== true) return nothingUnderstood;
      out.push(empty);
      hasFinal = true;
      return null;
    },
    exhausted(out) {
      if (doubt.by === null) return false;
      out.push(doubt.by);
      return true;
    },
    // A link that delivered the transcript of the whole has done its work, however it ends.
    fail: () => (hasFinal && reading.state === "ended" ? "done" : "next"),
    dueAtMs(startedAtMs, _waitingSinceMs, deadlines) {
      const dueAtMs = dueOf(reading, startedAtMs, deadlines);
      told = { dueAtMs, startedAtMs, deadlines };
      return dueAtMs;
    },
  };
}

function dueOf(reading: Reading, startedAtMs: number, deadlines: ChainDeadlines): number {
  switch (reading.state) {
    case "unread":
      return startedAtMs + deadlines.connectMs;
    case "waiting":
      return Number.POSITIVE_INFINITY;
    case "working":
      return reading.sinceMs + deadlines.stallMs;
    case "ended":
      return reading.sinceMs + deadlines.usefulMs;
  }
}

/** The same range; `reading` follows whoever reads it. */
function watchReading(range: AudioRange, reading: Reading, clock: Clock, moved: () => void): AudioRange {
  function move(state: Reading["state"]): void {
    if (reading.state === "ended") return;
    reading.state = state;
    reading.sinceMs = clock.nowMs();
    moved();
  }
  function passOn(result: IteratorResult<AudioPiece>): IteratorResult<AudioPiece> {
    move(result.done || result.value.type === "end" ? "ended" : "working");
    return result;
  }
  function watch(source: AsyncIterator<AudioPiece>): AsyncIterator<AudioPiece> {
    return {
      next() {
        move("waiting");
        return source.next().then(passOn);
      },
      return: (value) => source.return?.(value) ?? Promise.resolve({ done: true, value: undefined }),
    };
  }
  return {
    sampleRateHz: range.sampleRateHz,
    fromSample: range.fromSample,
    read(fromSample, signal) {
      const source = range.read(fromSample, signal);
      return { [Symbol.asyncIterator]: () => watch(source[Symbol.asyncIterator]()) };
    },
  };
}
