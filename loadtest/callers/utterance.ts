/** What a caller says: speech of which the last voiced sample is known, ready to go out frame by frame. */
import { encodeMulaw } from "../../wire/g711.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";
import { frameMs } from "./pacer.ts";
import { bytesOf, voicedRange } from "./samples.ts";

/** How a caller's audio travels. */
export type CallerAudio = "binary-pcm16k" | "base64-pcm24k" | "base64-mulaw8k";

export const callerAudioRates: Readonly<Record<CallerAudio, 8000 | 16000 | 24000>> = {
  "binary-pcm16k": 16000,
  "base64-pcm24k": 24000,
  "base64-mulaw8k": 8000,
};

/** Speech at 16 kHz. */
export interface Utterance {
  text: string;
  /** Mono int16, 16 kHz. */
  pcm: Int16Array;
  rateHz: 16000;
  firstVoicedSample: number;
  lastVoicedSample: number;
}

/**
 * Makes an utterance of rendered speech, without the silence around it.
 *
 * @throws {RangeError} when nothing sounds in it
 */
export function makeUtterance(text: string, pcm: Int16Array, rateHz: number): Utterance {
  const at16 = resampleWhole(pcm, rateHz, 16000);
  const range = voicedRange(at16, 16000);
  if (range === null) throw new RangeError(`no sound in the speech for "${text}"`);
  const speech = at16.slice(range.first, range.last + 1);
  return { text, pcm: speech, rateHz: 16000, firstVoicedSample: 0, lastVoicedSample: speech.length - 1 };
}

/** Cuts the speech off at `durationMs`, or repeats it until that is reached. */
export function fitUtterance(utterance: Utterance, durationMs: number): Utterance {
  const length = Math.round((durationMs * utterance.rateHz) / 1000);
  const pcm = new Int16Array(length);
  for (let at = 0; at < length; at += utterance.pcm.length) {
    pcm.set(utterance.pcm.subarray(0, Math.min(utterance.pcm.length, length - at)), at);
  }
  return makeUtterance(utterance.text, pcm, utterance.rateHz);
}

/** Messages of one utterance, one a frame; the last is filled up with silence. */
export interface Frames {
  messages: (string | Buffer)[];
  /** The frame that holds the last voiced sample. */
  lastVoicedFrame: number;
  /** How far into that frame it lies, in ms. */
  lastVoicedOffsetMs: number;
}

const cache = new WeakMap<Utterance, Map<CallerAudio, Frames>>();

/** Encodes an utterance for the wire; the work is done once for all callers that say it. */
export function framesOf(utterance: Utterance, audio: CallerAudio): Frames {
  const known = cache.get(utterance) ?? new Map<CallerAudio, Frames>();
  cache.set(utterance, known);
  let frames = known.get(audio);
  if (frames === undefined) {
    frames = encodeFrames(utterance, audio);
    known.set(audio, frames);
  }
  return frames;
}

function encodeFrames(utterance: Utterance, audio: CallerAudio): Frames {
  const rateHz = callerAudioRates[audio];
  const pcm = resampleWhole(utterance.pcm, utterance.rateHz, rateHz);
  const size = (rateHz * frameMs) / 1000;
  const messages: (string | Buffer)[] = [];
  for (let from = 0; from < pcm.length; from += size) {
    const frame = new Int16Array(size);
    frame.set(pcm.subarray(from, from + size));
    messages.push(encodeMessage(frame, audio));
  }
  const lastMs = (utterance.lastVoicedSample * 1000) / utterance.rateHz;
  const lastVoicedFrame = Math.min(messages.length - 1, Math.floor(lastMs / frameMs));
  return { messages, lastVoicedFrame, lastVoicedOffsetMs: lastMs - lastVoicedFrame * frameMs };
}

/** One wire message of PCM in the caller's format. */
function encodeMessage(pcm: Int16Array, audio: CallerAudio): string | Buffer {
  if (audio === "binary-pcm16k") return bytesOf(pcm);
  const bytes = audio === "base64-mulaw8k" ? Buffer.from(encodeMulaw(pcm)) : bytesOf(pcm);
  return JSON.stringify({ type: "input_audio_buffer.append", audio: bytes.toString("base64") });
}

const silences = new Map<CallerAudio, string | Buffer>();

/** A frame of silence, made once. */
export function silentFrame(audio: CallerAudio): string | Buffer {
  let frame = silences.get(audio);
  if (frame === undefined) {
    frame = encodeMessage(new Int16Array((callerAudioRates[audio] * frameMs) / 1000), audio);
    silences.set(audio, frame);
  }
  return frame;
}

const rooms = new WeakMap<Int16Array, Map<CallerAudio, (string | Buffer)[]>>();

/**
 * What a microphone hears while nobody speaks, cut into frames once for all callers in that room.
 *
 * @param room - mono int16 at 16 kHz, played in a loop; at least one frame long
 */
export function roomFrames(room: Int16Array, audio: CallerAudio): readonly (string | Buffer)[] {
  const known = rooms.get(room) ?? new Map<CallerAudio, (string | Buffer)[]>();
  rooms.set(room, known);
  let frames = known.get(audio);
  if (frames === undefined) {
    const rateHz = callerAudioRates[audio];
    const pcm = resampleWhole(room, 16000, rateHz);
    const size = (rateHz * frameMs) / 1000;
    frames = Array.from({ length: Math.floor(pcm.length / size) }, (_, index) =>
      encodeMessage(pcm.slice(index * size, (index + 1) * size), audio),
    );
    known.set(audio, frames);
  }
  return frames;
}
