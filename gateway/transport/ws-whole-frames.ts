/**
 * The short way in for the frames that voice consists of: whole, unfragmented, small, many a second. The library puts each
 * through a stream and four slices, which costs more than what is then done with the audio; here it is unmasked where it
 * lies. Whatever is not plainly such a frame goes the library's way, with its checks, from its first byte on.
 */
import { isUtf8 } from "node:buffer";

/** The library's receiver, as far as it is needed: all of it private there, so each part may be missing. */
interface Receiver {
  write(chunk: Buffer): boolean;
  emit(event: "message", data: Buffer, isBinary: boolean): boolean;
  _state?: number;
  _bufferedBytes?: number;
  _fragmented?: number;
  writableLength: number;
}

const finalText = 0x81;
const finalBinary = 0x82;
const maskedBit = 0x80;
/** The library's state between two frames. */
const betweenFrames = 0;

function unmask(bytes: Buffer, from: number, until: number, keyAt: number): void {
  const key = [bytes[keyAt]!, bytes[keyAt + 1]!, bytes[keyAt + 2]!, bytes[keyAt + 3]!] as const;
  const wholeUntil = until - ((until - from) & 3);
  let at = from;
  for (; at < wholeUntil; at += 4) {
    bytes[at]! ^= key[0];
    bytes[at + 1]! ^= key[1];
    bytes[at + 2]! ^= key[2];
    bytes[at + 3]! ^= key[3];
  }
  for (let index = 0; at < until; at += 1, index += 1) bytes[at]! ^= key[index]!;
}

/** Takes the whole frames at the beginning of `chunk`. @returns how many bytes they were */
function takeWhole(receiver: Receiver, chunk: Buffer, maxBytes: number): number {
  let at = 0;
  while (chunk.length - at > 6) {
    const kind = chunk[at]!;
    const lengthByte = chunk[at + 1]!;
    if ((kind !== finalBinary && kind !== finalText) || lengthByte < maskedBit) break;
    let size = lengthByte - maskedBit;
    if (size === 127) break;
    let keyAt = at + 2;
    if (size === 126) {
      size = chunk.readUInt16BE(keyAt);
      keyAt += 2;
    }
    const from = keyAt + 4;
    const until = from + size;
    if (until > chunk.length || size > maxBytes) break;
    unmask(chunk, from, until, keyAt);
    const payload = chunk.subarray(from, until);
    if (kind === finalText && !isUtf8(payload)) {
      unmask(chunk, from, until, keyAt);
      break;
    }
    at = until;
    receiver.emit("message", payload, kind === finalBinary);
  }
  return at;
}

/** Lets whole frames pass the receiver by. Without the library's parts that it must know, nothing is changed. */
export function passWholeFrames(receiver: Receiver | undefined, maxMessageBytes: number): void {
  if (receiver?._state === undefined || receiver._bufferedBytes === undefined) return;
  const write = receiver.write.bind(receiver);
  receiver.write = (chunk) => {
    const idle =
      receiver._state === betweenFrames &&
      receiver._bufferedBytes === 0 &&
      receiver._fragmented === 0 &&
      receiver.writableLength === 0;
    const taken = idle ? takeWhole(receiver, chunk, maxMessageBytes) : 0;
    return taken === chunk.length || write(taken === 0 ? chunk : chunk.subarray(taken));
  };
}
