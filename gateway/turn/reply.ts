/** One reply: retrieval → AI → sentences → TTS, as a stream of events. The request is a plain value. */
import type { AiMessage, AiTool, AiToolChoice, ConversationMemory, Usage } from "../providers/provider.ts";
import type { Ledger } from "./ledger.ts";

export interface ReplyRequest {
  responseId: string;
  tenant: string;
  instructions: string;
  /** History as heard, oldest first; the last user message is what is answered. */
  messages: AiMessage[];
  tools: AiTool[];
  toolChoice: AiToolChoice;
  maxOutputTokens: number | null;
  modality: "audio" | "text";
  voice: string;
  speedRatio: number;
  /** Rate of the audio asked of TTS: the output format's own (8000 for G.711). */
  sampleRateHz: 8000 | 16000 | 24000;
  language?: string;
  /** Words already spoken of this reply (a turn that was restored goes on there). "" at first. */
  spokenPrefix: string;
  /** Set: nothing is asked of the AI; this is said (the rest of a reply that was broken off), after `spokenPrefix` of it. */
  recital?: string;
  /** Beside the conversation: nobody in it hears that. */
  outOfBand?: true;
  /** The turn's line of time so far; the reply goes on with it. */
  ledger: Ledger;
  /** Set: nothing is asked of the AI; the prepared sentence for this code is spoken and the reply ends failed with it. */
  apology?: string;
}

export interface ReplyAttempt {
  stage: "stt" | "ai" | "tts";
  provider: string;
  outcome: "completed" | "cancelled" | "failed";
}

export type ReplyEvent =
  /** Text modality: the AI's words as they come. */
  | { type: "text"; delta: string }
  /** Audio modality: a speakable piece was cut; its audio follows. `text` keeps its spaces, so pieces join to the whole. */
  | { type: "piece"; index: number; text: string }
  /** Reply audio of a piece, int16 mono at the request's rate. Pieces' audio comes strictly in order of index. */
  | { type: "audio"; index: number; pcm: Int16Array }
  | { type: "word"; index: number; text: string; fromSample: number }
  /** The piece's audio is whole; `said` is what of its text was said, where the voice broke off. */
  | { type: "pieceEnd"; index: number; said?: string }
  /** Audio modality, once: all that the pieces of this run say is written; they may still be spoken. */
  | { type: "answer"; text: string }
  | { type: "toolCall"; callId: string; name: string; arguments: string }
  /** First useful output reached the session's door: the ledger up to here (ai, sentence, tts, …); `egress` is the session's. */
  | { type: "ledger"; ledger: Ledger }
  /** Always the last. */
  | {
      type: "end";
      outcome: "completed" | "cancelled" | "failed" | "incomplete";
      /** With incomplete: max_output_tokens. */
      reason?: string;
      error?: { code: string; message: string };
      usage: Usage;
      attempts: ReplyAttempt[];
    };

/** What a reply must know of its playing and its conversation: it synthesises at most two pieces ahead of the one that plays. */
export interface PlaybackControl {
  /** Resolves when piece `index` has begun to be sent (or the signal aborts). */
  waitStarted(index: number, signal: AbortSignal): Promise<void>;
  /** Audio of the reply that was handed on and is not played yet, in ms; absent where nobody knows. */
  unplayedMs?(): number;
  /** What the chains remember of the conversation. */
  conversation?: ConversationMemory;
}

/** Runs replies; built by `main` from the chains. */
export interface ReplyRunner {
  run(request: ReplyRequest, control: PlaybackControl, signal: AbortSignal): AsyncIterable<ReplyEvent>;
}
