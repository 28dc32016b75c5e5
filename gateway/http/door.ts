/** Who may come in, for HTTP and WebSockets alike. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { ErrorCode } from "../../wire/codes.ts";
import type { ApiKey } from "../config.ts";
import { isLoopbackHost } from "../loopback.ts";
import type { ClientSecrets } from "./client-secrets.ts";
import { looksLikeClientSecret } from "./client-secrets.ts";

/** What the door looks at. */
export interface DoorRequest {
  host: string | undefined;
  origin: string | undefined;
  authorization: string | undefined;
  /** Offered by a WebSocket's handshake; [] for HTTP. */
  subprotocols: readonly string[];
  /** Whether the client came by TLS (as far as it is known). */
  secure: boolean;
}

/** Somebody who was let in. */
export interface Visitor {
  /** The key's name, or "local" where no keys are set. */
  tenant: string;
  keyName: string;
  /** True when a client secret opened the door. */
  byClientSecret: boolean;
  /** Session configuration that the client secret carries; null without one. */
  clientSecretSession: unknown | null;
}

export type DoorAnswer<T> = { ok: true; visitor: T } | { ok: false; code: ErrorCode };

export interface Door {
  /** Host and Origin only: what open pages ask for. */
  checkPlace(request: DoorRequest): ErrorCode | null;
  /** Host, Origin and key. */
  admit(request: DoorRequest): DoorAnswer<Visitor>;
  /** True for an origin that PARLEY_ALLOWED_ORIGINS lists (CORS answers these only). */
  isListedOrigin(origin: string): boolean;
}

export interface DoorOptions {
  apiKeys: readonly ApiKey[];
  allowedOrigins: readonly string[];
  allowedHosts: readonly string[];
  /** Where clients from outside find the gateway; its name and its origin are known. Null without one. */
  publicUrl: string | null;
  /** Names and addresses of this machine that are known as well; asked each time, since addresses change. */
  ownNames: () => readonly string[];
  clientSecrets: ClientSecrets;
}

const local = "local";
const keySubprotocol = "openai-insecure-api-key.";

/**
 * Without keys, only names of this machine (and those of the settings) are known: a foreign page cannot reach a gateway
 * on localhost by pointing its own name there. With keys and no list, any name is fine, since the key is what counts.
 */
export function createDoor(options: DoorOptions): Door {
  const { clientSecrets, ownNames } = options;
  const origins = new Set(options.allowedOrigins);
  const hosts = new Set(options.allowedHosts);
  const publicUrl = options.publicUrl === null ? null : new URL(options.publicUrl);
  const keys = options.apiKeys.map(({ name, key }) => ({ name, digest: digest(key) }));
  const anyHost = keys.length > 0 && hosts.size === 0;

  function isKnownHost(host: string | undefined): boolean {
    if (anyHost) return true;
    const url = host === undefined ? null : URL.parse(`http://${host}`);
    // What is more than a name and a port (a path, a user) is no Host.
    if (url === null || url.pathname !== "/" || url.username !== "") return false;
    const { hostname } = url;
    if (isLoopbackHost(hostname) || hosts.has(hostname) || hosts.has(host!.toLowerCase())) return true;
    return hostname === publicUrl?.hostname || ownNames().some((name) => hostname === urlHostname(name));
  }

  function isKnownOrigin({ origin, host, secure }: DoorRequest): boolean {
    if (origin === undefined || origins.has(origin) || origin === publicUrl?.origin) return true;
    const own = URL.parse(`${secure ? "https" : "http"}://${host ?? ""}`);
    return own !== null && own.origin === origin;
  }

  /** Compares with every key, whatever the outcome, so that time tells nothing. */
  function findKey(presented: string): string | null {
    const wanted = digest(presented);
    let found: string | null = null;
    for (const key of keys) if (timingSafeEqual(key.digest, wanted)) found = key.name;
    return found;
  }

  function checkPlace(request: DoorRequest): ErrorCode | null {
    if (!isKnownHost(request.host)) return "host_not_allowed";
    return isKnownOrigin(request) ? null : "origin_not_allowed";
  }

  function admitByClientSecret(secret: string): DoorAnswer<Visitor> {
    const claims = clientSecrets.read(secret);
    // A secret dies with the key that made it.
    const keyLives =
      claims !== null &&
      (keys.length === 0 ? claims.keyName === local : keys.some(({ name }) => name === claims.keyName));
    if (!keyLives) return { ok: false, code: "invalid_api_key" };
    const { tenant, keyName, session } = claims;
    return { ok: true, visitor: { tenant, keyName, byClientSecret: true, clientSecretSession: session } };
  }

  function admit(request: DoorRequest): DoorAnswer<Visitor> {
    const misplaced = checkPlace(request);
    if (misplaced !== null) return { ok: false, code: misplaced };
    const presented = presentedKey(request);
    if (presented !== null && looksLikeClientSecret(presented)) return admitByClientSecret(presented);
    const welcome = (name: string): DoorAnswer<Visitor> => ({
      ok: true,
      visitor: { tenant: name, keyName: name, byClientSecret: false, clientSecretSession: null },
    });
    // Stock clients insist on some key; where none are set, any will do.
    if (keys.length === 0) return welcome(local);
    if (presented === null) return { ok: false, code: "missing_api_key" };
    const name = findKey(presented);
    return name === null ? { ok: false, code: "invalid_api_key" } : welcome(name);
  }

  return { checkPlace, admit, isListedOrigin: (origin) => origins.has(origin) };
}

/** As the URL parser writes it: IPv6 in brackets and at its shortest. */
function urlHostname(name: string): string | undefined {
  return URL.parse(`http://${name.includes(":") ? `[${name}]` : name}`)?.hostname;
}

/** The key that a request shows: in its Authorization header, or as a browser's WebSocket does. */
function presentedKey({ authorization, subprotocols }: DoorRequest): string | null {
  const bearer = /^Bearer +([^\s]+) *$/i.exec(authorization ?? "");
  if (bearer) return bearer[1]!;
  const offered = subprotocols.find((name) => name.startsWith(keySubprotocol));
  return offered === undefined ? null : offered.slice(keySubprotocol.length);
}

function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
