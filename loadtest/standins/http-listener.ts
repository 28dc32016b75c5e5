/** An HTTP server of a stand-in: it can be closed with all its connections and opened again on the same port. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";

export type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface HttpListener {
  readonly port: number;
  setListening(listening: boolean): Promise<void>;
  close(): Promise<void>;
}

/** Longest body that is read. */
const bodyMaxBytes = 1024 * 1024;

/** Listens on a free port of 127.0.0.1. */
export async function openHttpListener(
  onRequest: RequestListener,
  onUpgrade?: OnUpgrade,
): Promise<HttpListener> {
  const sockets = new Set<Socket>();
  let server: Server | null = null;
  let port = 0;
  let change: Promise<void> = Promise.resolve();

  async function open(): Promise<void> {
    if (server !== null) return;
    const opened = createServer(onRequest);
    if (onUpgrade) opened.on("upgrade", onUpgrade);
    opened.on("connection", (socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      opened.once("error", reject);
      opened.listen(port, "127.0.0.1", resolve);
    });
    port = (opened.address() as AddressInfo).port;
    server = opened;
  }
  async function shut(): Promise<void> {
    const closing = server;
    server = null;
    if (closing === null) return;
    const closed = new Promise<void>((resolve) => closing.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  }
  /** One after the other, in the order that they were asked for. */
  function then(step: () => Promise<void>): Promise<void> {
    change = change.then(step, step);
    return change;
  }

  await then(open);
  return {
    get port() {
      return port;
    },
    setListening: (listening) => then(listening ? open : shut),
    close: () => then(shut),
  };
}

/** Reads a JSON body; null for one that is none, or too long. */
export async function readJson(request: IncomingMessage): Promise<Record<string, unknown> | null> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of request) {
      size += (part as Buffer).length;
      if (size > bodyMaxBytes) return null;
      parts.push(part as Buffer);
    }
    const value: unknown = JSON.parse(Buffer.concat(parts).toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}
