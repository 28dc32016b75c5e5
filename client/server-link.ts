import type { ClientExtensions } from "./client-events.ts";
import { ParleyError } from "./parley-error.ts";

/** As much of a browser's WebSocket as the SDK uses. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: string | ArrayBufferView<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { code: number; reason: string }) => void): void;
}

/** Makes the connection: the platform's own WebSocket unless a test or an odd platform brings another. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** What an RFC 6455 subprotocol name may hold; the key travels as one, since browsers can't set headers. */
const tokenPattern = /^[\w!#$%&'*+\-.^`|~]+$/;

/** How each extension stands in the address. */
const extensionQuery = {
  duck: ["duck", "1"],
  debug: ["debug", "1"],
  words: ["words", "1"],
  captions: ["captions", "1"],
  level: ["level", "1"],
  echoGuard: ["aec", "none"],
} as const satisfies Record<keyof ClientExtensions, readonly [string, string]>;

/**
 * Where to connect.
 *
 * @param url - http(s) or ws(s); a bare host gets the path `/v1/realtime`
 * @param extensions - Parley's, binary audio among them; null: the plain protocol
 * @throws {TypeError} if it is no URL (a bug of the caller)
 */
export function realtimeUrl(url: string, extensions: ClientExtensions | null): URL {
  const address = new URL(url);
  if (address.protocol === "http:") address.protocol = "ws:";
  if (address.protocol === "https:") address.protocol = "wss:";
  if (address.pathname === "/") address.pathname = "/v1/realtime";
  if (extensions === null) return address;
  address.searchParams.set("audio", "binary");
  for (const [name, [key, value]] of Object.entries(extensionQuery)) {
    if (extensions[name as keyof ClientExtensions] === true) address.searchParams.set(key, value);
  }
  return address;
}

/** @throws {ParleyError} `api_key_unusable` if the key can't be sent */
export function subprotocols(apiKey: string): string[] {
  if (apiKey === "") return ["realtime"];
  if (!tokenPattern.test(apiKey)) throw new ParleyError("api_key_unusable");
  return ["realtime", `openai-insecure-api-key.${apiKey}`];
}

/**
 * Finds out why a handshake failed: a browser's WebSocket tells no more than that it did. The same address asked
 * by plain HTTP goes through the same checks, and its answer can be read; where it can't, `/readyz` still tells a server
 * that is busy from one that is away.
 *
 * @param timeoutMs - of each question; after that the server counts as unreachable
 */
export async function diagnoseRefusal(url: URL, apiKey: string, timeoutMs: number): Promise<ParleyError> {
  const address = new URL(url);
  address.protocol = url.protocol === "wss:" ? "https:" : "http:";
  const headers: Record<string, string> = apiKey === "" ? {} : { Authorization: `Bearer ${apiKey}` };
  const refusal = await ask(address, headers, timeoutMs);
  if (refusal !== null) {
    const { code, message } = readRefusal(refusal.body);
    const found = codeOfStatus(refusal.status, code, apiKey !== "");
    if (found !== "upgrade_required")
      return new ParleyError(found, message === null ? {} : { detail: message });
  }
  const readiness = await ask(new URL("/readyz", address), {}, timeoutMs);
  if (refusal === null && readiness === null) {
    const offline = (globalThis.navigator as { onLine?: boolean } | undefined)?.onLine === false;
    return new ParleyError(offline ? "offline" : "server_unreachable");
  }
  if (readiness?.status === 503) {
    return new ParleyError(readReason(readiness.body) ?? "too_many_sessions");
  }
  return new ParleyError("upgrade_required");
}

async function ask(
  url: URL,
  headers: Record<string, string>,
  timeoutMs: number,
): Promise<{ status: number; body: string } | null> {
  try {
    const response = await fetch(url, { headers, cache: "no-store", signal: AbortSignal.timeout(timeoutMs) });
    return { status: response.status, body: await response.text() };
  } catch {
    return null;
  }
}

/** Codes are words; what looks otherwise is no code. */
const codePattern = /^[a-z_]{1,64}$/;

function readRefusal(body: string): { code: string | null; message: string | null } {
  const { error } = readObject(body) as { error?: { code?: unknown; message?: unknown } | null };
  const { code, message } = error ?? {};
  return {
    code: typeof code === "string" && codePattern.test(code) ? code : null,
    message: typeof message === "string" ? message : null,
  };
}

function readReason(body: string): string | null {
  const { reason, code } = readObject(body);
  const found = [reason, code, readRefusal(body).code].find((value) => typeof value === "string");
  return typeof found === "string" && codePattern.test(found) ? found : null;
}

function readObject(body: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function codeOfStatus(status: number, code: string | null, keySent: boolean): string {
  if (status === 401) return code ?? (keySent ? "invalid_api_key" : "missing_api_key");
  if (code !== null) return code;
  if (status === 403) return "origin_not_allowed";
  if (status === 404) return "not_found";
  if (status === 429 || status === 503) return "too_many_sessions";
  if (status >= 500) return "internal_error";
  return "upgrade_required";
}
