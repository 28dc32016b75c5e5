/** HTTP: health, metrics, client secrets, the page. */

import type { Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { fastify } from "fastify";
import type { ErrorCode } from "../../wire/codes.ts";
import type { Clock } from "../clock.ts";
import { errorBody, errorTable, GatewayError, toGatewayError } from "../errors.ts";
import { cameByTls, clientAddress, joinHeader } from "../transport/address.ts";
import { refusal, refuseUpgrade } from "../transport/upgrade.ts";
import { mintClientSecret } from "./client-secret-route.ts";
import type { ClientSecrets } from "./client-secrets.ts";
import type { Door, DoorRequest, Visitor } from "./door.ts";
import { encodeAsset } from "./page-encoding.ts";
import { realtimePath } from "./realtime-upgrade.ts";
import { securityHeaders } from "./security-headers.ts";

/** A file of the page, as `page.ts` bundles it. */
export interface PageAsset {
  body: Buffer;
  contentType: string;
  etag: string;
  cacheControl: string;
  /** The same, compressed; absent where that gains nothing. */
  packed?: { br: Buffer; gzip: Buffer };
}

export interface HttpOptions {
  server: HttpServer | HttpsServer;
  version: string;
  door: Door;
  clientSecrets: ClientSecrets;
  clock: Clock;
  maxBodyBytes: number;
  /** Believed proxies. */
  trustedProxies: number;
  /** Why the gateway takes no new session of that client address at the moment; null when it does. */
  notReadyBecause: (address: string) => ErrorCode | null;
  /** What is known of the vendors; told beside the answer where there are any. */
  vendors?: () => readonly object[];
  /** Text of /metrics and its content type (of all processes together). */
  collectMetrics: () => Promise<{ contentType: string; text: string }>;
  /** Files of the page by path; settles when they are bundled. */
  page: Promise<ReadonlyMap<string, PageAsset>>;
  /** Refuses a session configuration that a client secret should carry, by throwing a GatewayError. */
  checkSession?: (session: unknown) => void;
  countRequest: (route: string, method: string, status: number) => void;
  onFault: (error: unknown) => void;
}

/** Who may use a route: everybody; whoever calls us by our name from our page; only who has a key. */
type Access = "open" | "place" | "key";

declare module "fastify" {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    visitor: Visitor | null;
  }
}

/** When to ask again, in the words of the header; the same as a refused handshake's. */
const retryAfterSeconds = "1";

/** Methods of each path, for `Allow` and preflights. */
const methods: Readonly<Record<string, string>> = {
  "/healthz": "GET, HEAD",
  "/readyz": "GET, HEAD",
  "/metrics": "GET, HEAD",
  [realtimePath]: "GET",
  [`${realtimePath}/client_secrets`]: "POST",
};

/** Attaches HTTP to the server's requests (not its upgrades). Resolves when requests can be answered. */
export async function createHttpApp(options: HttpOptions): Promise<{ close(): Promise<void> }> {
  const app = fastify({
    bodyLimit: options.maxBodyBytes,
    exposeHeadRoutes: false,
    forceCloseConnections: false,
    frameworkErrors: (_error, _request, reply) => sendError(reply, new GatewayError("invalid_request")),
    clientErrorHandler: (_error, socket) => refuseUpgrade(socket as Socket, refusal("invalid_request")),
    serverFactory: (handler) => {
      options.server.on("request", handler);
      return options.server as HttpServer;
    },
  });
  app.decorateRequest("visitor", null);
  app.addHook("onRequest", async (request, reply) => openDoor(options, request, reply));
  app.addHook("onResponse", async (request, reply) => {
    options.countRequest(request.routeOptions.url ?? "unmatched", request.method, reply.statusCode);
  });
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const known = fromFastify(error);
    if (known.code === "internal_error") options.onFault(error);
    sendError(reply, known);
  });
  app.setNotFoundHandler((request, reply) => {
    const allow = methods[request.url.split("?", 1)[0]!];
    const isRead = ["GET", "HEAD"].includes(request.method);
    if (allow === undefined && (isRead || request.url.startsWith("/v1/")))
      return sendError(reply, new GatewayError("not_found"));
    void reply.header("Allow", allow ?? "GET, HEAD");
    sendError(reply, new GatewayError("method_not_allowed"));
  });
  addRoutes(app, options);
  await app.ready();
  return { close: () => app.close() };
}

function addRoutes(app: FastifyInstance, options: HttpOptions): void {
  const { clientSecrets, clock, version } = options;
  const getOrHead = ["GET", "HEAD"];
  app.route({
    method: getOrHead,
    url: "/healthz",
    config: { access: "open" },
    handler: async () => ({ status: "ok", version }),
  });
  app.route({
    method: getOrHead,
    url: "/readyz",
    config: { access: "open" },
    handler: async (request, reply) => {
      const code = whyNotReady(options, request);
      const vendors = options.vendors?.() ?? [];
      const told = vendors.length === 0 ? {} : { vendors };
      if (code === null) return { ready: true, ...told };
      void reply.code(503).header("Retry-After", retryAfterSeconds);
      return { ready: false, code, message: errorTable[code].message, ...told };
    },
  });
  app.route({
    method: getOrHead,
    url: "/metrics",
    config: { access: "key" },
    handler: async (request, reply) => {
      refuseClientSecret(request);
      const { contentType, text } = await options.collectMetrics();
      return reply.type(contentType).send(text);
    },
  });
  app.route({
    method: "POST",
    url: `${realtimePath}/client_secrets`,
    config: { access: "key" },
    handler: async (request) => {
      refuseClientSecret(request);
      const { checkSession = () => {} } = options;
      return mintClientSecret(request.body, {
        visitor: request.visitor!,
        clientSecrets,
        clock,
        checkSession,
      });
    },
  });
  app.get(realtimePath, { config: { access: "key" } }, async (request, reply) => {
    // A browser that was refused a WebSocket asks here why: it hears what the handshake was told.
    const code = whyNotReady(options, request);
    if (code !== null) {
      void reply.header("Retry-After", retryAfterSeconds);
      throw new GatewayError(code);
    }
    void reply.headers({ Upgrade: "websocket", "Sec-WebSocket-Version": "13" });
    throw new GatewayError("upgrade_required");
  });
  app.route({
    method: getOrHead,
    url: "/*",
    config: { access: "place" },
    handler: (request, reply) => sendAsset(options, request, reply),
  });
}

function whyNotReady(options: HttpOptions, { raw, headers }: FastifyRequest): ErrorCode | null {
  const forwardedFor = joinHeader(headers["x-forwarded-for"]);
  return options.notReadyBecause(
    clientAddress(raw.socket.remoteAddress, forwardedFor, options.trustedProxies),
  );
}

async function sendAsset(
  options: HttpOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const path = request.url.split("?", 1)[0]!;
  const allow = methods[path];
  if (allow !== undefined) {
    void reply.header("Allow", allow);
    throw new GatewayError("method_not_allowed");
  }
  // API paths are never files, so their refusal need not wait for the page.
  if (path.startsWith("/v1/")) throw new GatewayError("not_found");
  const assets = await options.page.catch(() => null);
  if (assets === null)
    throw new GatewayError("not_ready", { message: "The page could not be bundled; the log says why." });
  const asset = assets.get(path);
  if (asset === undefined) throw new GatewayError("not_found");
  const encoded = encodeAsset(asset, joinHeader(request.headers["accept-encoding"]));
  const vary = [reply.getHeader("Vary"), encoded.headers.Vary].filter(Boolean).join(", ");
  void reply.headers({ ...encoded.headers, ETag: encoded.etag, "Cache-Control": asset.cacheControl });
  if (vary !== "") void reply.header("Vary", vary);
  if (request.headers["if-none-match"] === encoded.etag) return reply.code(304).send();
  return reply.type(asset.contentType).send(encoded.body);
}

/** A client secret opens sessions, nothing else: it may be in a browser that must not mint more or read metrics. */
function refuseClientSecret(request: FastifyRequest): void {
  if (request.visitor?.byClientSecret) throw new GatewayError("invalid_api_key");
}

async function openDoor(options: HttpOptions, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { door } = options;
  const { origin, host, authorization } = request.headers;
  const secure = cameByTls(request.raw, options.trustedProxies);
  void reply.headers(securityHeaders(host, secure));
  // What no route takes ends as 404 or 405; it needs no key to be told so, but it must come by our name.
  const access = request.routeOptions.config?.access ?? "place";
  if (access === "open") {
    // Open to all, and readable to the pages that may use the gateway: they ask why a WebSocket failed.
    if (origin !== undefined) allowOrigin(door, origin, reply);
    return;
  }
  const asked: DoorRequest = { host, origin, authorization, subprotocols: [], secure };
  const preflight =
    request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined;
  if (access === "place" || preflight) {
    const misplaced = door.checkPlace(asked);
    if (misplaced !== null) throw new GatewayError(misplaced);
  }
  if (origin !== undefined) allowOrigin(door, origin, reply);
  if (preflight) return answerPreflight(request, reply);
  if (access === "place") return;
  const answer = door.admit(asked);
  if (answer.ok) {
    request.visitor = answer.visitor;
    return;
  }
  if (answer.code.endsWith("_api_key")) void reply.header("WWW-Authenticate", "Bearer");
  throw new GatewayError(answer.code);
}

function allowOrigin(door: Door, origin: string, reply: FastifyReply): void {
  void reply.header("Vary", "Origin");
  if (!door.isListedOrigin(origin)) return;
  // Listed origins read answers by design; without this a browser would hide them again.
  void reply.headers({
    "Access-Control-Allow-Origin": origin,
    "Cross-Origin-Resource-Policy": "cross-origin",
  });
}

async function answerPreflight(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const allow = methods[request.url.split("?", 1)[0]!];
  if (allow === undefined) throw new GatewayError("not_found");
  await reply
    .headers({
      "Access-Control-Allow-Methods": allow,
      "Access-Control-Allow-Headers":
        request.headers["access-control-request-headers"]?.replaceAll(/[^\w, -]/g, "") ?? "",
      "Access-Control-Max-Age": "600",
    })
    .code(204)
    .send();
}

function sendError(reply: FastifyReply, error: GatewayError): void {
  void reply
    .code(error.row.httpStatus)
    .send(errorBody(error.code, { message: error.message, param: error.param }));
}

/** The framework's own refusals, by our codes. */
function fromFastify(error: FastifyError): GatewayError {
  switch (error.code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new GatewayError("body_too_large");
    case "FST_ERR_CTP_INVALID_JSON_BODY":
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
      return new GatewayError("invalid_json");
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new GatewayError("invalid_request", { message: "Send the body as application/json." });
    default:
      if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
        return new GatewayError("invalid_request");
      return toGatewayError(error);
  }
}
