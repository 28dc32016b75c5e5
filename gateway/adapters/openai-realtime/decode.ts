/**
 * What a client sends → what it asks for. Pure: no I/O, no clock; the session's state comes in by getters. A
 * refused event gives exactly one error, and never an exception.
 *
 * @see docs/protocol.md
 */
import type { ErrorCode } from "../../../wire/codes.ts";
import type { Extensions } from "../../../wire/extensions.ts";
import { type CheckedClientEvent, clientEventSchemas } from "../../../wire/schemas/client-events.ts";
import { eventLimits } from "../../../wire/schemas/limits.ts";
import type { AudioFormat, Command } from "../../session/domain.ts";
import { audioFromBase64, checkAudio } from "./decode-audio.ts";
import { newItemFromWire, responseParamsFromWire } from "./decode-items.ts";
import { missing, notOneOf, Refusal, refusalFromIssues, unsupported } from "./decode-refusal.ts";
import { patchFromSession } from "./session-mapping.ts";

export interface DecodeOptions {
  extensions: Extensions;
  /** The session's input format now: how many bytes a sample has. */
  inputFormat: () => AudioFormat;
  /** The bus position (samples) up to which input was received: where a commit or clear happens. */
  receivedSamples: () => number;
}

/** Why an event was refused; goes to the client as it is. */
export interface RefusedEvent {
  code: ErrorCode;
  message: string;
  param: string | null;
  clientEventId: string | null;
}

export type Decoded =
  | { kind: "command"; command: Command }
  /** `bytes` are whole samples in the input format, perhaps none. */
  | { kind: "append"; clientEventId: string | null; bytes: Buffer }
  | { kind: "refused"; error: RefusedEvent };

type JsonObject = Record<string, unknown>;

const supportedTypes = Object.keys(clientEventSchemas).filter((type) => !type.startsWith("parley."));

/** Where the beta protocol's flat fields went. Ignoring them would leave a client with settings that it didn't choose. */
const movedFields: Readonly<Record<"session" | "response", Readonly<Record<string, string>>>> = {
  session: {
    modalities: "output_modalities",
    voice: "audio.output.voice",
    speed: "audio.output.speed",
    input_audio_format: "audio.input.format",
    output_audio_format: "audio.output.format",
    input_audio_transcription: "audio.input.transcription",
    input_audio_noise_reduction: "audio.input.noise_reduction",
    turn_detection: "audio.input.turn_detection",
    max_response_output_tokens: "max_output_tokens",
  },
  response: {
    modalities: "output_modalities",
    voice: "audio.output.voice",
    output_audio_format: "audio.output.format",
    max_response_output_tokens: "max_output_tokens",
  },
};

/**
 * Decodes a text message. Never throws.
 *
 * @returns a command, input audio, or the one error that the client gets
 */
export function decodeClientEvent(text: string, options: DecodeOptions): Decoded {
  let clientEventId: string | null = null;
  try {
    const event = parseEvent(text);
    clientEventId = readEventId(event);
    checkEventId(event, clientEventId);
    // Fifty a second a session: by hand, past the schemas.
    if (event.type === "input_audio_buffer.append") return decodeAppend(event, clientEventId, options);
    const checked = checkEvent(event);
    return { kind: "command", command: { clientEventId, ...commandFrom(checked, options) } };
  } catch (error) {
    return refused(error, clientEventId);
  }
}

/**
 * Decodes a binary message: raw samples in the session's input format. `bytes` of the result is a view on the
 * message, so whoever keeps it copies it. Never throws.
 */
export function decodeBinaryAppend(message: Uint8Array, options: DecodeOptions): Decoded {
  try {
    if (!options.extensions.binaryAudio) {
      throw new Refusal(
        "invalid_event",
        "Binary messages are for connections opened with '?audio=binary'.",
        null,
      );
    }
    checkAudio(message, options.inputFormat(), null);
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
    return { kind: "append", clientEventId: null, bytes };
  } catch (error) {
    return refused(error, null);
  }
}

function parseEvent(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal("invalid_json", "The message is not valid JSON.", null);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Refusal("invalid_event", "An event is a JSON object.", null);
  }
  return value as JsonObject;
}

function readEventId(event: JsonObject): string | null {
  const id = event.event_id;
  return typeof id === "string" && id.length <= eventLimits.eventIdChars ? id : null;
}

function checkEventId(event: JsonObject, readable: string | null): void {
  if (readable !== null || event.event_id === undefined || event.event_id === null) return;
  throw new Refusal(
    "invalid_value",
    `Invalid 'event_id': expected a string with maximum length ${eventLimits.eventIdChars}.`,
    "event_id",
  );
}

function decodeAppend(event: JsonObject, clientEventId: string | null, options: DecodeOptions): Decoded {
  const { audio } = event;
  if (audio === undefined || audio === null) throw missing("audio");
  if (typeof audio !== "string") {
    throw new Refusal("invalid_value", "Invalid type for 'audio': expected a string.", "audio");
  }
  return { kind: "append", clientEventId, bytes: audioFromBase64(audio, options.inputFormat(), "audio") };
}

function checkEvent(event: JsonObject): CheckedClientEvent {
  const { type } = event;
  if (type === undefined || type === null) {
    throw new Refusal("invalid_event", "The 'type' field is missing.", "type");
  }
  if (type === "transcription_session.update") throw unsupported("type", "Transcription sessions are");
  if (typeof type !== "string" || !isKnownType(type)) {
    throw new Refusal("unknown_event", notOneOf("type", type, supportedTypes).message, "type");
  }
  if (type === "session.update") refuseMovedFields(event.session, "session");
  if (type === "response.create") refuseMovedFields(event.response, "response");
  const result = clientEventSchemas[type].safeParse(event);
  if (!result.success) throw refusalFromIssues(result.error.issues, event);
  return result.data;
}

function isKnownType(type: string): type is keyof typeof clientEventSchemas {
  return Object.hasOwn(clientEventSchemas, type);
}

function refuseMovedFields(value: unknown, param: "session" | "response"): void {
  if (typeof value !== "object" || value === null) return;
  for (const [field, place] of Object.entries(movedFields[param])) {
    if (!Object.hasOwn(value, field) || (value as JsonObject)[field] === null) continue;
    throw new Refusal(
      "invalid_value",
      `Unknown parameter: '${param}.${field}' belongs to the beta protocol. Use '${param}.${place}'.`,
      `${param}.${field}`,
    );
  }
}

/** `Omit` over a union, member by member. */
type WithoutEventId<Type> = Type extends unknown ? Omit<Type, "clientEventId"> : never;

function commandFrom(event: CheckedClientEvent, options: DecodeOptions): WithoutEventId<Command> {
  const rules = { allow16kHz: options.extensions.binaryAudio };
  switch (event.type) {
    case "session.update":
      return { type: "configure", patch: patchFromSession(event.session, rules) };
    case "input_audio_buffer.commit":
      return { type: "commitInput", atSample: options.receivedSamples() };
    case "input_audio_buffer.clear":
      return { type: "clearInput", atSample: options.receivedSamples() };
    case "output_audio_buffer.clear":
      return { type: "clearOutput" };
    case "conversation.item.create": {
      const item = newItemFromWire(event.item, options.inputFormat(), "item");
      return { type: "createItem", item, previousItemId: event.previous_item_id ?? null };
    }
    case "conversation.item.retrieve":
      return { type: "retrieveItem", itemId: event.item_id };
    case "conversation.item.delete":
      return { type: "deleteItem", itemId: event.item_id };
    case "conversation.item.truncate": {
      const { item_id: itemId, content_index: contentIndex, audio_end_ms: audioEndMs } = event;
      return { type: "truncateItem", itemId, contentIndex, audioEndMs };
    }
    case "response.create":
      return {
        type: "createResponse",
        params: responseParamsFromWire(event.response, rules, options.inputFormat()),
      };
    case "response.cancel":
      return { type: "cancelResponse", responseId: event.response_id ?? null };
    case "parley.playback":
      return { type: "playback", itemId: event.item_id, playedMs: Math.floor(event.played_ms) };
    case "input_audio_buffer.append":
      // Appends were taken before the schemas.
      throw new Refusal("internal_error", "An append came the wrong way.", null);
  }
}

function refused(error: unknown, clientEventId: string | null): Decoded {
  if (!(error instanceof Refusal)) {
    // A bug of ours: the session lives on, and the client is not told more than that.
    const message = "The event could not be processed.";
    return { kind: "refused", error: { code: "internal_error", message, param: null, clientEventId } };
  }
  const { code, message, param } = error;
  return { kind: "refused", error: { code, message, param, clientEventId } };
}
