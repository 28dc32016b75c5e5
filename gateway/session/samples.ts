/** PCM as clients want it. */
import { encodeAlaw, encodeMulaw } from "../../wire/g711.ts";
import type { AudioFormat } from "./domain.ts";

/**
 * Encodes mono int16 for the wire.
 *
 * @returns pcm16 little-endian (a view on the same memory), mu-law or A-law bytes
 */
export function encodeSamples(pcm: Int16Array, format: AudioFormat): Uint8Array {
  switch (format.type) {
    case "audio/pcmu":
      return encodeMulaw(pcm);
    case "audio/pcma":
      return encodeAlaw(pcm);
    case "audio/pcm":
      return new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  }
}
