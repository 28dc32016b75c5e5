/** Input audio as it comes: base64 in an event, or raw samples in a binary message. */
import { eventLimits } from "../../../wire/schemas/limits.ts";
import type { AudioFormat } from "../../session/domain.ts";
import { Refusal } from "./decode-refusal.ts";

/** Bytes of one sample: 2 for PCM, 1 for G.711. */
export function sampleBytes(format: AudioFormat): 1 | 2 {
  return format.type === "audio/pcm" ? 2 : 1;
}

/**
 * Decodes base64 strictly: standard alphabet, padded, nothing else between. `Buffer.from` alone skips what it
 * doesn't know and reads wide characters by their low byte, so its result is checked against the text; every
 * check runs natively, since appends arrive fifty times a second.
 *
 * @returns null if `text` is not base64
 */
export function decodeBase64(text: string): Buffer | null {
  if (text.length % 4 !== 0) return null;
  if (Buffer.byteLength(text) !== text.length || text.includes("-") || text.includes("_")) return null;
  const paddingChars = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = Buffer.from(text, "base64");
  return bytes.length === (text.length / 4) * 3 - paddingChars ? bytes : null;
}

/**
 * Audio of an event.
 *
 * @throws {Refusal} `invalid_audio` if it is not base64 or holds part of a sample, `input_audio_too_long` past 15 MiB
 */
export function audioFromBase64(text: string, format: AudioFormat, param: string): Buffer {
  if (text.length > eventLimits.audioBase64Chars) throw tooLong(param);
  const bytes = decodeBase64(text);
  if (bytes === null) {
    throw new Refusal("invalid_audio", `Invalid '${param}': expected base64-encoded audio bytes.`, param);
  }
  checkAudio(bytes, format, param);
  return bytes;
}

/**
 * Checks that `bytes` are whole samples, and not too many.
 *
 * @throws {Refusal} as `audioFromBase64`
 */
export function checkAudio(bytes: Uint8Array, format: AudioFormat, param: string | null): void {
  if (bytes.length > eventLimits.audioBytes) throw tooLong(param);
  if (bytes.length % sampleBytes(format) !== 0) {
    throw new Refusal(
      "invalid_audio",
      `Invalid audio: ${bytes.length} bytes are no whole number of 16-bit samples.`,
      param,
    );
  }
}

function tooLong(param: string | null): Refusal {
  return new Refusal(
    "input_audio_too_long",
    `The audio is too long: one event may hold ${eventLimits.audioBytes} bytes.`,
    param,
  );
}
