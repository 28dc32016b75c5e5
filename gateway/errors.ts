import type { ErrorCode } from "../wire/codes.ts";
import { closeCodes, errorCodes } from "../wire/codes.ts";

/** Whose fault it is, in the words of the Realtime protocol's `error.type`. */
export type ErrorKind =
  | "invalid_request_error"
  | "authentication_error"
  | "rate_limit_error"
  | "server_error";

/** What everybody must know of a code. */
export interface ErrorRow {
  /** Default message; begins as the vendor's own where the vendor has one. */
  message: string;
  /** The same request may succeed later, unchanged. */
  retryable: boolean;
  httpStatus: number;
  /** Set where the code closes the connection. */
  closeCode?: number;
  kind: ErrorKind;
}

function refuse(message: string, httpStatus = 400): ErrorRow {
  return { message, retryable: false, httpStatus, kind: "invalid_request_error" };
}

function fail(message: string, httpStatus: number, retryable: boolean): ErrorRow {
  return { message, retryable, httpStatus, kind: "server_error" };
}

/** One row for every code of `wire/codes.ts`; `docs/errors.md` explains each one. */
export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = {
  invalid_json: refuse("Could not parse the JSON of the message."),
  invalid_event: refuse("The event does not have the shape that its type asks for."),
  unknown_event: refuse("Invalid value: the event's type is not supported."),
  invalid_value: refuse("Invalid value."),
  missing_required_parameter: refuse("Missing required parameter."),
  unsupported_feature: refuse("This gateway does not support that feature."),
  invalid_audio: refuse("Invalid audio: the bytes do not decode in the session's input format."),
  input_audio_buffer_commit_empty: refuse(
    "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has 0.00ms of audio.",
  ),
  input_audio_backlog_full: {
    ...refuse(
      "The backlog of input audio is full: this append was not kept. Send audio no faster than it is worked off.",
      429,
    ),
    retryable: true,
    kind: "rate_limit_error",
  },
  input_audio_too_long: refuse("The utterance is longer than this gateway allows for one turn."),
  conversation_already_has_active_response: {
    ...refuse(
      "Conversation already has an active response in progress. Wait until the response is finished before creating a new one.",
      409,
    ),
    retryable: true,
  },
  response_cancel_not_active: refuse("Cancellation failed: no active response found"),
  item_create_duplicate_item_id: refuse("Error adding item: an item with that id already exists."),
  item_create_invalid_previous_item_id: refuse(
    "Error adding item: the previous item with that id does not exist.",
  ),
  invalid_tool_call_id: refuse("Tool call ID not found in conversation."),
  item_retrieve_invalid_item_id: refuse("Error retrieving item: the item with that id does not exist."),
  item_delete_invalid_item_id: refuse("Error deleting item: the item with that id does not exist."),
  item_truncate_invalid_item_id: refuse(
    "Error truncating item: the assistant's item with that id does not exist.",
  ),
  item_truncate_invalid_content_index: refuse(
    "Error truncating item: there is no audio part at that content_index.",
  ),
  item_truncate_invalid_audio_end_ms: refuse(
    "Error truncating item: audio_end_ms is past the end of the item's audio.",
  ),
  conversation_full: refuse(
    "The conversation holds as many items as this gateway keeps. Delete some, or begin a new session.",
  ),
  knowledge_full: refuse("The knowledge store is full. Remove a document before you add one.", 409),

  too_many_responses: {
    ...refuse("Too many responses are in progress in this session. Wait until one is done.", 429),
    retryable: true,
    kind: "rate_limit_error",
  },
  rate_limit_exceeded: {
    ...refuse("This session has used up its responses for the minute. Try again shortly.", 429),
    retryable: true,
    kind: "rate_limit_error",
  },

  provider_unavailable: fail("No provider of this stage could be reached.", 503, true),
  provider_overloaded: fail("The provider of this stage has no capacity left at the moment.", 503, true),
  provider_timeout: fail("The provider of this stage did not answer in time.", 504, true),
  provider_rejected: fail("The provider of this stage refused the request.", 502, false),
  audio_front_end_down: {
    ...fail("The gateway's audio thread is down; it is being restarted.", 503, true),
    closeCode: closeCodes.audioFrontEndDown,
  },
  internal_error: fail("The gateway failed while it worked on this. The fault is logged.", 500, true),

  missing_api_key: {
    ...refuse(
      "Missing API key: send it as `Authorization: Bearer KEY`, or as the subprotocol `openai-insecure-api-key.KEY`.",
      401,
    ),
    kind: "authentication_error",
  },
  invalid_api_key: {
    ...refuse("Incorrect API key provided, or a client secret that has expired.", 401),
    kind: "authentication_error",
  },
  origin_not_allowed: refuse(
    "This origin may not use the gateway. PARLEY_ALLOWED_ORIGINS lists those that may.",
    403,
  ),
  host_not_allowed: refuse(
    "The gateway is not known under this Host. PARLEY_ALLOWED_HOSTS lists its names.",
    421,
  ),
  not_found: refuse("There is nothing at this path.", 404),
  method_not_allowed: refuse("This path does not take that method.", 405),
  invalid_request: refuse("The request is not well formed."),
  body_too_large: refuse("The request is larger than this gateway takes.", 413),
  too_many_connections: {
    ...refuse("Too many connections, or too many new ones a second. Try again a little later.", 429),
    retryable: true,
    kind: "rate_limit_error",
  },
  too_many_sessions: {
    ...fail("Every place for a session is taken. Try again a little later.", 503, true),
    closeCode: closeCodes.tooManySessions,
  },
  draining: {
    ...fail("The gateway is about to stop and takes no new sessions. Connect again.", 503, true),
    closeCode: closeCodes.serverRestart,
  },
  not_ready: fail("The gateway is still starting. Try again in a moment.", 503, true),
  upgrade_required: refuse("This path speaks WebSocket (version 13): connect with an upgrade request.", 426),

  slow_client: {
    ...fail("The client reads more slowly than the gateway sends; too much is waiting for it.", 503, true),
    closeCode: closeCodes.slowClient,
  },
  message_too_big: {
    ...refuse("The message is larger than this gateway takes.", 413),
    closeCode: closeCodes.messageTooBig,
  },
  idle_timeout: {
    ...fail("The peer did not answer pings: the connection is taken for dead.", 408, true),
    closeCode: closeCodes.idleTimeout,
  },
  flood: {
    ...refuse("Too many messages or bytes a second on one connection.", 429),
    closeCode: closeCodes.flood,
    kind: "rate_limit_error",
  },
  protocol_violation: {
    ...refuse("The peer broke the WebSocket protocol."),
    closeCode: closeCodes.protocolViolation,
  },
  session_expired: {
    ...refuse("Your session hit the maximum duration that this gateway allows.", 410),
    closeCode: closeCodes.sessionExpired,
  },
  taken_over: {
    ...refuse("Another connection took this session over.", 409),
    closeCode: closeCodes.takenOver,
  },
  server_restart: {
    ...fail("The gateway restarts. Connect again.", 503, true),
    closeCode: closeCodes.serverRestart,
  },
  invalid_config: fail("The configuration is not valid.", 500, false),
  port_in_use: fail("The port is already in use.", 500, false),
  model_checksum_mismatch: fail("A model's file is not the one that its checksum names.", 500, false),
};

/** How a GatewayError differs from its row. */
export interface ErrorDetails {
  /** Replaces the row's message; shown to clients, so it holds no secrets and no stack. */
  message?: string;
  /** Path of the offending field, e.g. `session.audio.input.format`. */
  param?: string;
  /** What was caught; for logs, never for clients. */
  cause?: unknown;
}

/** The world's faults, by code. Match on `code`, also across threads; assertions are for our own bugs. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: ErrorCode;
  readonly param: string | null;

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    super(
      details.message ?? errorTable[code].message,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.code = code;
    this.param = details.param ?? null;
  }

  /** This code's row. */
  get row(): ErrorRow {
    return errorTable[this.code];
  }
}

/** True for a string that stands in the table. */
export function isErrorCode(code: string): code is ErrorCode {
  return (errorCodes as readonly string[]).includes(code);
}

/**
 * Whatever was thrown, as a GatewayError. An error of another thread that carries a code of the table keeps code and
 * message; all else becomes `internal_error`, with the cause kept for the log.
 */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  if (
    thrown instanceof Error &&
    "code" in thrown &&
    typeof thrown.code === "string" &&
    isErrorCode(thrown.code)
  ) {
    const { code, message } = thrown;
    return new GatewayError(code, code === "internal_error" ? { cause: thrown } : { message, cause: thrown });
  }
  return new GatewayError("internal_error", { cause: thrown });
}

/** JSON body of an HTTP refusal, in the shape that the vendor's clients read. */
export function errorBody(
  code: ErrorCode,
  details: { message?: string | undefined; param?: string | null | undefined } = {},
): { error: { type: ErrorKind; code: ErrorCode; message: string; param: string | null } } {
  const row = errorTable[code];
  return {
    error: { type: row.kind, code, message: details.message ?? row.message, param: details.param ?? null },
  };
}

/** Messages that name the thing they are about; they begin as the vendor's own, since clients compare beginnings. */
export const errorMessages = {
  activeResponse: (responseId: string) =>
    `Conversation already has an active response in progress: ${responseId}. Wait until the response is finished before creating a new one.`,
  bufferTooSmall: (bufferedMs: number) =>
    `Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has ${bufferedMs.toFixed(2)}ms of audio.`,
  itemNotFound: (itemId: string) => `Item with item_id not found: ${itemId}`,
  duplicateItem: (itemId: string) =>
    `Error adding item: an item with id '${itemId}' already exists in the conversation.`,
  previousItemNotFound: (itemId: string) =>
    `Error adding item: the previous item with id '${itemId}' does not exist in the conversation.`,
  audioEndPastEnd: (audioEndMs: number, itemMs: number) =>
    `Error truncating item: audio content of ${itemMs}ms is already shorter than ${audioEndMs}ms`,
  nothingToCancel: () => errorTable.response_cancel_not_active.message,
} as const;
