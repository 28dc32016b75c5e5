/** Items, parts and responses as the client sees them. */
import type {
  SentContentPart,
  SentInputPart,
  SentItem,
  SentOutputPart,
  SentResponse,
  SentStatusDetails,
  SentUsage,
} from "../../../wire/events.ts";
import type { Item, Part, ResponseView } from "../../session/domain.ts";
import { formatToWire } from "./session-mapping.ts";

type InputPart = Extract<Part, { type: "input_text" | "input_audio" }>;
type OutputPart = Extract<Part, { type: "output_text" | "output_audio" }>;

/** `withAudio`: a client's own audio goes back only when it asks for the item. */
export function itemToWire(item: Item, withAudio = false): SentItem {
  const base = { id: item.id, object: "realtime.item", status: item.status } as const;
  switch (item.type) {
    case "message":
      return messageToWire(item, withAudio);
    case "function_call": {
      const { callId, name } = item;
      return { ...base, type: "function_call", call_id: callId, name, arguments: item.arguments };
    }
    case "function_call_output":
      return { ...base, type: "function_call_output", call_id: item.callId, output: item.output };
  }
}

/** Inside a response, parts go by other names than in items. */
export function contentPartToWire(part: Part): SentContentPart {
  switch (part.type) {
    case "input_text":
    case "output_text":
      return { type: "text", text: part.text };
    case "input_audio":
    case "output_audio":
      return { type: "audio", transcript: part.transcript ?? "" };
  }
}

/** `conversationId` is the session's; a response out of band belongs to none. */
export function responseToWire(response: ResponseView, conversationId: string): SentResponse {
  return {
    id: response.id,
    object: "realtime.response",
    status: response.status,
    status_details: statusDetailsToWire(response),
    output: response.output.map((item) => itemToWire(item)),
    conversation_id: response.outOfBand ? null : conversationId,
    output_modalities: [response.outputModality],
    max_output_tokens: response.maxOutputTokens ?? "inf",
    audio: { output: { format: formatToWire(response.outputFormat), voice: response.voice } },
    usage: response.usage && usageToWire(response.usage),
    metadata: response.metadata,
  };
}

function messageToWire(item: Extract<Item, { type: "message" }>, withAudio: boolean): SentItem {
  const base = { id: item.id, object: "realtime.item", type: "message", status: item.status } as const;
  switch (item.role) {
    case "assistant": {
      const content = item.parts.filter(isOutput).map(outputPartToWire);
      return { ...base, role: "assistant", content };
    }
    case "user": {
      const content = item.parts.filter(isInput).map((part) => inputPartToWire(part, withAudio));
      return { ...base, role: "user", content };
    }
    case "system": {
      const texts = item.parts.filter((part) => part.type === "input_text");
      const content = texts.map((part) => ({ type: "input_text" as const, text: part.text }));
      return { ...base, role: "system", content };
    }
  }
}

function isInput(part: Part): part is InputPart {
  return part.type === "input_text" || part.type === "input_audio";
}

function isOutput(part: Part): part is OutputPart {
  return !isInput(part);
}

function outputPartToWire(part: OutputPart): SentOutputPart {
  if (part.type === "output_text") return { type: "output_text", text: part.text };
  return { type: "output_audio", transcript: part.transcript };
}

function inputPartToWire(part: InputPart, withAudio: boolean): SentInputPart {
  if (part.type === "input_text") return { type: "input_text", text: part.text };
  const sent: SentInputPart = { type: "input_audio", transcript: part.transcript };
  if (withAudio && part.audio !== undefined) sent.audio = part.audio;
  return sent;
}

function statusDetailsToWire(response: ResponseView): SentStatusDetails | null {
  const { reason, error } = response;
  switch (response.status) {
    case "in_progress":
    case "completed":
      return null;
    case "cancelled":
      return {
        type: "cancelled",
        reason: reason === "client_cancelled" ? "client_cancelled" : "turn_detected",
      };
    case "incomplete":
      return {
        type: "incomplete",
        reason: reason === "content_filter" ? "content_filter" : "max_output_tokens",
      };
    case "failed": {
      const code = error?.code ?? reason ?? "internal_error";
      const message = error?.message ?? "The response failed.";
      return { type: "failed", error: { type: "server_error", code, message } };
    }
  }
}

/** Every token is one of text here: recognisers and voices charge by time and characters. */
function usageToWire(usage: NonNullable<ResponseView["usage"]>): SentUsage {
  const inputTokens = Math.round(usage.inputTokens ?? 0);
  const outputTokens = Math.round(usage.outputTokens ?? 0);
  return {
    total_tokens: inputTokens + outputTokens,
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    input_token_details: { text_tokens: inputTokens, audio_tokens: 0, image_tokens: 0, cached_tokens: 0 },
    output_token_details: { text_tokens: outputTokens, audio_tokens: 0 },
  };
}
