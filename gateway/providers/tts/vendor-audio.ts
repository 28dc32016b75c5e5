/** Vendors' audio as it comes over a network: bytes cut anywhere, sometimes with a WAV header, sometimes at a rate of their own. */
import { createResampler, type Resampler } from "../../../workers/speech/resample.ts";
import type { ProviderFault, TtsEvent, TtsRequest } from "../provider.ts";
import { malformedAnswer, VendorError, vendorFault } from "../vendor-fault.ts";
import type { StreamCall } from "../vendor-stream.ts";

/** More audio than this for one piece of text, and the vendor babbles: the call is given up. */
export const audioMaxMs = 180_000;
/** A header that is longer holds no audio that we know. */
const wavHeaderMaxBytes = 4096;

/** The vendor said that it is done and there was no audio at all. */
export const noAudio: Readonly<ProviderFault> = vendorFault("the vendor was done without a sound");

/** Takes a vendor's bytes for one call and emits them as samples. */
export interface AudioIntake {
  /** Samples emitted so far, at the request's rate. */
  readonly samples: number;
  /**
   * Takes the next bytes; they may end in the middle of a sample.
   *
   * @throws VendorError for more audio than any text needs, or a WAV file that is none
   */
  push(bytes: Uint8Array): void;
  /**
   * The vendor is done: emits what the resampler still holds.
   *
   * @returns a fault if there was no audio
   */
  finish(): ProviderFault | null;
}

/** Where the samples of a WAV file begin, and at which rate they are. */
interface WavHeader {
  dataAt: number;
  sampleRateHz: number;
}

/**
 * Reads a WAV header (mono, 16 bits).
 *
 * @returns null while more bytes are needed
 * @throws VendorError for a file of another kind
 */
export function readWavHeader(bytes: Uint8Array): WavHeader | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12) return null;
  if (tag(0) !== "RIFF" || tag(8) !== "WAVE") throw new VendorError(malformedAnswer);
  let sampleRateHz = 0;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    if (tag(at) === "fmt ") {
      if (at + 24 > bytes.length) return null;
      const isPlain = view.getUint16(at + 8, true) === 1 && view.getUint16(at + 10, true) === 1;
      sampleRateHz = view.getUint32(at + 12, true);
      const known = isPlain && view.getUint16(at + 22, true) === 16;
      if (!known || sampleRateHz < 4000 || sampleRateHz > 96_000) throw new VendorError(malformedAnswer);
    } else if (tag(at) === "data") {
      if (sampleRateHz === 0) throw new VendorError(malformedAnswer);
      return { dataAt: at + 8, sampleRateHz };
    }
    at += 8 + size + (size & 1);
  }
  if (bytes.length > wavHeaderMaxBytes) throw new VendorError(malformedAnswer);
  return null;
}

/** The rate of raw samples; "wav": a header says it, and where it is missing it is the request's, or what is given here. */
export type VendorRate = number | "wav" | { headerlessHz: number };

/** Opens the intake of one call. Its samples count as `usage.audioMs`. */
export function openAudioIntake(
  call: Pick<StreamCall<TtsEvent>, "emit" | "usage">,
  request: Pick<TtsRequest, "sampleRateHz">,
  vendorRate: VendorRate,
): AudioIntake {
  const wantedHz = request.sampleRateHz;
  let samples = 0;
  /** Bytes that wait for more: half a sample, or the beginning of a header. */
  let held: Uint8Array = new Uint8Array(0);
  let readsHeader = typeof vendorRate !== "number";
  let resampler: Resampler | null = null;
  const setRate = (rateHz: number) => {
    resampler = rateHz === wantedHz ? null : createResampler(rateHz, wantedHz);
  };
  if (vendorRate !== "wav") setRate(typeof vendorRate === "number" ? vendorRate : vendorRate.headerlessHz);

  function emit(pcm: Int16Array): void {
    if (pcm.length === 0) return;
    samples += pcm.length;
    if (samples > (audioMaxMs / 1000) * wantedHz) {
      throw new VendorError(vendorFault("the vendor's audio does not end"));
    }
    call.usage.audioMs = Math.round((samples * 1000) / wantedHz);
    call.emit({ type: "audio", pcm });
  }

  function takeHeader(bytes: Uint8Array): Uint8Array | null {
    const begins = bytes.length < 4 || String.fromCharCode(...bytes.subarray(0, 4)) === "RIFF";
    if (begins) {
      const header = bytes.length < 4 ? null : readWavHeader(bytes);
      if (header === null) return null;
      setRate(header.sampleRateHz);
      readsHeader = false;
      return bytes.subarray(header.dataAt);
    }
    readsHeader = false;
    return bytes;
  }

  return {
    get samples() {
      return samples;
    },
    push(fresh) {
      if (fresh.length === 0) return;
      let bytes = fresh;
      if (held.length > 0) {
        bytes = new Uint8Array(held.length + fresh.length);
        bytes.set(held);
        bytes.set(fresh, held.length);
      }
      if (readsHeader) {
        const audio = takeHeader(bytes);
        if (audio === null) {
          held = bytes.slice();
          return;
        }
        bytes = audio;
      }
      const pcm = samplesOf(bytes);
      held = bytes.slice(pcm.length * 2);
      emit(resampler === null ? pcm : resampler.push(pcm));
    },
    finish() {
      if (resampler !== null) emit(resampler.flush());
      return samples === 0 ? { ...noAudio } : null;
    },
  };
}

/** Whole little-endian samples of `bytes`, copied (a vendor's buffer may lie at an odd address, or be used again). */
function samplesOf(bytes: Uint8Array): Int16Array {
  const count = bytes.length >> 1;
  const pcm = new Int16Array(count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let index = 0; index < count; index += 1) pcm[index] = view.getInt16(2 * index, true);
  return pcm;
}

/** Longest base64 of one message. */
const base64MaxCharacters = 4 * 1024 * 1024;

/**
 * The bytes of a base64 field.
 *
 * @throws VendorError if it is none
 */
export function bytesOfBase64(text: unknown): Uint8Array {
  if (typeof text !== "string" || text.length > base64MaxCharacters || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    throw new VendorError(malformedAnswer);
  }
  return Buffer.from(text, "base64");
}
