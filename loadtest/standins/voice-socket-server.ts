/** A WebSocket of a stand-in, and how one breaks. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { truncatedUtf8 } from "./speech-pieces.ts";

const messageMaxBytes = 1024 * 1024;

/** One client's socket. */
export interface VoiceClient {
  send(message: object): void;
  /** Sends the beginning of a message, then nothing more, for ever. */
  cut(message: object): void;
  sendMalformed(): void;
  sendTruncatedUtf8(): void;
  close(code: number, reason?: string): void;
  /** Ends the connection without a word. */
  reset(): void;
}

export interface VoiceClientEvents {
  /** Null for what is no JSON object. */
  message(message: Record<string, unknown> | null): void;
  closed(): void;
}

/** Accepts upgrades; `open` is called for each new socket. */
export function createVoiceUpgrades(
  open: (client: VoiceClient, request: IncomingMessage) => VoiceClientEvents,
) {
  const server = new WebSocketServer({ noServer: true, maxPayload: messageMaxBytes });
  return {
    accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
      server.handleUpgrade(request, socket, head, (ws) => {
        const events = open(clientOf(ws, socket), request);
        ws.on("message", (data) => events.message(parse(data)));
        ws.on("close", () => events.closed());
        ws.on("error", () => undefined);
      });
    },
  };
}

/** Answers an upgrade as plain HTTP. */
export function refuseUpgrade(socket: Duplex, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
  );
}

function clientOf(ws: WebSocket, socket: Duplex): VoiceClient {
  const reset = () =>
    "resetAndDestroy" in socket ? (socket as import("node:net").Socket).resetAndDestroy() : socket.destroy();
  return {
    send: (message) => ws.send(JSON.stringify(message)),
    cut(message) {
      const payload = Buffer.from(JSON.stringify(message));
      const header = Buffer.alloc(10);
      header[0] = 0x81;
      header[1] = 127;
      header.writeBigUInt64BE(BigInt(payload.length), 2);
      socket.write(Buffer.concat([header, payload.subarray(0, payload.length >> 1)]), () => socket.destroy());
    },
    sendMalformed: () => ws.send('{"type":"chunk","audio":"AAA'),
    sendTruncatedUtf8: () => ws.send(truncatedUtf8, { binary: false }),
    close: (code, reason) => ws.close(code, reason),
    reset,
  };
}

function parse(data: RawData): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(String(data));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
