/** A door, HTTP and WebSockets on one listener, with an endpoint that only keeps book. */
import { request as httpRequest } from "node:http";
import type { Clock } from "../../gateway/clock.ts";
import type { ApiKey } from "../../gateway/config.ts";
import type { HttpOptions } from "../../gateway/http/app.ts";
import { createHttpApp } from "../../gateway/http/app.ts";
import type { ClientSecrets } from "../../gateway/http/client-secrets.ts";
import { createClientSecrets } from "../../gateway/http/client-secrets.ts";
import { createDoor } from "../../gateway/http/door.ts";
import { createRealtimeUpgrade } from "../../gateway/http/realtime-upgrade.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import type { RealtimeContext, RealtimeEndpoint, Transport } from "../../gateway/transport/contract.ts";
import { createListener } from "../../gateway/transport/listener.ts";
import { createWsTransport } from "../../gateway/transport/ws.ts";

export const signingSecret = "a secret of forty-two characters, at least";

export interface GlassOptions {
  apiKeys?: ApiKey[];
  allowedOrigins?: string[];
  allowedHosts?: string[];
  publicUrl?: string;
  ownNames?: string[];
  trustedProxies?: number;
  maxSessions?: number;
  audioHealthy?: () => boolean;
  tls?: { cert: string; key: string };
  http?: Partial<HttpOptions>;
}

export interface Glass {
  port: number;
  contexts: RealtimeContext[];
  counted: string[];
  faults: unknown[];
  clientSecrets: ClientSecrets;
  clock: Clock & { skipMs: number };
  transport: Transport;
  endpoint: { activeSessions: number };
  close(): Promise<void>;
}

const page = new Map([
  [
    "/",
    {
      body: Buffer.from("<!doctype html>"),
      contentType: "text/html; charset=utf-8",
      etag: '"1"',
      cacheControl: "no-cache",
    },
  ],
  [
    "/app.js",
    { body: Buffer.from("1;"), contentType: "text/javascript", etag: '"2"', cacheControl: "max-age=60" },
  ],
]);

export async function buildGlass(options: GlassOptions = {}): Promise<Glass> {
  const {
    apiKeys = [],
    allowedOrigins = [],
    allowedHosts = [],
    publicUrl = null,
    ownNames = [],
    trustedProxies = 0,
    maxSessions = 10,
  } = options;
  const system = createSystemClock();
  const clock = { ...system, skipMs: 0, epochMs: () => system.epochMs() + clock.skipMs };
  const clientSecrets = createClientSecrets(signingSecret, clock);
  const door = createDoor({
    ...{ apiKeys, allowedOrigins, allowedHosts, publicUrl, clientSecrets },
    ownNames: () => ownNames,
  });
  const contexts: RealtimeContext[] = [];
  const counted: string[] = [];
  const faults: unknown[] = [];
  const endpoint: RealtimeEndpoint & { activeSessions: number } = {
    activeSessions: 0,
    open: (context, socket) => {
      contexts.push(context);
      socket.send(JSON.stringify({ type: "session.created" }));
      return { onText: () => {}, onBinary: () => {}, onDrain: () => {}, onClose: () => {} };
    },
    drain: async () => {},
    close: async () => {},
  };
  const limits = {
    ...{
      maxConnections: 100,
      maxConnectionsPerAddress: 100,
      maxHandshakesPerSecond: 1000,
      handshakeTimeoutMs: 5000,
    },
    ...{ maxMessageBytes: 1_000_000, maxMessagesPerSecond: 1000, maxInputBytesPerSecond: 1_000_000 },
    ...{ sendBufferBytes: 1_000_000, pingIntervalMs: 60_000, closeTimeoutMs: 200 },
  };
  const server = createListener({ ...limits, tls: options.tls ?? null });
  const app = await createHttpApp({
    ...{ server, door, clientSecrets, clock, trustedProxies, version: "1.2.3", maxBodyBytes: 4096 },
    notReadyBecause: () => null,
    collectMetrics: async () => ({
      contentType: "text/plain; version=0.0.4; charset=utf-8",
      text: "parley_sockets 0\n",
    }),
    page: Promise.resolve(page),
    countRequest: (route, method, status) => counted.push(`${method} ${route} ${status}`),
    onFault: (error) => faults.push(error),
    ...options.http,
  });
  const ignore = () => {};
  const transport = createWsTransport({
    ...{ server, host: "127.0.0.1", port: 0, trustedProxies, limits, clock },
    decide: createRealtimeUpgrade({
      door,
      endpoint,
      maxSessions,
      audioHealthy: options.audioHealthy ?? (() => true),
    }),
    observe: {
      opened: ignore,
      closed: ignore,
      refused: ignore,
      pinged: ignore,
      bytes: ignore,
      backlog: ignore,
      fault: (error) => faults.push(error),
    },
  });
  const { port } = await transport.listen();
  const close = async () => {
    await transport.close(1001, "end");
    await app.close();
  };
  return { port, contexts, counted, faults, clientSecrets, clock, transport, endpoint, close };
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** One HTTP request with exactly these headers (`Host` included, which fetch would not allow). */
export function ask(
  port: number,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port, method, path, headers, agent: false });
    const settle = (status: number, given: Answer["headers"], text: string) =>
      resolve({ status, headers: given, text });
    request.on("error", reject);
    request.on("upgrade", (response, socket) => {
      socket.destroy();
      settle(101, response.headers, "");
    });
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => settle(response.statusCode!, response.headers, text));
    });
    request.end(body);
  });
}

/** Headers of a WebSocket's handshake. */
export const handshake = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

export function codeOf(answer: Answer): string {
  return (JSON.parse(answer.text) as { error: { code: string } }).error.code;
}
