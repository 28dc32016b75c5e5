/**
 * What the session says → the messages that its client gets. Pure: the state is a plain value and part of the
 * session's, so a restored session goes on with the same numbers.
 *
 * @see docs/protocol.md
 */

import { encodeFrameInto, frameHeaderBytes, writeFrameSequence } from "../../../wire/binary-frames.ts";
import type { ServerEvent } from "../../../wire/events.ts";
import type { ExtensionServerEvent, Extensions, ResumeGrant, TurnSpan } from "../../../wire/extensions.ts";
import type { Output, ReplyAudio } from "../../session/domain.ts";
import { ledgerTotals, spanOwners } from "../../turn/ledger.ts";
import { contentPartToWire, itemToWire, responseToWire } from "./encode-items.ts";
import { sessionToWire } from "./session-mapping.ts";

/** Plain JSON, saved with the session. */
export interface EncoderState {
  /** Makes event ids unique among sessions: `event_<prefix>_<n>`. */
  idPrefix: string;
  conversationId: string;
  extensions: Extensions;
  /** Number of the next event's id. */
  nextEvent: number;
  /** Sequence of the next binary frame, where frames have a count of their own. */
  nextFrame: number;
}

export interface EncodedText {
  state: EncoderState;
  /** In order; none where the output is of an extension that the client didn't ask for. */
  messages: string[];
}

export interface EncodedAudio {
  state: EncoderState;
  message: string | Uint8Array;
}

/** `Omit` over a union, member by member. */
type EventBody<Event> = Event extends unknown ? Omit<Event, "event_id" | "seq"> : never;

type ServerEventBody = EventBody<ServerEvent>;

/** What the host itself has to say in an extension: `parley.resumed`, `parley.input_ack`, `parley.goaway`. */
export type HostEvent = EventBody<
  Extract<ExtensionServerEvent, { type: "parley.resumed" | "parley.input_ack" | "parley.goaway" }>
>;

/** The state at a session's start. */
export function createEncoderState(
  options: Pick<EncoderState, "idPrefix" | "conversationId" | "extensions">,
): EncoderState {
  return { ...options, nextEvent: 0, nextFrame: 0 };
}

/** Encodes one output. */
export function encode(state: EncoderState, output: Output): EncodedText {
  const body = bodyOf(state, output);
  return body === null ? { state, messages: [] } : encodeBody(state, body);
}

/** Encodes what the host says of resume and drain; nothing for a client that didn't ask for resume. */
export function encodeHostEvent(state: EncoderState, event: HostEvent): EncodedText {
  return state.extensions.resume ? encodeBody(state, event) : { state, messages: [] };
}

/**
 * Encodes reply audio: base64 in an event, or for clients of binary audio a frame with its header. No object is
 * serialised here, this happens fifty times a second a session.
 */
export function encodeAudio(state: EncoderState, audio: ReplyAudio): EncodedAudio {
  if (state.extensions.binaryAudio) {
    // From Node's pool: a fresh typed array costs more than everything else here together.
    const message = Buffer.allocUnsafe(frameHeaderBytes + audio.bytes.length);
    encodeFrameInto(message, state.nextFrame, audio.fromMs, audio.bytes);
    // The count wraps like the header's field.
    return { state: { ...state, nextFrame: (state.nextFrame + 1) >>> 0 }, message };
  }
  const { buffer, byteOffset, byteLength } = audio.bytes;
  const delta = Buffer.from(buffer, byteOffset, byteLength).toString("base64");
  const message =
    `{"event_id":${JSON.stringify(eventId(state))},"type":"response.output_audio.delta"` +
    `,"response_id":${JSON.stringify(audio.responseId)},"item_id":${JSON.stringify(audio.itemId)}` +
    `,"output_index":${audio.outputIndex},"content_index":${audio.contentIndex},"delta":"${delta}"}`;
  return { state: { ...state, nextEvent: state.nextEvent + 1 }, message };
}

/** True for outputs that carry no number and are not replayed. */
export function isTransient(output: Output): boolean {
  return ["duck", "unduck", "callerWords", "level"].includes(output.type);
}

/** The message with its number, for clients that asked for resume. A frame is numbered in place. */
export function withSequence<Message extends string | Uint8Array>(
  message: Message,
  sequence: number,
): Message {
  if (typeof message === "string") return `${message.slice(0, -1)},"seq":${sequence}}` as Message;
  writeFrameSequence(message, sequence >>> 0);
  return message;
}

/** A `session.created` with the token that its client may resume with. */
export function withResumeGrant(message: string, grant: ResumeGrant): string {
  return `${message.slice(0, -1)},"parley":${JSON.stringify(grant)}}`;
}

function encodeBody(state: EncoderState, body: ServerEventBody): EncodedText {
  const message = `{"event_id":${JSON.stringify(eventId(state))},${JSON.stringify(body).slice(1)}`;
  return { state: { ...state, nextEvent: state.nextEvent + 1 }, messages: [message] };
}

function eventId(state: EncoderState): string {
  return `event_${state.idPrefix}_${state.nextEvent}`;
}

/** Null: nothing for this client. */
function bodyOf(state: EncoderState, output: Output): ServerEventBody | null {
  switch (output.type) {
    case "sessionCreated":
    case "sessionUpdated": {
      const type = output.type === "sessionCreated" ? "session.created" : "session.updated";
      return { type, session: sessionToWire(output.sessionId, output.config, output.expiresAtMs) };
    }
    case "error": {
      const { code, message, param, clientEventId: event_id } = output;
      return { type: "error", error: { type: output.kind, code, message, param, event_id } };
    }
    case "rateLimits":
      return {
        type: "rate_limits.updated",
        rate_limits: output.limits.map(({ name, limit, remaining, resetSeconds }) => {
          return {
            name,
            limit: Math.round(limit),
            remaining: Math.round(remaining),
            reset_seconds: resetSeconds,
          };
        }),
      };
    case "duck":
      return state.extensions.duck ? { type: "parley.duck" } : null;
    case "unduck":
      return state.extensions.duck ? { type: "parley.unduck" } : null;
    case "turnReport":
      return state.extensions.debug ? turnReportBody(output) : null;
    case "replyWords":
      return state.extensions.words ? wordsBody(output) : null;
    case "callerWords": {
      const { itemId: item_id, text: transcript } = output;
      return state.extensions.captions ? { type: "parley.caption", item_id, transcript } : null;
    }
    case "level":
      return state.extensions.level ? levelBody(output) : null;
    case "speechStarted":
    case "speechStopped":
    case "inputCommitted":
    case "inputCleared":
    case "inputTimeout":
    case "transcriptionDelta":
    case "transcriptionCompleted":
    case "transcriptionFailed":
      return inputBody(output);
    case "itemAdded":
    case "itemDone":
    case "itemRetrieved":
    case "itemDeleted":
    case "itemTruncated":
      return itemBody(output);
    default:
      return responseBody(state, output);
  }
}

type OutputOf<Type extends Output["type"]> = Extract<Output, { type: Type }>;

type InputOutput = OutputOf<
  | "speechStarted"
  | "speechStopped"
  | "inputCommitted"
  | "inputCleared"
  | "inputTimeout"
  | "transcriptionDelta"
  | "transcriptionCompleted"
  | "transcriptionFailed"
>;

function inputBody(output: InputOutput): ServerEventBody {
  if (output.type === "inputCleared") return { type: "input_audio_buffer.cleared" };
  const item_id = output.itemId;
  switch (output.type) {
    case "speechStarted":
      return {
        type: "input_audio_buffer.speech_started",
        item_id,
        audio_start_ms: wholeMs(output.audioStartMs),
      };
    case "speechStopped":
      return { type: "input_audio_buffer.speech_stopped", item_id, audio_end_ms: wholeMs(output.audioEndMs) };
    case "inputCommitted":
      return { type: "input_audio_buffer.committed", item_id, previous_item_id: output.previousItemId };
    case "inputTimeout": {
      const audio_start_ms = wholeMs(output.audioStartMs);
      const audio_end_ms = wholeMs(output.audioEndMs);
      return { type: "input_audio_buffer.timeout_triggered", item_id, audio_start_ms, audio_end_ms };
    }
    case "transcriptionDelta": {
      const { contentIndex: content_index, delta } = output;
      return { type: "conversation.item.input_audio_transcription.delta", item_id, content_index, delta };
    }
    case "transcriptionCompleted": {
      const { contentIndex: content_index, transcript } = output;
      const usage = { type: "duration", seconds: output.audioMs / 1000 } as const;
      const type = "conversation.item.input_audio_transcription.completed";
      return { type, item_id, content_index, transcript, usage };
    }
    case "transcriptionFailed": {
      const error = { type: "transcription_error", code: output.code, message: output.message };
      const type = "conversation.item.input_audio_transcription.failed";
      return { type, item_id, content_index: output.contentIndex, error };
    }
  }
}

type ItemOutput = OutputOf<"itemAdded" | "itemDone" | "itemRetrieved" | "itemDeleted" | "itemTruncated">;

function itemBody(output: ItemOutput): ServerEventBody {
  switch (output.type) {
    case "itemAdded":
    case "itemDone": {
      const type = output.type === "itemAdded" ? "conversation.item.added" : "conversation.item.done";
      return { type, previous_item_id: output.previousItemId, item: itemToWire(output.item) };
    }
    case "itemRetrieved":
      return { type: "conversation.item.retrieved", item: itemToWire(output.item, true) };
    case "itemDeleted":
      return { type: "conversation.item.deleted", item_id: output.itemId };
    case "itemTruncated": {
      const { itemId: item_id, contentIndex: content_index } = output;
      const audio_end_ms = wholeMs(output.audioEndMs);
      return { type: "conversation.item.truncated", item_id, content_index, audio_end_ms };
    }
  }
}

type ResponseOutput = OutputOf<
  | "responseCreated"
  | "responseDone"
  | "outputItemAdded"
  | "outputItemDone"
  | "partAdded"
  | "partDone"
  | "textDelta"
  | "textDone"
  | "transcriptDelta"
  | "transcriptDone"
  | "audioDone"
  | "functionArgumentsDelta"
  | "functionArgumentsDone"
  | "outputCleared"
>;

function responseBody(state: EncoderState, output: ResponseOutput): ServerEventBody {
  if (output.type === "responseCreated" || output.type === "responseDone") {
    const type = output.type === "responseCreated" ? "response.created" : "response.done";
    return { type, response: responseToWire(output.response, state.conversationId) };
  }
  const response_id = output.responseId;
  if (output.type === "outputCleared") return { type: "output_audio_buffer.cleared", response_id };
  const output_index = output.outputIndex;
  if (output.type === "outputItemAdded" || output.type === "outputItemDone") {
    const type =
      output.type === "outputItemAdded" ? "response.output_item.added" : "response.output_item.done";
    return { type, response_id, output_index, item: itemToWire(output.item) };
  }
  const at = { response_id, item_id: output.itemId, output_index };
  if (output.type === "functionArgumentsDelta") {
    const { callId: call_id, delta } = output;
    return { type: "response.function_call_arguments.delta", ...at, call_id, delta };
  }
  if (output.type === "functionArgumentsDone") {
    const { callId: call_id, name, arguments: args } = output;
    return { type: "response.function_call_arguments.done", ...at, call_id, name, arguments: args };
  }
  return partBody(output, { ...at, content_index: output.contentIndex });
}

type PartOutput = OutputOf<
  "partAdded" | "partDone" | "textDelta" | "textDone" | "transcriptDelta" | "transcriptDone" | "audioDone"
>;

function partBody(
  output: PartOutput,
  at: { response_id: string; item_id: string; output_index: number; content_index: number },
): ServerEventBody {
  switch (output.type) {
    case "partAdded":
      return { type: "response.content_part.added", ...at, part: contentPartToWire(output.part) };
    case "partDone":
      return { type: "response.content_part.done", ...at, part: contentPartToWire(output.part) };
    case "textDelta":
      return { type: "response.output_text.delta", ...at, delta: output.delta };
    case "textDone":
      return { type: "response.output_text.done", ...at, text: output.text };
    case "transcriptDelta":
      return { type: "response.output_audio_transcript.delta", ...at, delta: output.delta };
    case "transcriptDone":
      return { type: "response.output_audio_transcript.done", ...at, transcript: output.transcript };
    case "audioDone":
      return { type: "response.output_audio.done", ...at };
  }
}

function turnReportBody({ responseId, ledger, providers }: OutputOf<"turnReport">): ServerEventBody {
  const totals = ledgerTotals(ledger);
  return {
    type: "parley.turn",
    response_id: responseId,
    kind: ledger.kind,
    spans: ledger.entries.map((entry): TurnSpan => {
      const { span, provider } = entry;
      const sent = { span, owner: spanOwners[span], duration_ms: tenths(entry.durationMs) };
      return provider === undefined ? sent : { ...sent, provider };
    }),
    totals: {
      turn_ms: tenths(totals.turnMs),
      infra_ms: tenths(totals.infraMs),
      vendor_ms: tenths(totals.vendorMs),
      client_ms: tenths(totals.clientMs),
      speaker_ms: tenths(totals.speakerMs),
    },
    providers: providers.map(({ stage, provider, outcome }) => ({ stage, provider, outcome })),
  };
}

function wordsBody({ responseId, itemId, contentIndex, words }: OutputOf<"replyWords">): ServerEventBody {
  return {
    type: "parley.words",
    response_id: responseId,
    item_id: itemId,
    content_index: contentIndex,
    words: words.map(({ text, fromMs }) => ({ text, start_ms: wholeMs(fromMs) })),
  };
}

function levelBody(output: OutputOf<"level">): ServerEventBody {
  const { sample, rawBandsDb, gatedBandsDb } = output;
  return {
    type: "parley.level",
    sample,
    raw_db: tenths(output.rawDb),
    gated_db: tenths(output.gatedDb),
    noise_db: tenths(output.noiseDb),
    speech_ratio: Math.round(output.speechRatio * 1000) / 1000,
    ...(rawBandsDb && { raw_bands_db: rawBandsDb.map(tenths) }),
    ...(gatedBandsDb && { gated_bands_db: gatedBandsDb.map(tenths) }),
  };
}

/** Clients' types say integer, and no time is before the start. */
function wholeMs(ms: number): number {
  return Math.max(0, Math.round(ms));
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
