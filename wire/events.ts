/**
 * The Realtime protocol's events as this project sends and takes them: the vendor's own types, narrowed where we
 * always send more than the vendor promises. Types only, so a browser pays nothing for importing them. Names are
 * those of the GA protocol.
 *
 * @see docs/protocol.md
 */
import type {
  ConversationItemAdded,
  ConversationItemCreateEvent,
  ConversationItemDeletedEvent,
  ConversationItemDeleteEvent,
  ConversationItemDone,
  ConversationItemInputAudioTranscriptionCompletedEvent,
  ConversationItemInputAudioTranscriptionDeltaEvent,
  ConversationItemInputAudioTranscriptionFailedEvent,
  ConversationItemRetrieveEvent,
  ConversationItemTruncatedEvent,
  ConversationItemTruncateEvent,
  InputAudioBufferAppendEvent,
  InputAudioBufferClearEvent,
  InputAudioBufferClearedEvent,
  InputAudioBufferCommitEvent,
  InputAudioBufferCommittedEvent,
  InputAudioBufferSpeechStartedEvent,
  InputAudioBufferSpeechStoppedEvent,
  InputAudioBufferTimeoutTriggered,
  OutputAudioBufferClearEvent,
  RateLimitsUpdatedEvent,
  RealtimeErrorEvent,
  RealtimeFunctionTool,
  RealtimeReasoning,
  RealtimeServerEvent,
  RealtimeTracingConfig,
  RealtimeTruncation,
  ResponseAudioDeltaEvent,
  ResponseAudioDoneEvent,
  ResponseAudioTranscriptDeltaEvent,
  ResponseAudioTranscriptDoneEvent,
  ResponseCancelEvent,
  ResponseContentPartAddedEvent,
  ResponseContentPartDoneEvent,
  ResponseCreatedEvent,
  ResponseCreateEvent,
  ResponseCreateEventWithReferencesParam,
  ResponseDoneEvent,
  ResponseFunctionCallArgumentsDeltaEvent,
  ResponseFunctionCallArgumentsDoneEvent,
  ResponseOutputItemAddedEvent,
  ResponseOutputItemDoneEvent,
  ResponseTextDeltaEvent,
  ResponseTextDoneEvent,
  SessionCreatedEvent,
  SessionUpdatedEvent,
  SessionUpdateEvent,
} from "openai/resources/realtime/realtime";
import type { ExtensionServerEvent, PlaybackEvent, ResumeGrant } from "./extensions.ts";

type With<Event, Fields> = Omit<Event, keyof Fields> & Fields;

// ---- Client events ---------------------------------------------------------------------------------------

/** `rate: 16000` is for clients of binary audio. */
export type WireAudioFormat =
  | { type: "audio/pcm"; rate: 16000 | 24000 }
  | { type: "audio/pcmu" }
  | { type: "audio/pcma" };

/** All 11 client events of the protocol, and ours. */
export type ClientEvent =
  | SessionUpdateEvent
  | InputAudioBufferAppendEvent
  | InputAudioBufferCommitEvent
  | InputAudioBufferClearEvent
  | OutputAudioBufferClearEvent
  | ConversationItemCreateEvent
  | ConversationItemRetrieveEvent
  | ConversationItemDeleteEvent
  | ConversationItemTruncateEvent
  | ResponseCreateEvent
  | ResponseCreateEventWithReferencesParam
  | ResponseCancelEvent
  | PlaybackEvent;

export type ClientEventType = ClientEvent["type"];

// ---- Parts of server events ------------------------------------------------------------------------------

export type SentItemStatus = "in_progress" | "completed" | "incomplete";

/** `transcript` is always there, `null` until it is known; `audio` (base64) only when an item is retrieved. */
export type SentInputPart =
  | { type: "input_text"; text: string }
  | { type: "input_audio"; transcript: string | null; audio?: string };

export type SentOutputPart =
  | { type: "output_text"; text: string }
  | { type: "output_audio"; transcript: string };

interface SentItemBase {
  id: string;
  object: "realtime.item";
  status: SentItemStatus;
}

export type SentItem =
  | (SentItemBase & { type: "message"; role: "system"; content: { type: "input_text"; text: string }[] })
  | (SentItemBase & { type: "message"; role: "user"; content: SentInputPart[] })
  | (SentItemBase & { type: "message"; role: "assistant"; content: SentOutputPart[] })
  | (SentItemBase & { type: "function_call"; call_id: string; name: string; arguments: string })
  | (SentItemBase & { type: "function_call_output"; call_id: string; output: string });

/** Inside `response.content_part.*` the parts are called `text` and `audio`. */
export type SentContentPart = { type: "text"; text: string } | { type: "audio"; transcript: string };

export type SentTurnDetection =
  | {
      type: "server_vad";
      threshold: number;
      prefix_padding_ms: number;
      silence_duration_ms: number;
      idle_timeout_ms: number | null;
      create_response: boolean;
      interrupt_response: boolean;
    }
  | {
      type: "semantic_vad";
      eagerness: "low" | "medium" | "high" | "auto";
      create_response: boolean;
      interrupt_response: boolean;
    };

/** The whole session as `session.created` and `session.updated` show it. */
export interface SentSession {
  type: "realtime";
  object: "realtime.session";
  id: string;
  model: string;
  /** Unix time in seconds. */
  expires_at: number;
  output_modalities: ("text" | "audio")[];
  instructions: string;
  audio: {
    input: {
      format: WireAudioFormat;
      transcription: { model?: string; language?: string; prompt?: string } | null;
      noise_reduction: { type: "near_field" | "far_field" } | null;
      turn_detection: SentTurnDetection | null;
    };
    output: { format: WireAudioFormat; voice: string; speed: number };
  };
  tools: (RealtimeFunctionTool & { type: "function"; name: string })[];
  /** A word always: a choice of one function is shown as `required`. */
  tool_choice: "auto" | "none" | "required";
  max_output_tokens: number | "inf";
  tracing: RealtimeTracingConfig | null;
  truncation: RealtimeTruncation;
  prompt: null;
  include: "item.input_audio_transcription.logprobs"[] | null;
  reasoning?: RealtimeReasoning;
  parallel_tool_calls?: boolean;
}

export interface SentUsage {
  total_tokens: number;
  input_tokens: number;
  output_tokens: number;
  input_token_details: {
    text_tokens: number;
    audio_tokens: number;
    image_tokens: number;
    cached_tokens: number;
  };
  output_token_details: { text_tokens: number; audio_tokens: number };
}

export type SentStatusDetails =
  | { type: "cancelled"; reason: "turn_detected" | "client_cancelled" }
  | { type: "incomplete"; reason: "max_output_tokens" | "content_filter" }
  | { type: "failed"; error: { type: "server_error"; code: string; message: string } };

export interface SentResponse {
  id: string;
  object: "realtime.response";
  status: "in_progress" | "completed" | "cancelled" | "failed" | "incomplete";
  status_details: SentStatusDetails | null;
  output: SentItem[];
  /** Null: outside the conversation. */
  conversation_id: string | null;
  output_modalities: ("text" | "audio")[];
  max_output_tokens: number | "inf";
  audio: { output: { format: WireAudioFormat; voice: string } };
  usage: SentUsage | null;
  metadata: { [key: string]: string } | null;
}

// ---- Server events ---------------------------------------------------------------------------------------

type Retrieved = RealtimeServerEvent.ConversationItemRetrieved;
type OutputCleared = RealtimeServerEvent.OutputAudioBufferCleared;

type ProtocolEvent =
  | (With<SessionCreatedEvent, { session: SentSession }> & { parley?: ResumeGrant })
  | With<SessionUpdatedEvent, { session: SentSession }>
  | RealtimeErrorEvent
  | InputAudioBufferSpeechStartedEvent
  | InputAudioBufferSpeechStoppedEvent
  | InputAudioBufferCommittedEvent
  | InputAudioBufferClearedEvent
  | InputAudioBufferTimeoutTriggered
  | With<ConversationItemAdded, { item: SentItem }>
  | With<ConversationItemDone, { item: SentItem }>
  | With<Retrieved, { item: SentItem }>
  | ConversationItemDeletedEvent
  | ConversationItemTruncatedEvent
  | ConversationItemInputAudioTranscriptionDeltaEvent
  | ConversationItemInputAudioTranscriptionCompletedEvent
  | ConversationItemInputAudioTranscriptionFailedEvent
  | With<ResponseCreatedEvent, { response: SentResponse }>
  | With<ResponseDoneEvent, { response: SentResponse }>
  | With<ResponseOutputItemAddedEvent, { item: SentItem }>
  | With<ResponseOutputItemDoneEvent, { item: SentItem }>
  | With<ResponseContentPartAddedEvent, { part: SentContentPart }>
  | With<ResponseContentPartDoneEvent, { part: SentContentPart }>
  | ResponseTextDeltaEvent
  | ResponseTextDoneEvent
  | ResponseAudioTranscriptDeltaEvent
  | ResponseAudioTranscriptDoneEvent
  | ResponseAudioDeltaEvent
  | ResponseAudioDoneEvent
  | ResponseFunctionCallArgumentsDeltaEvent
  | ResponseFunctionCallArgumentsDoneEvent
  | OutputCleared
  | RateLimitsUpdatedEvent;

/** Everything that the gateway sends as text. `seq` counts kept events, for clients that asked for resume. */
export type ServerEvent = (ProtocolEvent | ExtensionServerEvent) & { seq?: number };

export type ServerEventType = ServerEvent["type"];

/** The server event of one type. */
export type ServerEventOf<Type extends ServerEventType> = Extract<ServerEvent, { type: Type }>;
