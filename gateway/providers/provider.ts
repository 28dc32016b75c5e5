/**
 * What every provider is: `stream(request, context)` yields events for a request that is a plain value, so it
 * can be replayed on another provider. The last event is always `end`; a vendor's fault never throws. A chain
 * of providers, a breaker around one and a hedge of two are providers too.
 */
import type { Clock } from "../clock.ts";

/** What a call gets beside its request. */
export interface CallContext {
  /** Cancels the call; `end { outcome: "cancelled" }` follows within 50 ms. */
  signal: AbortSignal;
  /** When the whole call must have ended, on `clock.nowMs()`. */
  deadlineMs: number;
  clock: Clock;
  /** Whose call it is: for logs, metrics and limits. */
  tenant: string;
  /** Random id of the call, for logs. */
  callId: string;
  /** Told by a chain which link is at work; must not throw. */
  observer?: AttemptObserver;
  /** What the chains remember of this conversation; absent where there is none (prepared sentences, warming). */
  conversation?: ConversationMemory;
  /**
   * How long vendors may still be waited for until the first useful output, in ms: what the turn's stages before left of its
   * time. Counted from when output can be due (STT: the utterance's end). Absent: no limit beside the chain's own.
   */
  patienceMs?: number;
  /** How much of the reply is synthesised and not played yet, in ms: how long the listener would not notice a stall. */
  unplayedMs?(): number;
}

/** Which links one conversation has got used to; lives as long as the conversation, in its process only. */
export interface ConversationMemory {
  /** Link that a chain begins with as long as it is well, null for the chain's own order. */
  readonly preferred: Record<Attempt["stage"], string | null>;
  /**
   * The listener was told that the spare speaks, and no vendor has answered since; "perhaps" until the history shows that it
   * was heard.
   */
  spareTold: boolean | "perhaps";
  /** When a vendor last kept this conversation waiting to the end of its deadline (`clock.nowMs`); absent: never. */
  waitedAtMs?: number;
  /** Vendors that did so shortly one after the other. */
  waits?: number;
}

/** One link's part in a call. */
export interface Attempt {
  stage: "stt" | "ai" | "tts";
  /** Name of the link. */
  provider: string;
  outcome: "completed" | "cancelled" | "failed";
  /** With failed: why. */
  code: ProviderFault["code"] | null;
  /** From the request to its end, or to the moment that it was given up. */
  durationMs: number;
  /** From the request to the first useful output; null if there was none. */
  usefulMs: number | null;
  /** How long after the link's deadline that was noticed (0 when it ended by itself). */
  overdueMs: number;
  /** What it cost, whether or not it was of use. */
  usage: Usage;
  /** Model that was asked, for usage and cost; "" where there is none. */
  model: string;
  /** Started beside another link, before that one had failed. */
  hedge: boolean;
}

/** Follows one call through the links of a chain. */
export interface AttemptObserver {
  started(provider: string): void;
  /** Its first useful output is handed on. */
  useful?(provider: string): void;
  ended(attempt: Attempt): void;
  /** A link that was started beside the one at work has overtaken it: `provider` is at work now. */
  overtook?(provider: string): void;
}

/** Units that vendors charge by; only those that apply are set. */
export interface Usage {
  inputTokens?: number;
  outputTokens?: number;
  audioMs?: number;
  characters?: number;
}

/** Why a provider failed, in our terms (never the vendor's own text, which may hold keys). */
export interface ProviderFault {
  /** Stands in the table of errors. */
  code: "provider_unavailable" | "provider_overloaded" | "provider_timeout" | "provider_rejected";
  message: string;
  retryable: boolean;
  /** What it says of the vendor's health; absent means "vendor". */
  blame?: FaultBlame;
  /** With "quota": the vendor said when to come back. */
  retryAfterMs?: number;
  /** The connection was cut: before any output that may be a kept connection gone stale, and a fresh one may do. */
  reset?: true;
}

/**
 * `vendor`: it failed. `key`: it refuses who we are or what we may (401, 403, unknown model or voice): no later call will fare
 * better. `quota`: too many calls (429). `request`: this one request is to blame (content filter, 413), the vendor is well.
 * `full`: our own connections to it are all in use; it was not asked, and nothing is known of it.
 */
export type FaultBlame = "vendor" | "key" | "quota" | "request" | "full";

/** The last event of every stream. */
export interface EndEvent {
  type: "end";
  outcome: "completed" | "cancelled" | "failed";
  error?: ProviderFault;
  usage: Usage;
  /** Name of the provider that did the work (a chain gives that of its winning link). */
  provider: string;
}

export interface Provider<Request, Event> {
  /** As in `PARLEY_STT`, `PARLEY_AI`, `PARLEY_TTS`. */
  readonly name: string;
  /** Model that is asked, for usage and cost; absent or "" where there is none. */
  readonly model?: string;
  /** Never throws and never rejects; the last event is `end`. */
  stream(request: Request, context: CallContext): AsyncIterable<Event | EndEvent>;
  /** Loads models, opens channels. Resolves when the first call would be fast; never rejects. */
  warm?(): Promise<void>;
  /**
   * Asks the vendor, as cheaply as it allows, whether key, model, voice and address are right.
   *
   * @returns null when they are, else what is wrong, in one line that holds no secret; never rejects
   */
  check?(signal: AbortSignal): Promise<ProviderFault | null>;
  /** Where connections are kept and counted: how many are open, and how many calls wait for one. For metrics. */
  pool?(): { open: number; waiting: number } | undefined;
  /** How long a call would wait for its turn now, by what was measured, in ms; absent where nothing queues. */
  waitMs?(): number;
  close?(): Promise<void>;
}

// ---- Speech to text --------------------------------------------------------------------------------------

/** A piece of an utterance on its way to a recogniser. */
export type AudioPiece =
  | { type: "samples"; fromSample: number; pcm: Int16Array }
  /** Speech paused (it may go on): everything voiced ends at `lastVoicedSample`. A good moment to transcribe. */
  | { type: "pause"; lastVoicedSample: number }
  /** Speech went on after a pause. */
  | { type: "resumed"; atSample: number }
  /** Speech goes on, but a `partial` of what was said up to here is wanted now; who can't give one lets it be. */
  | { type: "probe"; atSample: number }
  /** The utterance ended; nothing follows. */
  | { type: "end"; atSample: number };

/** A sample range, possibly still open; readable again from any sample, so that another provider can start over. */
export interface AudioRange {
  /** 16000. PCM is mono int16. */
  readonly sampleRateHz: 16000;
  readonly fromSample: number;
  /** Pieces in order from `fromSample`, waiting for those still to come; ends after `end` or on abort. */
  read(fromSample: number, signal: AbortSignal): AsyncIterable<AudioPiece>;
}

export interface SttRequest {
  audio: AudioRange;
  /** BCP 47; absent means the provider's default. */
  language?: string;
  /** Words to expect (names, jargon), from the session's transcription prompt. */
  prompt?: string;
}

export type SttEvent =
  /** All words so far. `untilSample`: they are of everything voiced before it; absent where that isn't known. */
  | { type: "partial"; text: string; untilSample?: number }
  /** The transcript of everything up to `untilSample`; empty when nobody said a word. */
  | { type: "final"; text: string; untilSample: number };

export type SttProvider = Provider<SttRequest, SttEvent>;

// ---- AI --------------------------------------------------------------------------------------------------

export type AiMessage =
  | { role: "system" | "user"; text: string }
  /** `text` is what was heard. `interrupted`: the listener cut it off there. */
  | { role: "assistant"; text: string; interrupted?: boolean }
  | { role: "toolCall"; callId: string; name: string; arguments: string }
  | { role: "toolOutput"; callId: string; output: string };

/** A function that the client offers; `parameters` is a JSON schema. */
export interface AiTool {
  name: string;
  description?: string;
  parameters?: unknown;
}

export type AiToolChoice = "auto" | "none" | "required" | { name: string };

/** A piece of knowledge that the turn retrieved. */
export interface Passage {
  id: string;
  /** Where it comes from, e.g. a document's title and heading. */
  source: string;
  text: string;
  /** 0 to 1, cosine and keywords together. */
  score: number;
}

export interface AiRequest {
  instructions: string;
  messages: AiMessage[];
  passages: Passage[];
  tools: AiTool[];
  toolChoice: AiToolChoice;
  /** Words of this answer that were already spoken (by a provider that died): go on exactly there. "" at first. */
  spokenPrefix: string;
  /** null means the provider's own limit. */
  maxOutputTokens: number | null;
}

export type AiEvent =
  | { type: "text"; delta: string }
  /** Complete; never repeated. `callId` is the provider's or made by the turn. */
  | { type: "toolCall"; callId: string; name: string; arguments: string }
  /** A part of a function call came, which is handed on when it is whole. Chains keep this to themselves. */
  | { type: "writing" };

/** `end.usage` counts tokens; `incomplete` says that the answer was cut by `maxOutputTokens`. */
export type AiProvider = Provider<AiRequest, AiEvent | { type: "incomplete"; reason: "max_output_tokens" }>;

// ---- Text to speech --------------------------------------------------------------------------------------

export interface TtsRequest {
  /** One speakable piece, plain words. */
  text: string;
  voice: string;
  /** 1 is normal, 0.25 to 1.5. */
  speedRatio: number;
  /** What the caller wants out; a provider resamples if it can't speak at that rate. */
  sampleRateHz: 8000 | 16000 | 24000;
  language?: string;
}

export type TtsEvent =
  /** Mono int16 at the request's rate, in order. */
  | { type: "audio"; pcm: Int16Array }
  /** A word begins at `fromSample` (counted from the piece's start); comes before the audio that holds it. */
  | { type: "word"; text: string; fromSample: number }
  /** Of a chain whose last voice failed in the middle, before its end: how much of the text was said. */
  | { type: "brokenOff"; saidCharacters: number };

export interface TtsProvider extends Provider<TtsRequest, TtsEvent> {
  /** How fast it speaks when it is asked for `ratio`; absent: as it is asked. */
  speedOf?(ratio: number): number;
}
