/** PCM as clients have it and as recognisers want it. */
import { decodeAlaw, decodeMulaw, encodeAlaw, encodeMulaw } from "../../wire/g711.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";
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

/** A whole piece of received audio as mono int16 at 16 kHz; for audio inside items, not for streams. */
export function decodeToSpeechRate(bytes: Uint8Array, format: AudioFormat): Int16Array {
  switch (format.type) {
    case "audio/pcmu":
      return resampleWhole(decodeMulaw(bytes), 8000, 16000);
    case "audio/pcma":
      return resampleWhole(decodeAlaw(bytes), 8000, 16000);
    case "audio/pcm": {
      const pcm = new Int16Array(bytes.length >> 1);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let i = 0; i < pcm.length; i++) pcm[i] = view.getInt16(i * 2, true);
      return format.rate === 16000 ? pcm : resampleWhole(pcm, 24000, 16000);
    }
  }
}
