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

/**
 * Where to connect.
 *
 * @param url - http(s) or ws(s); a bare host gets the path `/v1/realtime`
 */
export function realtimeUrl(
  url: string,
  options: { binaryAudio: boolean; duck: boolean; debug: boolean },
): URL {
  const address = new URL(url);
  if (address.protocol === "http:") address.protocol = "ws:";
  if (address.protocol === "https:") address.protocol = "wss:";
  if (address.pathname === "/") address.pathname = "/v1/realtime";
  if (options.binaryAudio) address.searchParams.set("audio", "binary");
  if (options.duck) address.searchParams.set("duck", "1");
  if (options.debug) address.searchParams.set("debug", "1");
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
 * by plain HTTP goes through the same checks, and its answer can be read.
 *
 * @param timeoutMs - after that the server counts as unreachable
 */
export async function diagnoseRefusal(url: URL, apiKey: string, timeoutMs: number): Promise<ParleyError> {
  const address = new URL(url);
  address.protocol = url.protocol === "wss:" ? "https:" : "http:";
  const headers: Record<string, string> = apiKey === "" ? {} : { Authorization: `Bearer ${apiKey}` };
  const ask = (url: URL): Promise<Response> =>
    fetch(url, { headers, cache: "no-store", signal: AbortSignal.timeout(timeoutMs) });
  try {
    const response = await ask(address);
    const { code, message } = readRefusal(await response.text());
    const found = codeOfStatus(response.status, code, apiKey !== "");
    if (found === "upgrade_required") {
      const ready = await ask(new URL("/readyz", address));
      const { reason } = (ready.status === 503 ? await ready.json() : {}) as { reason?: unknown };
      if (typeof reason === "string") return new ParleyError(reason);
    }
    return new ParleyError(found, message === null ? {} : { detail: message });
  } catch {
    return new ParleyError("server_unreachable");
  }
}

function readRefusal(body: string): { code: string | null; message: string | null } {
  try {
    const parsed = JSON.parse(body) as { error?: { code?: unknown; message?: unknown } };
    const { code, message } = parsed.error ?? {};
    return {
      code: typeof code === "string" ? code : null,
      message: typeof message === "string" ? message : null,
    };
  } catch {
    return { code: null, message: null };
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
