import type { Server as HttpServer } from "node:http";
import { createServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import { createServer as createTlsServer } from "node:https";

/** Room for a client secret that carries a session (see `gateway/http/client-secrets.ts`) beside ordinary headers. */
const maxHeaderBytes = 32 * 1024;

/** TCP connections beyond those of WebSockets: health checks, pages, handshakes that are turned away. */
const spareConnections = 512;

/**
 * The server that HTTP and WebSockets share, not yet listening. Slow headers, slow TLS handshakes and idle connections
 * end in time.
 *
 * @param tls - PEM texts, to speak https and wss
 */
export function createListener(options: {
  handshakeTimeoutMs: number;
  maxConnections: number;
  tls: { cert: string; key: string } | null;
}): HttpServer | HttpsServer {
  const { handshakeTimeoutMs, maxConnections, tls } = options;
  const http = {
    headersTimeout: handshakeTimeoutMs,
    requestTimeout: handshakeTimeoutMs * 3,
    keepAliveTimeout: 5000,
    connectionsCheckingInterval: Math.min(1000, Math.ceil(handshakeTimeoutMs / 4)),
    maxHeaderSize: maxHeaderBytes,
    noDelay: true,
  };
  const server =
    tls === null
      ? createServer(http)
      : createTlsServer({ ...http, ...tls, handshakeTimeout: handshakeTimeoutMs, minVersion: "TLSv1.2" });
  server.maxHeadersCount = 100;
  server.maxConnections = maxConnections + spareConnections;
  return server;
}
