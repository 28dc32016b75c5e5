/** PCM as clients have it and as recognisers want it. */
import { decodeAlaw, decodeMulaw, encodeAlaw, encodeMulaw } from "../../wire/g711.ts";
import { designKernel, maxInputSamples, Resampler } from "../../workers/audio/resampler.ts";
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
      return resampleWhole(decodeMulaw(bytes), 8000);
    case "audio/pcma":
      return resampleWhole(decodeAlaw(bytes), 8000);
    case "audio/pcm": {
      const pcm = new Int16Array(bytes.length >> 1);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let i = 0; i < pcm.length; i++) pcm[i] = view.getInt16(i * 2, true);
      return format.rate === 16000 ? pcm : resampleWhole(pcm, 24000);
    }
  }
}

function resampleWhole(pcm: Int16Array, inputRateHz: 8000 | 24000): Int16Array {
  const resampler = new Resampler(designKernel(inputRateHz));
  const output = new Int16Array(Math.ceil((pcm.length * 16000) / inputRateHz) + 128);
  let written = 0;
  for (let from = 0; from < pcm.length; from += maxInputSamples) {
    const input = pcm.subarray(from, from + maxInputSamples);
    written += resampler.process(input, input.length, output.subarray(written));
  }
  written += resampler.tail(output.subarray(written));
  return output.slice(0, written);
}
