/**
 * Every code that a client, an operator or another thread can meet. The table with messages, HTTP statuses and
 * close codes is `gateway/errors.ts`; `docs/errors.md` explains each one.
 */
export const errorCodes = [
  // Events that the Realtime protocol refuses; where the vendor has a code, it is the vendor's.
  "invalid_json",
  "invalid_event",
  "unknown_event",
  "invalid_value",
  "missing_required_parameter",
  "unsupported_feature",
  "invalid_audio",
  "input_audio_buffer_commit_empty",
  "input_audio_backlog_full",
  "input_audio_too_long",
  "conversation_already_has_active_response",
  "response_cancel_not_active",
  "item_create_duplicate_item_id",
  "item_create_invalid_previous_item_id",
  "invalid_tool_call_id",
  "item_retrieve_invalid_item_id",
  "item_delete_invalid_item_id",
  "item_truncate_invalid_item_id",
  "item_truncate_invalid_content_index",
  "item_truncate_invalid_audio_end_ms",
  "conversation_full",
  "knowledge_full",
  "too_many_responses",
  "rate_limit_exceeded",
  // Providers and engines
  "provider_unavailable",
  "provider_overloaded",
  "provider_timeout",
  "provider_rejected",
  "audio_front_end_down",
  "internal_error",
  // The door
  "missing_api_key",
  "invalid_api_key",
  "origin_not_allowed",
  "host_not_allowed",
  "not_found",
  "method_not_allowed",
  "invalid_request",
  "body_too_large",
  "too_many_connections",
  "too_many_sessions",
  "draining",
  "not_ready",
  "upgrade_required",
  // Closes
  "slow_client",
  "message_too_big",
  "idle_timeout",
  "flood",
  "protocol_violation",
  "session_expired",
  "taken_over",
  "server_restart",
  "invalid_config",
  "port_in_use",
  "model_checksum_mismatch",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** WebSocket close codes: 4000 to 4499 reconnect, 4500 to 4999 don't. */
export const closeCodes = {
  serverRestart: 4000,
  slowClient: 4001,
  tooManySessions: 4002,
  audioFrontEndDown: 4003,
  idleTimeout: 4004,
  protocolViolation: 4500,
  takenOver: 4501,
  messageTooBig: 4502,
  flood: 4503,
  sessionExpired: 4504,
} as const;
