import type { IncomingMessage } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { ErrorCode } from "../../wire/codes.ts";
import { errorBody, errorTable, isErrorCode } from "../errors.ts";
import { cameByTls, clientAddress, joinHeader } from "./address.ts";
import type { HandshakeRequest } from "./contract.ts";

/** RFC 9110 token, as a subprotocol must be one. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const maxSubprotocols = 16;

/** A handshake that is turned away. */
export interface Refusal {
  status: number;
  code: string;
  message: string;
  headers?: Record<string, string>;
}

/** A refusal by a row of the table of errors. */
export function refusal(code: ErrorCode, message?: string, headers?: Record<string, string>): Refusal {
  const row = errorTable[code];
  return { status: row.httpStatus, code, message: message ?? row.message, ...(headers && { headers }) };
}

/**
 * Reads an upgrade request. What the WebSocket library would turn away without a word is turned away here with a code.
 *
 * @param trustedProxies - how many proxies' X-Forwarded-* are believed
 */
export function readUpgrade(request: IncomingMessage, trustedProxies: number): HandshakeRequest | Refusal {
  const { headers, method, url: path = "" } = request;
  if (method !== "GET") return refusal("method_not_allowed", undefined, { Allow: "GET" });
  if (headers.upgrade?.toLowerCase() !== "websocket" || headers["sec-websocket-version"] !== "13") {
    return refusal("upgrade_required", undefined, { Upgrade: "websocket", "Sec-WebSocket-Version": "13" });
  }
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers["sec-websocket-key"] ?? "")) {
    return refusal("invalid_request", "The handshake's Sec-WebSocket-Key is missing or malformed.");
  }
  const offered = headers["sec-websocket-protocol"];
  const subprotocols =
    offered === undefined ? [] : offered.split(",", maxSubprotocols + 1).map((name) => name.trim());
  if (subprotocols.length > maxSubprotocols || !subprotocols.every((name) => token.test(name))) {
    return refusal("invalid_request", "The handshake's Sec-WebSocket-Protocol is malformed.");
  }
  if (new Set(subprotocols).size !== subprotocols.length) {
    return refusal("invalid_request", "The handshake's Sec-WebSocket-Protocol names one twice.");
  }
  const secure = cameByTls(request, trustedProxies);
  // A Host may hold anything, a path too: it is judged by the door and never becomes part of the URL.
  const address = `${secure ? "https" : "http"}://localhost${path}`;
  if (!path.startsWith("/") || !URL.canParse(address)) return refusal("invalid_request");
  return {
    url: new URL(address),
    headers: headers as Record<string, string | undefined>,
    subprotocols,
    remoteAddress: clientAddress(
      request.socket.remoteAddress,
      joinHeader(headers["x-forwarded-for"]),
      trustedProxies,
    ),
    secure,
  };
}

/** Answers an upgrade request in HTTP, with the coded JSON body, and ends the connection. */
export function refuseUpgrade(socket: Duplex, { status, code, message, headers = {} }: Refusal): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const known = isErrorCode(code) ? code : "invalid_request";
  const body = JSON.stringify(errorBody(known, { message }));
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Refused"}`,
    "Connection: close",
    "Content-Type: application/json; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Cache-Control: no-store",
    "X-Content-Type-Options: nosniff",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value.replaceAll(/[\r\n]/g, " ")}`),
  ];
  // Destroying only after the flush lets the peer read the refusal; a peer that does not read it is cut by the listener's limits.
  socket.once("finish", () => socket.destroy());
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
