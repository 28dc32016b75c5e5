/**
 * What went wrong at a vendor, in our terms. Every message is ours: a vendor's own text may hold keys, addresses or what
 * people said, so nothing of it is handed on.
 */
import type { ProviderFault } from "./provider.ts";

/** A vendor's longest Retry-After that is believed. */
export const retryAfterMaxMs = 24 * 60 * 60_000;
/** How far a chain of causes is followed. */
const causesMax = 6;

/** Thrown by a provider's own code where it knows the fault already. */
export class VendorError extends Error {
  override readonly name = "VendorError";
  readonly fault: ProviderFault;

  constructor(fault: ProviderFault) {
    super(fault.message);
    this.fault = fault;
  }
}

/** The vendor failed: a later call, or another vendor, may succeed. */
export function vendorFault(
  message: string,
  code: "provider_unavailable" | "provider_overloaded" | "provider_timeout" = "provider_unavailable",
): ProviderFault {
  return { code, message, retryable: true, blame: "vendor" };
}

/** The vendor refuses who we are, or what the settings name: no later call will fare better. */
export function keyFault(message: string): ProviderFault {
  return { code: "provider_rejected", message, retryable: false, blame: "key" };
}

/** Too many calls. `retryAfterMs` null: the vendor did not say when to come back. */
export function quotaFault(message: string, retryAfterMs: number | null): ProviderFault {
  return {
    ...{ code: "provider_overloaded", message, retryable: true, blame: "quota" },
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  };
}

/** We have no place left for the call: the vendor was not asked, so it is not to blame. The next one is. */
export function fullFault(message: string): ProviderFault {
  return { code: "provider_overloaded", message, retryable: true, blame: "full" };
}

/** This one request is to blame; the vendor is well. */
export function requestFault(message: string): ProviderFault {
  return { code: "provider_rejected", message, retryable: false, blame: "request" };
}

/** The vendor's bytes make no sense. */
export const malformedAnswer: Readonly<ProviderFault> = vendorFault("the vendor's answer was malformed");

/** The stream ended before the vendor said that it is complete. */
export const brokenOff: Readonly<ProviderFault> = vendorFault("the vendor's answer broke off");

/**
 * The fault that an HTTP status means.
 *
 * @param retryAfter - the header: seconds or an HTTP date; null without one
 * @param epochMs - now, by the wall clock; without it a date is not understood
 */
export function faultFromStatus(status: number, retryAfter: string | null, epochMs?: number): ProviderFault {
  switch (status) {
    case 401:
      return keyFault("the vendor refused the key (401)");
    case 402:
      return keyFault("the vendor wants the account to be paid for (402)");
    case 403:
      return keyFault("the vendor refused: the key may not do that (403)");
    case 404:
      return keyFault("the vendor does not know the model, the voice or the address (404)");
    case 405:
      return keyFault("the vendor's address takes no such call (405)");
    case 408:
      return vendorFault("the vendor gave the request up as too slow (408)", "provider_timeout");
    case 413:
      return requestFault("the request is too large for the vendor (413)");
    case 425:
      return vendorFault("the vendor was not ready for the request (425)");
    case 429:
      return quotaFault("the vendor's quota is used up (429)", readRetryAfterMs(retryAfter, epochMs));
    case 503:
    case 529:
      return vendorFault(`the vendor is overloaded (${status})`, "provider_overloaded");
    case 504:
      return vendorFault("the vendor did not get to it in time (504)", "provider_timeout");
  }
  if (status >= 400 && status < 500) return requestFault(`the vendor refused the request (${status})`);
  return vendorFault(`the vendor failed (${status})`);
}

/** How long a Retry-After header asks to wait, in ms; null where it says nothing that makes sense. */
export function readRetryAfterMs(retryAfter: string | null, epochMs?: number): number | null {
  const text = retryAfter?.trim() ?? "";
  if (/^\d{1,9}(\.\d{1,9})?$/.test(text)) return Math.min(retryAfterMaxMs, Number(text) * 1000);
  // A date has words in it; Date.parse alone would take "-5" for a year.
  if (epochMs === undefined || !/^[A-Z][a-z]{2},? /.test(text)) return null;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? null : Math.min(retryAfterMaxMs, Math.max(0, atMs - epochMs));
}

/**
 * The fault behind whatever an SDK, fetch, a WebSocket or gRPC threw or emitted: HTTP statuses, gRPC codes, system and TLS
 * codes, also of causes. What it does not know is blamed on the vendor.
 */
export function faultFromError(err: unknown, epochMs?: number): ProviderFault {
  let cause = err;
  for (let depth = 0; depth < causesMax && typeof cause === "object" && cause !== null; depth += 1) {
    const fault = readError(cause as Thrown, epochMs);
    if (fault !== null) return fault;
    const { cause: next, errors } = cause as { cause?: unknown; errors?: unknown };
    cause = next ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  if (err instanceof SyntaxError) return { ...malformedAnswer };
  return vendorFault("the call to the vendor failed");
}

/** What errors of SDKs have in common, all of it untrusted. */
interface Thrown {
  name?: unknown;
  message?: unknown;
  code?: unknown;
  status?: unknown;
  statusCode?: unknown;
  headers?: unknown;
  statusDetails?: unknown;
}

function readError(error: Thrown, epochMs: number | undefined): ProviderFault | null {
  if (error instanceof VendorError) return { ...error.fault };
  const status = httpStatusOf(error);
  if (status !== null) return faultFromStatus(status, headerOf(error.headers, "retry-after"), epochMs);
  if (typeof error.code === "number") return faultFromGrpc(error.code, error.statusDetails);
  if (typeof error.code === "string") {
    const fault = faultFromSystemCode(error.code);
    if (fault !== null) return fault;
  }
  if (error.name === "TimeoutError" || error.name === "APIConnectionTimeoutError") return connectTimeout();
  return null;
}

function httpStatusOf(error: Thrown): number | null {
  for (const value of [error.status, error.statusCode]) {
    if (typeof value === "number" && value >= 300 && value <= 599) return value;
  }
  const refused = /^Unexpected server response: (\d{3})$/.exec(String(error.message ?? ""));
  return refused === null ? null : Number(refused[1]);
}

function headerOf(headers: unknown, name: string): string | null {
  if (headers instanceof Headers) return headers.get(name);
  if (typeof headers !== "object" || headers === null) return null;
  const value = (headers as Record<string, unknown>)[name];
  return typeof value === "string" ? value : null;
}

const refusedCodes = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN"]);
const unknownHostCodes = new Set(["ENOTFOUND", "EAI_AGAIN", "EAI_FAIL", "EAI_NODATA"]);
const resetCodes = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "UND_ERR_SOCKET", "UND_ERR_ABORTED"]);
const timeoutCodes = new Set([
  "ETIMEDOUT",
  "ESOCKETTIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
]);
const tlsCode =
  /^(CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_|ERR_SSL_|EPROTO$|HOSTNAME_MISMATCH)/;
const httpCode = /^(HPE_|UND_ERR_|ERR_HTTP2_|ERR_HTTP_|Z_|WS_ERR_|ERR_ENCODING_)/;

function connectTimeout(): ProviderFault {
  return vendorFault("the vendor did not answer in time", "provider_timeout");
}

/** The fault that a system's, TLS' or HTTP client's code means; null for one that is not known. */
export function faultFromSystemCode(code: string): ProviderFault | null {
  if (refusedCodes.has(code)) return vendorFault("the vendor's address refuses connections");
  if (unknownHostCodes.has(code)) return vendorFault("the vendor's host name is not known");
  if (resetCodes.has(code)) return { ...vendorFault("the connection to the vendor was cut"), reset: true };
  if (timeoutCodes.has(code)) return connectTimeout();
  if (tlsCode.test(code)) return vendorFault("no secure connection to the vendor could be made (TLS)");
  if (httpCode.test(code)) return { ...malformedAnswer };
  if (code === "ERR_INVALID_URL") return keyFault("the vendor's address is none");
  return null;
}

/**
 * The fault that a gRPC status means.
 *
 * @param details - an error's `statusDetails` as google-gax decodes them: a RetryInfo in it says when to come back
 */
export function faultFromGrpc(code: number, details?: unknown): ProviderFault {
  switch (code) {
    case 3:
    case 9:
    case 11:
      return requestFault(`the vendor refused the request (gRPC ${code})`);
    case 4:
      return vendorFault("the vendor did not get to it in time (gRPC 4)", "provider_timeout");
    case 5:
    case 12:
      return keyFault(`the vendor does not know the model, the voice or the address (gRPC ${code})`);
    case 7:
      return keyFault("the vendor refused: the key may not do that (gRPC 7)");
    case 8:
      return quotaFault("the vendor's quota is used up (gRPC 8)", readRetryInfoMs(details));
    case 14:
      return vendorFault("the vendor can't be reached, or is overloaded (gRPC 14)");
    case 16:
      return keyFault("the vendor refused the key (gRPC 16)");
  }
  return vendorFault(`the vendor failed (gRPC ${code})`);
}

/**
 * How long a google.rpc.RetryInfo among `details` asks to wait, in ms: `retryDelay` as text ("17s", as in JSON) or as
 * `{ seconds, nanos }` (as in protobuf). Null without one.
 */
export function readRetryInfoMs(details: unknown): number | null {
  for (const entry of Array.isArray(details) ? details.slice(0, 16) : []) {
    const delay = (entry as { retryDelay?: unknown } | null)?.retryDelay;
    if (typeof delay === "string") {
      const seconds = /^(\d{1,9}(?:\.\d{1,9})?)s$/.exec(delay)?.[1];
      if (seconds !== undefined) return Math.min(retryAfterMaxMs, Number(seconds) * 1000);
    } else if (typeof delay === "object" && delay !== null) {
      const { seconds, nanos } = delay as { seconds?: unknown; nanos?: unknown };
      const ms = Number(seconds ?? 0) * 1000 + Number(nanos ?? 0) / 1e6;
      if (Number.isFinite(ms) && ms >= 0) return Math.min(retryAfterMaxMs, ms);
    }
  }
  return null;
}
