/**
 * What a live conversation is about, in terms of no protocol: an adapter maps these to a wire and back. Every
 * value here is plain JSON, so that a session can be saved and restored at any step.
 */
import type { Usage } from "../providers/provider.ts";
import type { Ledger } from "../turn/ledger.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type AudioFormat =
  | { type: "audio/pcm"; rate: 16000 | 24000 }
  | { type: "audio/pcmu" }
  | { type: "audio/pcma" };

export type TurnDetection =
  | {
      type: "server_vad";
      thresholdRatio: number;
      prefixPaddingMs: number;
      silenceDurationMs: number;
      /** Null: never. Counted from the end of the last reply's playback. */
      idleTimeoutMs: number | null;
      createResponse: boolean;
      interruptResponse: boolean;
    }
  | {
      type: "semantic_vad";
      eagerness: "low" | "medium" | "high" | "auto";
      createResponse: boolean;
      interruptResponse: boolean;
    };

export interface Tool {
  name: string;
  description?: string;
  parameters?: Json;
}

export type ToolChoice = "auto" | "none" | "required" | { name: string };

export interface SessionConfig {
  model: string;
  instructions: string;
  outputModality: "audio" | "text";
  input: {
    format: AudioFormat;
    noiseReduction: "near_field" | "far_field" | null;
    /** Null: user's words are not sent to the client (the gateway still transcribes to answer). */
    transcription: { model?: string; language?: string; prompt?: string } | null;
    turnDetection: TurnDetection | null;
  };
  output: { format: AudioFormat; voice: string; speedRatio: number };
  tools: Tool[];
  toolChoice: ToolChoice;
  /** Null: no limit ("inf"). */
  maxOutputTokens: number | null;
  /** Settings that we keep and echo but that change nothing here (tracing, truncation, include, prompt, …). */
  echoed: { [key: string]: Json };
}

/** Settings to change; absent means "leave as it is". Nested objects are merged, `turnDetection: null` sets null. */
export interface SessionPatch {
  model?: string;
  instructions?: string;
  outputModality?: "audio" | "text";
  input?: Partial<SessionConfig["input"]>;
  output?: Partial<SessionConfig["output"]>;
  tools?: Tool[];
  toolChoice?: ToolChoice;
  maxOutputTokens?: number | null;
  echoed?: { [key: string]: Json };
}

export type Part =
  | { type: "input_text"; text: string }
  | { type: "output_text"; text: string }
  /** `transcript` is null until it is known. `audio` (base64, session's input format) only on items that a client created, until transcribed. */
  | { type: "input_audio"; transcript: string | null; audio?: string }
  /** What was said; after an interruption, what was heard. */
  | { type: "output_audio"; transcript: string };

export type ItemStatus = "in_progress" | "completed" | "incomplete";

export type Item =
  | { type: "message"; id: string; role: "system" | "user" | "assistant"; status: ItemStatus; parts: Part[] }
  | { type: "function_call"; id: string; status: ItemStatus; callId: string; name: string; arguments: string }
  | { type: "function_call_output"; id: string; status: ItemStatus; callId: string; output: string };

/** A client's item before it has its id: `id` may be the client's own. */
export type NewItem =
  | { type: "message"; id?: string; role: "system" | "user" | "assistant"; parts: Part[] }
  | { type: "function_call"; id?: string; callId: string; name: string; arguments: string }
  | { type: "function_call_output"; id?: string; callId: string; output: string };

/** Overrides for one response; absent means the session's. */
export interface ResponseParams {
  /** True for `conversation: "none"`: its items don't enter the conversation. */
  outOfBand: boolean;
  /** Replaces the conversation as context: items given whole, or references to existing ones. */
  input?: (NewItem | { type: "reference"; id: string })[];
  instructions?: string;
  outputModality?: "audio" | "text";
  voice?: string;
  /** Reply audio's format for this response. */
  outputFormat?: AudioFormat;
  tools?: Tool[];
  toolChoice?: ToolChoice;
  maxOutputTokens?: number | null;
  metadata?: { [key: string]: string } | null;
}

/** What a client asks for. `clientEventId` comes back in an error about it. */
export type Command = { clientEventId: string | null } & (
  | { type: "configure"; patch: SessionPatch }
  /** Audio is not here: the session's host writes it to the bus and gives its end as `atSample`. */
  | { type: "commitInput"; atSample: number }
  | { type: "clearInput"; atSample: number }
  | { type: "createItem"; item: NewItem; previousItemId: string | null }
  | { type: "retrieveItem"; itemId: string }
  | { type: "deleteItem"; itemId: string }
  | { type: "truncateItem"; itemId: string; contentIndex: number; audioEndMs: number }
  | { type: "createResponse"; params: ResponseParams }
  | { type: "cancelResponse"; responseId: string | null }
  | { type: "clearOutput" }
  /** The client's truth for what was heard. */
  | { type: "playback"; itemId: string; playedMs: number }
);

export type ResponseStatus = "in_progress" | "completed" | "cancelled" | "failed" | "incomplete";

export interface ResponseView {
  id: string;
  status: ResponseStatus;
  /** With cancelled: turn_detected | client_cancelled; incomplete: max_output_tokens; failed: a code of the table. */
  reason: string | null;
  error: { code: string; message: string } | null;
  output: Item[];
  /** Null while in progress. */
  usage: Usage | null;
  outOfBand: boolean;
  outputModality: "audio" | "text";
  voice: string;
  outputFormat: AudioFormat;
  maxOutputTokens: number | null;
  metadata: { [key: string]: string } | null;
}

interface At {
  responseId: string;
  itemId: string;
  outputIndex: number;
  contentIndex: number;
}

/** What the session says to its client, in order. Audio itself is a `ReplyAudio`, from the pacer. */
export type Output =
  | { type: "sessionCreated"; sessionId: string; config: SessionConfig; expiresAtMs: number }
  | { type: "sessionUpdated"; sessionId: string; config: SessionConfig; expiresAtMs: number }
  | {
      type: "error";
      kind: "invalid_request_error" | "server_error";
      code: string;
      message: string;
      param: string | null;
      clientEventId: string | null;
    }
  | { type: "speechStarted"; itemId: string; audioStartMs: number }
  | { type: "speechStopped"; itemId: string; audioEndMs: number }
  | { type: "inputCommitted"; itemId: string; previousItemId: string | null }
  | { type: "inputCleared" }
  | { type: "inputTimeout"; itemId: string; audioStartMs: number; audioEndMs: number }
  | { type: "itemAdded"; item: Item; previousItemId: string | null }
  | { type: "itemDone"; item: Item; previousItemId: string | null }
  | { type: "itemRetrieved"; item: Item }
  | { type: "itemDeleted"; itemId: string }
  | { type: "itemTruncated"; itemId: string; contentIndex: number; audioEndMs: number }
  | { type: "transcriptionDelta"; itemId: string; contentIndex: number; delta: string }
  | {
      type: "transcriptionCompleted";
      itemId: string;
      contentIndex: number;
      transcript: string;
      audioMs: number;
    }
  | { type: "transcriptionFailed"; itemId: string; contentIndex: number; code: string; message: string }
  | { type: "responseCreated"; response: ResponseView }
  | { type: "responseDone"; response: ResponseView }
  | { type: "outputItemAdded"; responseId: string; outputIndex: number; item: Item }
  | { type: "outputItemDone"; responseId: string; outputIndex: number; item: Item }
  | ({ type: "partAdded"; part: Part } & At)
  | ({ type: "partDone"; part: Part } & At)
  | ({ type: "textDelta"; delta: string } & At)
  | ({ type: "textDone"; text: string } & At)
  | ({ type: "transcriptDelta"; delta: string } & At)
  | ({ type: "transcriptDone"; transcript: string } & At)
  | ({ type: "audioDone" } & At)
  | {
      type: "functionArgumentsDelta";
      responseId: string;
      itemId: string;
      outputIndex: number;
      callId: string;
      delta: string;
    }
  | {
      type: "functionArgumentsDone";
      responseId: string;
      itemId: string;
      outputIndex: number;
      callId: string;
      name: string;
      arguments: string;
    }
  | { type: "outputCleared"; responseId: string }
  | {
      type: "rateLimits";
      limits: { name: "requests" | "tokens"; limit: number; remaining: number; resetSeconds: number }[];
    }
  /** Extensions: the adapter drops them for clients that did not ask. */
  | { type: "duck" }
  | { type: "unduck" }
  /** When words of the reply sound, in media time of their item. */
  | {
      type: "replyWords";
      responseId: string;
      itemId: string;
      contentIndex: number;
      words: readonly { text: string; fromMs: number }[];
    }
  /** What the caller has said so far; replaces the one before it. */
  | { type: "callerWords"; itemId: string; text: string }
  /** The microphone as the gateway hears it, in dBFS; `sample` is the end of the stretch. */
  | {
      type: "level";
      sample: number;
      rawDb: number;
      gatedDb: number;
      noiseDb: number;
      speechRatio: number;
      rawBandsDb?: number[];
      gatedBandsDb?: number[];
    }
  | {
      type: "turnReport";
      responseId: string;
      ledger: Ledger;
      providers: { stage: string; provider: string; outcome: string }[];
    };

/** A stretch of reply audio on its way out, in the response's output format (bytes as the client wants them). */
export interface ReplyAudio extends At {
  /** pcm16 little-endian, mu-law or A-law bytes. */
  bytes: Uint8Array;
  /** Media time of its first sample within the item. */
  fromMs: number;
}
