/**
 * What travels beyond the OpenAI Realtime protocol. Every extension is asked for in the URL's query; a client
 * that asked for nothing sees none of these types.
 *
 * @see docs/protocol.md
 */

/** What a connection asked for. */
export interface Extensions {
  /** `?audio=binary`: raw samples in binary messages both ways; `audio/pcm` at 16 kHz is allowed. */
  binaryAudio: boolean;
  /** `?resume=…`: kept events carry `seq`, and the session outlives its socket. */
  resume: boolean;
  /** `?duck=1`: the client lowers its playback while a possible barge-in is judged. */
  duck: boolean;
  /** `?debug=1`: a report after each turn. */
  debug: boolean;
  /** `?words=1`: when each word of a spoken reply sounds. */
  words: boolean;
  /** `?captions=1`: the caller's words while they speak. */
  captions: boolean;
  /** `?level=1`: ten times a second, what the gate hears and what it lets through. */
  level: boolean;
  /** `?aec=none`: the client has no echo cancellation, so the gateway expects its own voice back. */
  echoGuard: boolean;
}

/** A client of the plain protocol. */
export const noExtensions: Readonly<Extensions> = {
  binaryAudio: false,
  resume: false,
  duck: false,
  debug: false,
  words: false,
  captions: false,
  level: false,
  echoGuard: false,
};

/** Reads what a connection's query asks for; what it doesn't know or can't read counts as not asked for. */
export function readExtensions(query: URLSearchParams): Extensions {
  const resume = query.get("resume");
  return {
    binaryAudio: query.get("audio") === "binary",
    resume: resume !== null && resume !== "" && resume !== "0",
    duck: query.get("duck") === "1",
    debug: query.get("debug") === "1",
    words: query.get("words") === "1",
    captions: query.get("captions") === "1",
    level: query.get("level") === "1",
    echoGuard: query.get("aec") === "none",
  };
}

// ---- From the client -------------------------------------------------------------------------------------

/** The client's truth for what was heard of an item. */
export interface PlaybackEvent {
  type: "parley.playback";
  event_id?: string;
  item_id: string;
  /** Media time played so far; an integer. */
  played_ms: number;
}

// ---- From the gateway ------------------------------------------------------------------------------------

/** Lower the playback: the user may be about to interrupt. */
export interface DuckEvent {
  type: "parley.duck";
  event_id: string;
}

/** Bring it back: the user did not interrupt. */
export interface UnduckEvent {
  type: "parley.unduck";
  event_id: string;
}

/** Where one turn's time went. Milliseconds, rounded to 0.1. */
export interface TurnEvent {
  type: "parley.turn";
  event_id: string;
  response_id: string;
  kind: "voice" | "manual" | "text";
  /** In order; together they are the whole line. */
  spans: TurnSpan[];
  totals: { turn_ms: number; infra_ms: number; vendor_ms: number; client_ms: number; speaker_ms: number };
  /** Every provider that was tried, in order. */
  providers: { stage: string; provider: string; outcome: string }[];
}

/** When words of a spoken reply sound, in media time of their item; a sentence's words come at the latest when its audio does. */
export interface WordsEvent {
  type: "parley.words";
  event_id: string;
  response_id: string;
  item_id: string;
  content_index: number;
  words: { text: string; start_ms: number }[];
}

/** What the caller has said so far, of a turn that goes on; each one replaces the one before it. */
export interface CaptionEvent {
  type: "parley.caption";
  event_id: string;
  item_id: string;
  transcript: string;
}

/** The microphone's signal as the gateway hears it, about ten times a second while audio comes. dBFS, rounded to 0.1. */
export interface LevelEvent {
  type: "parley.level";
  event_id: string;
  /** End of the stretch, on the clock of samples received (16 kHz). */
  sample: number;
  raw_db: number;
  gated_db: number;
  noise_db: number;
  /** Probability of speech. */
  speech_ratio: number;
  /** 16 bands of the mel scale from 60 Hz to 8 kHz, before and after the gate; absent while the gate rests. */
  raw_bands_db?: number[];
  gated_bands_db?: number[];
}

export interface TurnSpan {
  span: string;
  owner: "speaker" | "gateway" | "vendor" | "client";
  duration_ms: number;
  provider?: string;
}

/** What `session.created` carries as `parley` for a client that asked for resume. */
export interface ResumeGrant {
  resume_token: string;
  /** Unix time in seconds. */
  expires_at: number;
}

/** The first event after a reconnect with a token. */
export interface ResumedEvent extends ResumeGrant {
  type: "parley.resumed";
  event_id: string;
  /** True: what was missed follows with its old numbers. False: it is gone, and a `session.created` follows. */
  recovered: boolean;
  last_seq: number;
  /** The client sends again what it recorded from here on; samples at the input format's rate. */
  last_input_sample: number;
}

/** Input audio before `sample` may be forgotten by the client. */
export interface InputAckEvent {
  type: "parley.input_ack";
  event_id: string;
  sample: number;
}

/** A planned stop is near: reconnect with the token within that time. */
export interface GoawayEvent {
  type: "parley.goaway";
  event_id: string;
  reconnect_within_ms: number;
}

export type ExtensionServerEvent =
  | DuckEvent
  | UnduckEvent
  | TurnEvent
  | WordsEvent
  | CaptionEvent
  | LevelEvent
  | ResumedEvent
  | InputAckEvent
  | GoawayEvent;

/** Types of events that have no number and are not replayed. */
export const transientEventTypes: ReadonlySet<string> = new Set([
  "parley.resumed",
  "parley.input_ack",
  "parley.duck",
  "parley.unduck",
  "parley.caption",
  "parley.level",
]);
