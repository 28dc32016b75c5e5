/**
 * Reply audio without base64 or JSON: an 8-byte header, then raw samples in the response's output format. The
 * header is two unsigned 32-bit little-endian integers: the frame's sequence, and the media time in ms of its
 * first sample within its item. The other way (client to gateway) a binary message is raw samples, no header.
 *
 * @see docs/protocol.md
 */

/** Length of the header. */
export const frameHeaderBytes = 8;

const maxUint32 = 0xffff_ffff;

export interface BinaryFrame {
  /** Counts frames from 0; with resume on, frames and events share one counter. */
  sequence: number;
  /** Media time of the first sample within its item. */
  mediaTimeMs: number;
  /** A view on the message, not a copy. */
  samples: Uint8Array;
}

export type DecodedFrame =
  | { ok: true; frame: BinaryFrame }
  | { ok: false; code: "invalid_audio"; message: string };

/**
 * Writes the header over the first 8 bytes of `target`; fractions of a millisecond are rounded.
 *
 * @throws {RangeError} if `target` is shorter than the header or a number does not fit 32 bits (a bug of the caller)
 */
export function writeFrameHeader(target: Uint8Array, sequence: number, mediaTimeMs: number): void {
  const roundedMs = Math.round(mediaTimeMs);
  requireUint32("sequence", sequence);
  requireUint32("mediaTimeMs", roundedMs);
  const view = headerView(target);
  view.setUint32(0, sequence, true);
  view.setUint32(4, roundedMs, true);
}

/**
 * Renumbers a frame in place, for whoever counts frames and events together.
 *
 * @throws {RangeError} as `writeFrameHeader`
 */
export function writeFrameSequence(target: Uint8Array, sequence: number): void {
  requireUint32("sequence", sequence);
  headerView(target).setUint32(0, sequence, true);
}

/**
 * Writes a whole frame into `target` (at least `frameHeaderBytes + samples.length` bytes): header and samples in
 * one buffer are one write to the socket instead of two.
 *
 * @returns the number of bytes written
 * @throws {RangeError} if `target` is too short, or as `writeFrameHeader`
 */
export function encodeFrameInto(
  target: Uint8Array,
  sequence: number,
  mediaTimeMs: number,
  samples: Uint8Array,
): number {
  const sizeBytes = frameHeaderBytes + samples.length;
  if (target.length < sizeBytes)
    throw new RangeError(`a frame of ${sizeBytes} bytes does not fit ${target.length}`);
  writeFrameHeader(target, sequence, mediaTimeMs);
  target.set(samples, frameHeaderBytes);
  return sizeBytes;
}

/**
 * A frame in a buffer of its own.
 *
 * @throws {RangeError} as `writeFrameHeader`
 */
export function encodeFrame(sequence: number, mediaTimeMs: number, samples: Uint8Array): Uint8Array {
  const target = new Uint8Array(frameHeaderBytes + samples.length);
  encodeFrameInto(target, sequence, mediaTimeMs, samples);
  return target;
}

/** Reads a binary message from the gateway. `samples` may be empty; a message shorter than the header is refused. */
export function decodeFrame(message: Uint8Array): DecodedFrame {
  if (message.length < frameHeaderBytes) {
    return {
      ok: false,
      code: "invalid_audio",
      message: `A binary frame has a header of ${frameHeaderBytes} bytes, this one is ${message.length} bytes long.`,
    };
  }
  const view = headerView(message);
  return {
    ok: true,
    frame: {
      sequence: view.getUint32(0, true),
      mediaTimeMs: view.getUint32(4, true),
      samples: message.subarray(frameHeaderBytes),
    },
  };
}

function headerView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, frameHeaderBytes));
}

function requireUint32(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > maxUint32) {
    throw new RangeError(`${name} must be an unsigned 32-bit integer, not ${value}`);
  }
}
