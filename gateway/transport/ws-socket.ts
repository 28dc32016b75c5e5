import type { Socket } from "node:net";
import type { RawData } from "ws";
import { WebSocket } from "ws";
import { closeCodes } from "../../wire/codes.ts";
import type { Clock } from "../clock.ts";
import type { SendResult, SocketHandler, TransportSocket } from "./contract.ts";
import type { TransportLimits, TransportObserver } from "./limits.ts";
import { burstSeconds } from "./limits.ts";
import { TokenBucket } from "./token-bucket.ts";
import { passWholeFrames } from "./ws-whole-frames.ts";

/** Close frames hold 125 bytes, two of them the code. */
const maxReasonBytes = 123;

/** Reasons are names from the table of codes, so that a client can match on them. */
const libraryCloses: Readonly<Record<number, { code: number; reason: string }>> = {
  1002: { code: closeCodes.protocolViolation, reason: "protocol_violation" },
  1007: { code: closeCodes.protocolViolation, reason: "protocol_violation" },
  1008: { code: closeCodes.protocolViolation, reason: "protocol_violation" },
  1009: { code: closeCodes.messageTooBig, reason: "message_too_big" },
};

/**
 * The library closes a connection by itself when its peer breaks the protocol; here it does so with our codes. The
 * connection's owner learns of it through `onLibraryClose`.
 */
export class CodedWebSocket extends WebSocket {
  onLibraryClose: ((code: number, reason: string) => void) | null = null;

  override close(code?: number, reason?: string | Buffer): void {
    // The library also answers the peer's own close frame through this method; then the code is the peer's.
    const answering = Reflect.get(this, "_closeFrameReceived") === true;
    const coded = code === undefined || answering ? undefined : libraryCloses[code];
    if (coded === undefined || this.readyState !== WebSocket.OPEN) {
      super.close(code, reason);
      return;
    }
    this.onLibraryClose?.(coded.code, coded.reason);
    super.close(coded.code, coded.reason);
  }
}

/** A reason that fits a close frame, cut between characters. */
function cutReason(reason: string): string {
  if (Buffer.byteLength(reason) <= maxReasonBytes) return reason;
  const bytes = Buffer.from(reason).subarray(0, maxReasonBytes);
  return bytes.toString("utf8").replace(/\uFFFD+$/, "");
}

/** What all connections of a transport share. */
export interface WsShared {
  limits: TransportLimits;
  clock: Clock;
  observe: TransportObserver;
  /** Sums since the last sweep. */
  receivedBytes: number;
  sentBytes: number;
}

/** A binary payload larger than that is written beside its header, not copied behind it. */
const copiedBytes = 1024;

/** The header of an unmasked frame, as servers send them, with room for `extra` bytes behind it. */
function headerOf(kind: number, size: number, extra: number): { frame: Buffer; headerSize: number } {
  const headerSize = size < 126 ? 2 : size < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerSize + extra);
  frame[0] = kind;
  if (headerSize === 2) frame[1] = size;
  else if (headerSize === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(size, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(size), 2);
  }
  return { frame, headerSize };
}

/** A whole message of `size` bytes (UTF-8 for a text): one buffer, or for large audio two. */
function framesOf(data: string | Uint8Array, size: number): [Buffer] | [Buffer, Uint8Array] {
  if (typeof data === "string") {
    const { frame, headerSize } = headerOf(0x81, size, size);
    frame.write(data, headerSize);
    return [frame];
  }
  if (size > copiedBytes) return [headerOf(0x82, size, 0).frame, data];
  const { frame, headerSize } = headerOf(0x82, size, size);
  frame.set(data, headerSize);
  return [frame];
}

/** More than that isn't kept back for the end of the loop's round. */
const heldBackBytes = 64 * 1024;

/**
 * What is sent within one round of the event loop leaves in one write: a reply's first second is dozens of small messages,
 * and each write costs a call into the kernel.
 */
class FlushRound {
  readonly #held: Socket[] = [];

  hold(raw: Socket): void {
    if (raw.writableCorked > 0) return;
    raw.cork();
    if (this.#held.push(raw) === 1) setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    for (const raw of this.#held.splice(0)) raw.uncork();
  };
}

const flushRound = new FlushRound();

/** One connection on `ws`. */
export class WsSocket implements TransportSocket {
  readonly id: string;
  readonly remoteAddress: string;
  readAtMs: number;
  /** When the next ping is due. */
  pingAtMs: number;
  readonly #ws: CodedWebSocket;
  readonly #raw: Socket;
  readonly #shared: WsShared;
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  readonly #highBytes: number;
  readonly #lowBytes: number;
  #ceilingBytes: number;
  #handler: SocketHandler | null = null;
  /** Why this end closed the connection; null while it did not. */
  #ending: { code: number; reason: string } | null = null;
  #backlogged = false;
  #pingSentAtMs: number | null = null;
  #bytesReadAtPing = 0;

  constructor(ws: CodedWebSocket, raw: Socket, remoteAddress: string, shared: WsShared) {
    const { limits, clock } = shared;
    const nowMs = () => clock.nowMs();
    this.id = clock.randomId(9);
    this.remoteAddress = remoteAddress;
    this.readAtMs = clock.nowMs();
    this.pingAtMs = this.readAtMs + limits.pingIntervalMs;
    this.#ws = ws;
    this.#raw = raw;
    this.#shared = shared;
    this.#messages = new TokenBucket(
      limits.maxMessagesPerSecond,
      limits.maxMessagesPerSecond * burstSeconds.messages,
      nowMs,
    );
    const burstBytes = Math.max(limits.maxInputBytesPerSecond * burstSeconds.bytes, limits.maxMessageBytes);
    this.#bytes = new TokenBucket(limits.maxInputBytesPerSecond, burstBytes, nowMs);
    this.#ceilingBytes = limits.sendBufferBytes;
    this.#highBytes = limits.sendBufferBytes / 4;
    this.#lowBytes = limits.sendBufferBytes / 8;
  }

  /** Attaches the handler; from here on its calls follow. `onClosed` runs after the handler's `onClose`. */
  start(open: (socket: TransportSocket) => SocketHandler, onClosed: (code: number) => void): void {
    const { observe } = this.#shared;
    this.#ws.onLibraryClose = (code, reason) => {
      this.#ending ??= { code, reason };
    };
    // A fault of the wire is followed by `close`, which tells the handler.
    this.#ws.on("error", () => {});
    this.#ws.on("close", (code, reason) => {
      const { code: finalCode, reason: finalReason } = this.#ending ?? { code, reason: reason.toString() };
      this.#ending = { code: finalCode, reason: finalReason };
      this.#guard(() => this.#handler?.onClose(finalCode, finalReason));
      this.#handler = null;
      onClosed(finalCode);
    });
    this.#ws.on("message", this.#onMessage);
    passWholeFrames(Reflect.get(this.#ws, "_receiver"), this.#shared.limits.maxMessageBytes);
    this.#ws.on("ping", () => this.#spend(0));
    this.#ws.on("pong", () => {
      if (this.#pingSentAtMs === null) return;
      observe.pinged(this.#shared.clock.nowMs() - this.#pingSentAtMs);
      this.#pingSentAtMs = null;
    });
    this.#guard(() => {
      this.#handler = open(this);
    });
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  send(data: string | Uint8Array): SendResult {
    if (this.#ending !== null || this.#ws.readyState !== WebSocket.OPEN) return "closed";
    const { limits } = this.#shared;
    const size = typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
    let waiting = this.#ws.bufferedAmount;
    if (waiting + size > this.#highBytes && this.#raw.writableCorked > 0) {
      // What was kept back says nothing about how fast the client reads.
      this.#raw.uncork();
      waiting = this.#ws.bufferedAmount;
    }
    if (waiting === 0) this.#ceilingBytes = limits.sendBufferBytes;
    // One message larger than the whole buffer must be possible (a long item that the client retrieves): the client is
    // slow only if more piles up behind it than the buffer holds.
    if (size > limits.sendBufferBytes && waiting <= this.#highBytes) {
      this.#ceilingBytes = waiting + size + limits.sendBufferBytes;
    }
    if (waiting + size > this.#ceilingBytes) {
      this.close(closeCodes.slowClient, "slow_client");
      return "closed";
    }
    this.#shared.sentBytes += size;
    const watched = this.#backlogged || waiting + size > this.#highBytes;
    const [frame, payload] = framesOf(data, size);
    if (waiting + size <= Math.min(heldBackBytes, this.#highBytes)) flushRound.hold(this.#raw);
    else if (this.#raw.writableCorked > 0) this.#raw.uncork();
    // Past the library, which writes header and payload of every message apart: one buffer costs a third less. Nothing of
    // the library's own can be in between: it has no compression to wait for, its pings and closes are written at once too.
    if (payload !== undefined) this.#raw.write(frame);
    if (watched) this.#raw.write(payload ?? frame, this.#onFlushed);
    else this.#raw.write(payload ?? frame);
    if (this.#ws.bufferedAmount > this.#highBytes) this.#backlogged = true;
    return this.#backlogged ? "backlogged" : "sent";
  }

  close(code: number, reason: string): void {
    if (this.#ending !== null) return;
    this.#ending = { code, reason: cutReason(reason) };
    this.#ws.close(code, this.#ending.reason);
  }

  /** Cuts the connection without a closing handshake. */
  cut(code: number, reason: string): void {
    this.#ending ??= { code, reason };
    this.#ws.terminate();
  }

  /** Pings the peer, or gives it up for dead: nothing came from it (no pong, no byte) since the last ping. */
  probe(nowMs: number): void {
    this.pingAtMs = nowMs + this.#shared.limits.pingIntervalMs;
    if (this.#ws.readyState !== WebSocket.OPEN) return;
    if (this.#pingSentAtMs !== null) {
      if (this.#raw.bytesRead === this.#bytesReadAtPing) this.cut(closeCodes.idleTimeout, "idle_timeout");
      this.#bytesReadAtPing = this.#raw.bytesRead;
      return;
    }
    this.#pingSentAtMs = nowMs;
    this.#bytesReadAtPing = this.#raw.bytesRead;
    this.#ws.ping();
  }

  /** @returns false when the peer sends more than it may (it is being closed then) */
  #spend(bytes: number): boolean {
    if (this.#messages.take(1) && this.#bytes.take(bytes)) return true;
    this.close(closeCodes.flood, "flood");
    return false;
  }

  readonly #onMessage = (data: RawData, isBinary: boolean): void => {
    // binaryType "nodebuffer": always one Buffer.
    const bytes = data as Buffer;
    this.#shared.receivedBytes += bytes.length;
    if (this.#ending !== null || this.#handler === null || !this.#spend(bytes.length)) return;
    this.readAtMs = this.#shared.clock.nowMs();
    try {
      if (isBinary) this.#handler.onBinary(bytes);
      else this.#handler.onText(bytes.toString("utf8"));
    } catch (error) {
      this.#fail(error);
    }
  };

  readonly #onFlushed = (): void => {
    if (!this.#backlogged || this.#ws.bufferedAmount > this.#lowBytes) return;
    this.#backlogged = false;
    if (this.#ending === null) this.#guard(() => this.#handler?.onDrain());
  };

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A handler must not throw; one that does loses its own connection, not everybody's. */
  #fail(error: unknown): void {
    this.#shared.observe.fault(error);
    this.close(1011, "internal_error");
  }
}
