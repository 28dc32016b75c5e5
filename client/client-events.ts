import type { ClientEvent, ServerEvent, ServerEventOf, WireAudioFormat } from "../wire/events.ts";
import type { ConversationState } from "./conversation-state.ts";
import type { ParleyError } from "./parley-error.ts";
import type { ReplyAudio } from "./playback-queue.ts";
import type { ReconnectPolicy } from "./reconnect-policy.ts";
import type { WebSocketConstructor } from "./server-link.ts";
import type { SpokenWord } from "./spoken-words.ts";
import type { ReplyTranscript, Transcript } from "./transcripts.ts";

type VendorSettings = Extract<
  Extract<ClientEvent, { type: "session.update" }>["session"],
  { type: "realtime" }
>;
type VendorAudio = NonNullable<VendorSettings["audio"]>;

/** Settings of a conversation, as `session.update` takes them; PCM may be at 16 kHz too (binary audio only). */
export type SessionSettings = Omit<VendorSettings, "type" | "audio"> & {
  audio?: {
    input?: Omit<NonNullable<VendorAudio["input"]>, "format"> & { format?: WireAudioFormat };
    output?: Omit<NonNullable<VendorAudio["output"]>, "format"> & { format?: WireAudioFormat };
  };
};

/** Overrides for one response. */
export type ResponseSettings = NonNullable<Extract<ClientEvent, { type: "response.create" }>["response"]>;

/** What a client may ask for beyond the Realtime protocol. Servers other than Parley ignore it. */
export interface ClientExtensions {
  /** `duck` and `unduck`: quieter while a possible interruption is judged. */
  duck?: boolean;
  /** `parley.turn`: where each turn's time went. */
  debug?: boolean;
  /** `words`: when each word of a spoken reply sounds. */
  words?: boolean;
  /** `userTranscript` grows while the user speaks, as fast as the recogniser tells words. */
  captions?: boolean;
  /** `gateLevel`: ten times a second, what the gateway's noise gate hears and what it lets through. */
  level?: boolean;
  /** The client's sound has no echo cancellation: the gateway expects its own voice to come back. */
  echoGuard?: boolean;
}

/** The microphone's signal as the gateway hears it. dBFS. */
export interface GateLevel {
  /** End of the stretch, in samples received since the conversation began (16 kHz). */
  sample: number;
  rawDb: number;
  gatedDb: number;
  noiseDb: number;
  /** Probability of speech, 0 to 1. */
  speechRatio: number;
  /** 16 bands of the mel scale from 60 Hz to 8 kHz, before and after the gate; null while the gate rests. */
  rawBandsDb: readonly number[] | null;
  gatedBandsDb: readonly number[] | null;
}

export interface ParleyClientOptions {
  /** The gateway: `https://host`, `wss://host/v1/realtime?model=…`; without a path, `/v1/realtime` is added. */
  url: string;
  /** An API key or a short-lived client secret; a function is asked anew for every connection. */
  apiKey?: string | (() => string | Promise<string>);
  /** How sound travels. "binary" (default) is Parley's own, without base64; "base64" works with any Realtime server. */
  audio?: "binary" | "base64";
  /** Parley's extensions; all are off unless asked for (a `VoiceCall` asks for `words`, and for `echoGuard` where needed). */
  extensions?: ClientExtensions;
  /** How a lost connection is taken up again; false: never. */
  reconnect?: Partial<ReconnectPolicy> | false;
  /** Longest wait for a connection, and for the answer to `configure`. Default 10,000. */
  connectTimeoutMs?: number;
  /** For tests and platforms without a global WebSocket. */
  webSocket?: WebSocketConstructor;
  /** Uniform in [0, 1), for the jitter of reconnects. Default `Math.random`. */
  random?: () => number;
}

/** What the client itself tells, beside the server's events by their own names. */
export interface ClientEvents {
  state: { state: ConversationState; previous: ConversationState };
  /** What the user said, growing until `final`. */
  userTranscript: Transcript;
  /** What Parley says, growing until `final`; once more, with what was heard, when it was interrupted. */
  replyTranscript: ReplyTranscript;
  /** Reply audio: int16 mono at `client.outputRateHz`. */
  audio: ReplyAudio;
  /** No more audio will come for the item. */
  audioEnd: { itemId: string };
  /** The user speaks: sound that is still playing must stop now. */
  userSpeaking: { itemId: string };
  /** When words of a spoken reply sound, as the server tells it (extension `words`); more follow as more is spoken. */
  words: { itemId: string; words: readonly SpokenWord[] };
  /** What the gate makes of the microphone's sound (extension `level`), ten times a second while audio comes. */
  gateLevel: GateLevel;
  duck: undefined;
  unduck: undefined;
  error: ParleyError;
  /** The connection was lost; attempt number `attempt` begins in `delayMs`. */
  reconnecting: { attempt: number; delayMs: number; cause: ParleyError };
  /** Connected again, in a new conversation: the server knows nothing of what was said before. */
  restarted: { message: string };
  /** The end; `error` is null if it was wanted. */
  closed: { error: ParleyError | null };
  /** Every event of the server. */
  event: ServerEvent;
}

/** The server's events by their own names. */
export type ServerEventsByType = { [Type in Exclude<ServerEvent["type"], "error">]: ServerEventOf<Type> };
