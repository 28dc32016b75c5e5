/**
 * Frames between a gateway and a speech engine: uint32 LE length of a JSON header, uint32 LE length of a binary
 * payload, then both. PCM in a payload is mono int16, little-endian.
 */

const PREFIX_BYTES = 8;
/** Headers hold texts of at most a few thousand characters. */
export const MAX_HEADER_BYTES = 256 * 1024;
/** A payload holds at most one window of the recogniser (30 s at 16 kHz, 960 kB) with room to spare. */
export const MAX_PAYLOAD_BYTES = 2 * 1024 * 1024;

/** What travels from a gateway to an engine. */
export type RequestFrame =
  | {
      type: "request";
      id: number;
      /** What to do; each engine has its own list. */
      op: string;
      tenant: string;
      /** Time left when it was sent. Not a moment: the two processes need not share a clock. */
      budgetMs: number;
      /** Arguments of the operation. */
      args: Record<string, unknown>;
    }
  /** Goes to a call under way; which operations take it, and what, each engine says. */
  | { type: "more"; id: number; args: Record<string, unknown> }
  | { type: "cancel"; id: number };

/** How far an engine is. `refused`: its model can't be used, and a restart would not help. */
export type EngineState = "loading" | "ready" | "refused";

/** Why an engine didn't do what was asked. */
export type EngineFaultCode =
  /** The queue is full; said at once. */
  | "overloaded"
  /** Its time was over before it was served. */
  | "expired"
  | "model_checksum_mismatch"
  | "model_unavailable"
  | "invalid_request"
  | "engine_failed";

/** What travels from an engine to a gateway. */
export type AnswerFrame =
  | { type: "state"; engine: string; state: EngineState; code?: EngineFaultCode; message?: string }
  /** It left the queue: if the engine dies now, this call may be why. */
  | { type: "started"; id: number }
  | { type: "event"; id: number; event: Record<string, unknown> }
  | {
      type: "end";
      id: number;
      outcome: "completed" | "cancelled" | "failed";
      code?: EngineFaultCode;
      message?: string;
    };

/** Encodes a frame in one buffer, so that it is one write. */
export function encodeFrame(header: RequestFrame | AnswerFrame, payload?: Uint8Array): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + json.length + (payload?.length ?? 0));
  frame.writeUInt32LE(json.length, 0);
  frame.writeUInt32LE(payload?.length ?? 0, 4);
  json.copy(frame, PREFIX_BYTES);
  if (payload) frame.set(payload, PREFIX_BYTES + json.length);
  return frame;
}

/** The bytes of PCM as a payload; shares memory. */
export function payloadOf(pcm: Int16Array): Uint8Array {
  return new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
}

/** PCM out of a payload; a copy (payloads lie at odd addresses). */
export function pcmOf(payload: Uint8Array): Int16Array {
  const bytes = payload.byteLength & ~1;
  return new Int16Array(payload.slice(0, bytes).buffer, 0, bytes >> 1);
}

/** Cuts a stream of bytes into frames. */
export interface FrameReader<Header> {
  /** @throws Error for a frame beyond the limits or a header that is no JSON object; the connection must be dropped */
  push(bytes: Uint8Array): { header: Header; payload: Uint8Array }[];
}

/** A reader for one connection; holds at most one unfinished frame. */
export function createFrameReader<Header extends RequestFrame | AnswerFrame>(): FrameReader<Header> {
  let parts: Uint8Array[] = [];
  let heldBytes = 0;
  let wantedBytes = PREFIX_BYTES;
  return {
    push(bytes) {
      parts.push(bytes);
      heldBytes += bytes.length;
      const frames: { header: Header; payload: Uint8Array }[] = [];
      if (heldBytes < wantedBytes) return frames;
      const held =
        parts.length === 1 ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : Buffer.concat(parts);
      let at = 0;
      wantedBytes = PREFIX_BYTES;
      while (held.length - at >= PREFIX_BYTES) {
        const headerBytes = held.readUInt32LE(at);
        const payloadBytes = held.readUInt32LE(at + 4);
        if (headerBytes > MAX_HEADER_BYTES || payloadBytes > MAX_PAYLOAD_BYTES) {
          throw new Error("a frame is larger than allowed");
        }
        const frameBytes = PREFIX_BYTES + headerBytes + payloadBytes;
        if (held.length - at < frameBytes) {
          wantedBytes = frameBytes;
          break;
        }
        const payloadAt = at + PREFIX_BYTES + headerBytes;
        const header = JSON.parse(held.toString("utf8", at + PREFIX_BYTES, payloadAt)) as Header | null;
        if (typeof header !== "object" || header === null) throw new Error("a frame's header is no object");
        // A plain array, not a Buffer: whose `slice` would share memory.
        const payload = new Uint8Array(held.buffer, held.byteOffset + payloadAt, payloadBytes);
        frames.push({ header, payload });
        at += frameBytes;
      }
      const rest = held.subarray(at);
      parts = rest.length > 0 ? [rest] : [];
      heldBytes = rest.length;
      return frames;
    },
  };
}
