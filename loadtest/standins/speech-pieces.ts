/** What all voices of stand-ins share: speech in pieces at the call's pace, with the faults that lie in what is sent. */
import type { CallPlan, Fault, FaultKind, StandinName, StandinWorld } from "./standin.ts";

/** About that much speech in a piece. */
export const pieceMs = 100;
/** Longest wait of a call that hangs; it ends when the caller goes away. */
const hangMs = 24 * 3_600_000;
const noiseAmplitude = 9000;

export interface SpokenWord {
  text: string;
  /** From the beginning of the whole speech. */
  fromSample: number;
  /** The same in time, and where the next word begins. */
  fromMs: number;
  toMs: number;
}

export interface SpeechPiece {
  pcm: Int16Array;
  fromSample: number;
  fromMs: number;
  /** Words that begin in this piece. */
  words: SpokenWord[];
}

/** Faults that break a stream. */
export type StreamFault = "cut" | "error_in_stream" | "malformed" | "truncated_utf8";

/** How a vendor's protocol says it. */
export interface SpeechOut {
  /** Waits while the connection is full. */
  piece(piece: SpeechPiece): void | Promise<void>;
  /** Breaks the stream; `cut` sends half of the piece first. Null: nothing was left to send. */
  fail(kind: StreamFault, piece: SpeechPiece | null): void;
  done(): void;
}

export interface SpeechAsked {
  text: string;
  /** The vendor's name of the voice. */
  voice: string;
  sampleRateHz: number;
  speedRatio: number;
}

const streamFaults: readonly FaultKind[] = ["cut", "error_in_stream", "malformed", "truncated_utf8"];

/** HTTP's status for a fault that refuses a call; null for one that does not. */
export function statusOfFault(fault: Fault | null): number | null {
  switch (fault?.kind) {
    case "unauthorized":
      return 401;
    case "forbidden":
      return 403;
    case "unknown_model":
      return 404;
    case "request_timeout":
      return 408;
    case "too_large":
      return 413;
    case "content_filter":
      return 400;
    case "rate_limited":
      return 429;
    case "internal_error":
      return 500;
    case "unavailable":
      return 503;
  }
  return null;
}

/** The header of a 429 that has one. */
export function retryAfterOf(fault: Fault | null): Record<string, string> {
  const seconds = fault?.kind === "rate_limited" ? fault.retryAfterSeconds : undefined;
  return seconds === undefined ? {} : { "retry-after": String(seconds) };
}

/** Does nothing until the caller goes away. */
export function hangOn(plan: CallPlan): Promise<boolean> {
  return plan.wait(hangMs);
}

async function soundOf(
  world: StandinWorld,
  plan: CallPlan,
  name: StandinName,
  asked: SpeechAsked,
): Promise<{ pcm: Int16Array; words: SpokenWord[]; spokenRateHz: number }> {
  const kind = plan.fault?.kind;
  const otherRateHz = asked.sampleRateHz === 24_000 ? 16_000 : 24_000;
  const spokenRateHz = kind === "wrong_rate" ? otherRateHz : asked.sampleRateHz;
  const { speedRatio } = asked;
  const speech = await world.speak(asked.text, {
    voice: `${name}:${asked.voice}`,
    sampleRateHz: spokenRateHz,
    speedRatio,
  });
  let { pcm } = speech;
  if (kind === "silent_audio") pcm = new Int16Array(pcm.length);
  else if (kind === "noise") {
    const length = pcm.length;
    pcm = new Int16Array(length);
    for (let at = 0; at < length; at++) pcm[at] = Math.round((plan.random() * 2 - 1) * noiseAmplitude);
  } else if (kind === "empty_audio" || kind === "final_without_audio" || kind === "empty_answer") {
    pcm = new Int16Array(0);
  }
  const msOf = (sample: number) => Math.round((sample * 1000) / spokenRateHz);
  const words = speech.words.map(({ text, fromSample }, at) => ({
    text,
    fromSample,
    fromMs: msOf(fromSample),
    toMs: msOf(speech.words[at + 1]?.fromSample ?? speech.pcm.length),
  }));
  return { pcm, words, spokenRateHz };
}

function cutPieces(pcm: Int16Array, words: readonly SpokenWord[], sampleRateHz: number): SpeechPiece[] {
  const length = Math.round((sampleRateHz * pieceMs) / 1000);
  const pieces: SpeechPiece[] = [];
  let known = 0;
  for (let at = 0; at < pcm.length; at += length) {
    const until = at + length;
    const isLast = until >= pcm.length;
    // The first word is known from the first sound on, silent as that may be.
    const knownUntil = at === 0 ? Math.max(until, (words[0]?.fromSample ?? 0) + 1) : until;
    pieces.push({
      pcm: pcm.subarray(at, until),
      fromSample: at,
      fromMs: Math.round((at * 1000) / sampleRateHz),
      words: words.filter(({ fromSample }) => fromSample >= known && (isLast || fromSample < knownUntil)),
    });
    known = Math.max(known, knownUntil);
  }
  return pieces;
}

/**
 * Speaks a text at the call's pace into `out`, with its faults, and ends the call; what was sent is noted. Never rejects.
 * `empty_audio` sends one piece without samples.
 */
export async function speakInPieces(
  world: StandinWorld,
  plan: CallPlan,
  name: StandinName,
  asked: SpeechAsked,
  out: SpeechOut,
): Promise<void> {
  let sent = 0;
  let sound: Awaited<ReturnType<typeof soundOf>> | null = null;
  const startedAtMs = performance.now();
  try {
    sound = await soundOf(world, plan, name, asked);
    const pieces = cutPieces(sound.pcm, sound.words, sound.spokenRateHz);
    if (plan.fault?.kind === "empty_audio")
      pieces.push({ pcm: new Int16Array(0), fromSample: 0, fromMs: 0, words: [] });
    // Making it is part of a vendor's first output.
    if (!(await plan.wait(plan.firstMs - (performance.now() - startedAtMs)))) return;
    for (const [index, piece] of pieces.entries()) {
      if (index > 0 && !(await plan.wait(plan.pieceMs))) return;
      if (plan.failsAfter(index)) {
        const kind = plan.fault!.kind;
        if (kind === "stall") return void (await hangOn(plan));
        if (streamFaults.includes(kind)) {
          out.fail(kind as StreamFault, piece);
          if (kind === "cut") sent += piece.pcm.length >> 1;
          return plan.end("failed");
        }
      }
      await out.piece(piece);
      sent = piece.fromSample + piece.pcm.length;
    }
    if (plan.signal.aborted) return;
    out.done();
    plan.end("completed");
  } catch {
    // The voice's thread is gone: nothing to say.
    if (!plan.signal.aborted) out.fail("error_in_stream", null);
    plan.end("failed");
  } finally {
    plan.note({
      text: asked.text,
      sampleRateHz: sound?.spokenRateHz ?? asked.sampleRateHz,
      askedRateHz: asked.sampleRateHz,
      pcm: sound?.pcm.slice(0, sent) ?? new Int16Array(0),
      words: (sound?.words ?? [])
        .filter(({ fromSample }) => fromSample < sent)
        .map(({ text, fromSample }) => ({ text, fromSample })),
    });
  }
}

/** Samples as bytes on the wire, little-endian. */
export function wireBytes(pcm: Int16Array): Buffer {
  return Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
}

/** A sentence of text cut in the middle of a letter: bytes that are no UTF-8. */
export const truncatedUtf8 = Buffer.concat([Buffer.from('{"audio":"caf'), Buffer.from([0xc3])]);
