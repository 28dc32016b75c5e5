/** Arithmetic on mono int16 speech that callers need: bytes, where the sound is. */

/** Stretch over which energy is taken when looking for the end of speech. */
const energyWindowMs = 5;
/** A window this far under the loudest one is no voice any more. */
const voicedFloorDb = 36;
/** Anything quieter is silence, whatever the rest is like (about -54 dBFS). */
const voicedFloorAmplitude = 64;

/**
 * Finds where speech really begins and ends, by energy.
 *
 * @param pcm - mono int16, clean (synthetic) speech
 * @returns indexes of the first and the last voiced sample; null when nothing sounds
 */
export function voicedRange(pcm: Int16Array, rateHz: number): { first: number; last: number } | null {
  const size = Math.max(1, Math.round((rateHz * energyWindowMs) / 1000));
  const levels: number[] = [];
  for (let from = 0; from < pcm.length; from += size) {
    let sum = 0;
    const to = Math.min(pcm.length, from + size);
    for (let index = from; index < to; index++) sum += pcm[index]! * pcm[index]!;
    levels.push(Math.sqrt(sum / (to - from)));
  }
  const loudest = levels.reduce((most, level) => Math.max(most, level), 0);
  const floor = Math.max(voicedFloorAmplitude, loudest * 10 ** (-voicedFloorDb / 20));
  const first = levels.findIndex((level) => level >= floor);
  if (first < 0) return null;
  const last = levels.findLastIndex((level) => level >= floor);
  return { first: first * size, last: Math.min(pcm.length, (last + 1) * size) - 1 };
}

/** @returns whether any sample is louder than about -50 dBFS: sound, not a muted line */
export function hasSound(pcm: Int16Array, floorAmplitude = 100): boolean {
  for (let index = 0; index < pcm.length; index++) if (Math.abs(pcm[index]!) > floorAmplitude) return true;
  return false;
}

/** Little-endian bytes of samples, a view where the machine allows it. */
export function bytesOf(pcm: Int16Array): Buffer {
  return Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
}

/** Samples of little-endian bytes; copies, so any offset will do. An odd last byte is dropped. */
export function samplesOf(bytes: Uint8Array): Int16Array {
  // Not `slice`: a Buffer's is a view, and may begin at an odd offset.
  const copy = new Uint8Array(bytes.subarray(0, bytes.byteLength & ~1));
  return new Int16Array(copy.buffer, copy.byteOffset, copy.byteLength / 2);
}

/** Joins pieces of PCM. */
export function joinSamples(pieces: readonly Int16Array[]): Int16Array {
  const out = new Int16Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}
