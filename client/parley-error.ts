import type { ErrorCode } from "../wire/codes.ts";
import { closeCodes } from "../wire/codes.ts";

/** What can go wrong on the client's side of the wire. */
export const clientErrorCodes = [
  "already_connected",
  "not_connected",
  "closed_by_caller",
  "server_unreachable",
  "page_outdated",
  "offline",
  "connect_timeout",
  "connection_lost",
  "connection_closed",
  "reconnect_failed",
  "api_key_unusable",
  "network_too_slow",
  "bad_server_message",
  "no_answer",
  "playback_buffer_full",
  "playback_failed",
  "press_too_short",
  "microphone_refused",
  "microphone_missing",
  "microphone_busy",
  "microphone_insecure",
  "microphone_unsupported",
  "microphone_ended",
  "microphone_changed",
] as const;

/** One of `clientErrorCodes`. */
export type ClientErrorCode = (typeof clientErrorCodes)[number];

/** Codes that reach a person, in words that tell what happened and what to do. The rest keep the server's words. */
const plainWords: { readonly [Code in ErrorCode | ClientErrorCode]?: string } = {
  already_connected: "The conversation is already open.",
  not_connected: "There is no connection to the server. Connect first.",
  closed_by_caller: "The conversation was ended.",
  server_unreachable: "The server can't be reached. Check that it is running and that you are online.",
  page_outdated: "This page is older than its server. Reload it.",
  offline: "You are offline. Check your network.",
  connect_timeout: "The server took too long to answer. Try again in a moment.",
  connection_lost: "The connection to the server was lost.",
  connection_closed: "The server ended the conversation.",
  reconnect_failed: "The connection was lost and couldn't be restored. Try again in a moment.",
  api_key_unusable: "This API key has characters that no key can have. Check that it was copied whole.",
  network_too_slow: "Your network is too slow right now: some of what you said didn't get through.",
  bad_server_message: "The server sent something that can't be understood.",
  no_answer: "The server didn't answer in time.",
  playback_buffer_full: "The reply is too long to be played: a part of it was left out.",
  playback_failed: "Sound can't be played in this browser.",
  press_too_short: "Hold the button down while you speak, and let it go when you are done.",
  microphone_refused:
    "The microphone is blocked. Allow it for this page in the browser's address bar, then try again.",
  microphone_missing: "No microphone was found. Plug one in, then try again.",
  microphone_busy: "The microphone can't be used right now. Another program may be using it.",
  microphone_insecure:
    "Browsers allow the microphone only on https pages and on localhost. Open this page with https.",
  microphone_unsupported:
    "This browser can't record sound. Try a current version of Chrome, Edge, Firefox or Safari.",
  microphone_ended: "The microphone was unplugged or switched off.",
  microphone_changed: "The microphone was unplugged or switched off. Another one is used now.",
  missing_api_key: "This server asks for an API key.",
  invalid_api_key: "The server didn't accept this API key.",
  origin_not_allowed: "The server doesn't accept conversations from this web page's address.",
  host_not_allowed: "The server isn't set up for the address that you opened.",
  not_found: "There is no voice gateway at this address.",
  upgrade_required:
    "The server is there but took no conversation: it may be full, or something on the way blocks WebSockets.",
  too_many_connections: "The server is busy. Try again in a moment.",
  too_many_sessions: "The server is busy. Try again in a moment.",
  draining: "The server is about to restart. Try again in a moment.",
  not_ready: "The server is still starting. Try again in a moment.",
  server_restart: "The server is restarting.",
  slow_client: "Your network is too slow for a conversation right now.",
  audio_front_end_down: "The server's hearing broke down for a moment.",
  idle_timeout: "The conversation was idle for too long.",
  protocol_violation: "The server didn't understand this client.",
  message_too_big: "The client sent more at once than the server takes.",
  flood: "The client sent more than the server takes.",
  session_expired: "The conversation reached its longest duration.",
  provider_unavailable: "No engine could answer. Try again in a moment.",
  provider_overloaded: "The engines behind the server are overloaded. Try again in a moment.",
  provider_timeout: "The answer took too long. Try again.",
  internal_error: "The server had an internal error.",
};

const retryableCodes: ReadonlySet<string> = new Set<ErrorCode | ClientErrorCode>([
  "server_unreachable",
  "offline",
  "connect_timeout",
  "connection_lost",
  "upgrade_required",
  "too_many_connections",
  "too_many_sessions",
  "draining",
  "not_ready",
  "server_restart",
  "slow_client",
  "audio_front_end_down",
  "provider_unavailable",
  "provider_overloaded",
  "provider_timeout",
  "internal_error",
  "no_answer",
  "network_too_slow",
  "press_too_short",
]);

export interface ParleyErrorDetails {
  /** What the server (or the browser) said itself. */
  detail?: string;
  /** The setting or field that a refused event stumbled over. */
  param?: string;
  /** The client event that was refused. */
  eventId?: string;
  /** The WebSocket's close code, if it closed. */
  closeCode?: number;
}

/** Every fault of the SDK: `code` for programs, `message` in plain words for people. */
export class ParleyError extends Error {
  override readonly name = "ParleyError";
  /** A code of `wire/codes.ts`, one of `ClientErrorCode`, or one that a server made up. */
  readonly code: string;
  /** The same again can work a little later. */
  readonly retryable: boolean;
  readonly details: ParleyErrorDetails;

  constructor(code: string, details: ParleyErrorDetails = {}) {
    super(wordsFor(code) ?? details.detail ?? `Something went wrong (${code}).`);
    this.code = code;
    this.retryable = retryableCodes.has(code);
    this.details = details;
  }
}

/** Whether the server refused what was asked of it (and did not only fail to answer). */
export function isRefusal(error: unknown): boolean {
  return error instanceof ParleyError && error.details.eventId !== undefined;
}

function wordsFor(code: string): string | undefined {
  return Object.hasOwn(plainWords, code) ? plainWords[code as ErrorCode] : undefined;
}

const closeCodeNames: ReadonlyMap<number, ErrorCode | ClientErrorCode> = new Map<
  number,
  ErrorCode | ClientErrorCode
>([
  [closeCodes.serverRestart, "server_restart"],
  [closeCodes.slowClient, "slow_client"],
  [closeCodes.tooManySessions, "too_many_sessions"],
  [closeCodes.audioFrontEndDown, "audio_front_end_down"],
  [closeCodes.idleTimeout, "idle_timeout"],
  [closeCodes.protocolViolation, "protocol_violation"],
  [closeCodes.takenOver, "taken_over"],
  [closeCodes.messageTooBig, "message_too_big"],
  [closeCodes.flood, "flood"],
  [closeCodes.sessionExpired, "session_expired"],
  [1000, "connection_closed"],
  [1001, "server_restart"],
  [1009, "message_too_big"],
  [1012, "server_restart"],
  [1013, "too_many_sessions"],
]);

/** Tells in plain words why a WebSocket closed. */
export function errorOfClose(code: number, reason: string): ParleyError {
  const details: ParleyErrorDetails = { closeCode: code };
  if (reason !== "") details.detail = reason;
  return new ParleyError(closeCodeNames.get(code) ?? "connection_lost", details);
}

/** What an `error` event says. */
export function errorOfEvent(error: {
  type?: string | null;
  code?: string | null;
  message?: string | null;
  param?: string | null;
  event_id?: string | null;
}): ParleyError {
  const details: ParleyErrorDetails = {};
  if (error.message) details.detail = error.message;
  if (error.param) details.param = error.param;
  if (error.event_id) details.eventId = error.event_id;
  return new ParleyError(error.code ?? error.type ?? "internal_error", details);
}
