/**
 * What a stand-in is: a local server that speaks one vendor's real protocol. Latency, faults and the record of calls are
 * the world's (one for all stand-ins); a stand-in only knows how its protocol says things.
 */

export type Capability = "stt" | "ai" | "tts";

/** All of them, each a vendor in one capability. */
export const standinNames = [
  "gemini",
  "claude",
  "openai",
  "google-tts",
  "elevenlabs",
  "cartesia",
  "openai-tts",
  "google-stt",
  "deepgram",
  "openai-stt",
] as const;

export type StandinName = (typeof standinNames)[number];

/** A fault that is put on a stand-in through the admin port. */
export type FaultKind =
  // Before anything is answered
  | "refuse"
  | "hang"
  | "reset"
  | "unauthorized"
  | "forbidden"
  | "request_timeout"
  | "too_large"
  | "rate_limited"
  | "internal_error"
  | "unavailable"
  | "unknown_model"
  // In the stream, after `afterPieces` pieces
  | "stall"
  | "cut"
  | "error_in_stream"
  | "malformed"
  | "truncated_utf8"
  // What the answer holds
  | "content_filter"
  | "empty_answer"
  | "empty_audio"
  | "silent_audio"
  | "final_without_audio"
  | "noise"
  | "wrong_rate"
  // In time
  | "slow_first"
  | "slow_drip"
  | "brown_out"
  | "flapping";

export interface Fault {
  kind: FaultKind;
  /** Pieces (text deltas, audio chunks, partials; 0 is before the first) that still come. Default 1. */
  afterPieces?: number;
  /** Which share of the calls it hits, drawn from the seed. Default 1. */
  share?: number;
  /** With rate_limited. Default: no header. */
  retryAfterSeconds?: number;
  /** With slow_first: in place of the drawn latency. With slow_drip: between pieces. */
  delayMs?: number;
  /** With brown_out. Default 10. */
  latencyRatio?: number;
  /** With flapping: well for half of it, refusing with 503 for the other half. Default 2000. */
  periodMs?: number;
}

/** One call, as the world decided it: drawn latencies, the fault that hits it. `flapping` and `brown_out` are resolved already. */
export interface CallPlan {
  readonly id: number;
  readonly fault: Fault | null;
  /** From the request (STT: from the end of its audio) to the first useful output, ms. */
  readonly firstMs: number;
  /** Between pieces, ms. */
  readonly pieceMs: number;
  /** 0 to 1, from the seed. */
  random(): number;
  /**
   * Ends early, returning false, when the call was ended (client gone, stand-in stopped). The first wait of a call that
   * is waited out stands in the record as the time of its first output.
   */
  wait(ms: number): Promise<boolean>;
  /** Aborts when the client went away. */
  readonly signal: AbortSignal;
  /** The client went away. */
  cancel(): void;
  /** True when the stream must fail now, after `pieces` pieces. */
  failsAfter(pieces: number): boolean;
  /** Keeps what was answered, for the harness' judge. */
  note(detail: CallDetail): void;
  end(outcome: "completed" | "cancelled" | "failed"): void;
}

/** What a call held: for TTS its text, its audio as sent and where its words lie in it. */
export interface CallDetail {
  text?: string;
  spokenPrefix?: string;
  sampleRateHz?: number;
  /** What the client takes it for, where it isn't told otherwise. */
  askedRateHz?: number;
  /** What a recogniser was told that is spoken. */
  languages?: string[];
  pcm?: Int16Array;
  words?: { text: string; fromSample: number }[];
  toolCall?: string;
}

/** Decides over all stand-ins. Bounded: keeps the last 10,000 calls. */
export interface StandinWorld {
  readonly seed: number;
  begin(name: StandinName): CallPlan;
  /** The fault that is on, for what is no call (a list of voices or models); takes no draw. */
  faultOn(name: StandinName): Fault | null;
  /** What an assistant answers to this conversation: the same at every AI vendor, so that one can go on where another died. */
  answer(asked: {
    system: string;
    messages: readonly { role: string; text: string }[];
    tools: readonly string[];
  }): {
    text: string;
    /** Called before the text. */
    toolCall: { name: string; arguments: string } | null;
  };
  /**
   * Real speech (mono int16, shared: not to be written to) with its words' places; the same text and voice give the same
   * samples. `voice` is the stand-in's name, if need be with more after a colon (`elevenlabs:Rachel`): each has its own.
   */
  speak(
    text: string,
    options: { voice: string; sampleRateHz: number; speedRatio: number },
  ): Promise<{ pcm: Int16Array; words: { text: string; fromSample: number }[] }>;
  /** What is said in 16 kHz audio (found by its sound among what the harness says); words with their ends in samples. */
  hear(pcm: Int16Array): { text: string; words: { text: string; endSample: number }[] };
}

/** A running stand-in. */
export interface Standin {
  readonly name: StandinName;
  /** What a gateway's setting for the vendor's URL must hold. */
  readonly url: string;
  /** Closes the listener and all connections (connections are then refused), or opens it on the same port again. */
  setListening(listening: boolean): Promise<void>;
  close(): Promise<void>;
}

/** Starts the stand-in of one vendor on a free port of 127.0.0.1. */
export type StartStandin = (world: StandinWorld) => Promise<Standin>;
