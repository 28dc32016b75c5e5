/**
 * G.711, both laws, by tables that are computed once from the recommendation's definition. Samples are int16:
 * mu-law uses their upper 14 bits, A-law their upper 13; codes are one byte a sample.
 *
 * @see ITU-T G.711 (11/88), tables 1a to 2b; ITU-T G.191 (software tools) for the treatment of negative numbers
 */

/** Bias that makes mu-law's segments powers of two, in 14-bit units. */
const mulawBias = 33;
const mulawMaxMagnitude = 0x1fff;
/** A-law's even bits travel inverted. */
const alawToggle = 0x55;
const signBit = 0x80;

const mulawValues = new Int16Array(256).map((_, code) => expandMulaw(code));
const alawValues = new Int16Array(256).map((_, code) => expandAlaw(code));
/** By the sample's upper 14 bits, read as unsigned. */
const mulawCodes = new Uint8Array(1 << 14).map((_, index) => compressMulaw((index << 18) >> 16));
/** By the sample's upper 13 bits, read as unsigned. */
const alawCodes = new Uint8Array(1 << 13).map((_, index) => compressAlaw((index << 19) >> 16));

/**
 * mu-law bytes to int16 samples.
 *
 * @param out - written from its start; made when left out
 * @throws {RangeError} if `out` is shorter than `codes` (a bug of the caller)
 */
export function decodeMulaw(codes: Uint8Array, out: Int16Array = new Int16Array(codes.length)): Int16Array {
  return expand(codes, out, mulawValues);
}

/** A-law bytes to int16 samples; parameters as `decodeMulaw`. */
export function decodeAlaw(codes: Uint8Array, out: Int16Array = new Int16Array(codes.length)): Int16Array {
  return expand(codes, out, alawValues);
}

/**
 * int16 samples to mu-law bytes.
 *
 * @param out - written from its start; made when left out
 * @throws {RangeError} if `out` is shorter than `pcm` (a bug of the caller)
 */
export function encodeMulaw(pcm: Int16Array, out: Uint8Array = new Uint8Array(pcm.length)): Uint8Array {
  requireRoom(out.length, pcm.length);
  for (let i = 0; i < pcm.length; i++) out[i] = mulawCodes[(pcm[i]! >> 2) & 0x3fff]!;
  return out;
}

/** int16 samples to A-law bytes; parameters as `encodeMulaw`. */
export function encodeAlaw(pcm: Int16Array, out: Uint8Array = new Uint8Array(pcm.length)): Uint8Array {
  requireRoom(out.length, pcm.length);
  for (let i = 0; i < pcm.length; i++) out[i] = alawCodes[(pcm[i]! >> 3) & 0x1fff]!;
  return out;
}

function expand(codes: Uint8Array, out: Int16Array, values: Int16Array): Int16Array {
  requireRoom(out.length, codes.length);
  for (let i = 0; i < codes.length; i++) out[i] = values[codes[i]!]!;
  return out;
}

function requireRoom(available: number, needed: number): void {
  if (available < needed) throw new RangeError(`${needed} samples do not fit ${available}`);
}

function expandMulaw(code: number): number {
  const inverted = ~code & 0x7f;
  const segment = inverted >> 4;
  const magnitude = ((((inverted & 0x0f) << 1) + mulawBias) << segment) - mulawBias;
  // 14-bit units to int16.
  return (code & signBit ? magnitude : -magnitude) * 4;
}

function compressMulaw(sample: number): number {
  // Negative numbers by one's complement, so that the 14-bit steps mirror each other around zero.
  const magnitude = (sample < 0 ? ~sample : sample) >> 2;
  const biased = Math.min(magnitude + mulawBias, mulawMaxMagnitude);
  const segment = 31 - Math.clz32(biased) - 5;
  const step = (biased >> (segment + 1)) & 0x0f;
  const code = ~((segment << 4) | step) & 0x7f;
  return sample < 0 ? code : code | signBit;
}

function expandAlaw(code: number): number {
  const plain = code ^ alawToggle;
  const segment = (plain >> 4) & 0x07;
  const step = plain & 0x0f;
  const magnitude = segment === 0 ? (step << 4) + 8 : ((step << 4) + 0x108) << (segment - 1);
  return plain & signBit ? magnitude : -magnitude;
}

function compressAlaw(sample: number): number {
  const magnitude = (sample < 0 ? ~sample : sample) >> 4;
  const segment = magnitude < 32 ? magnitude >> 4 : 31 - Math.clz32(magnitude) - 3;
  const step = segment < 2 ? magnitude & 0x0f : (magnitude >> (segment - 1)) & 0x0f;
  const plain = (segment << 4) | step;
  return (sample < 0 ? plain : plain | signBit) ^ alawToggle;
}
