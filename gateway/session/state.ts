/**
 * A live conversation as a value: plain JSON, changed only by `reduce`, so that it can be saved, moved to another
 * process and replayed. Nothing here is a promise, a buffer or a socket.
 */
import type { Usage } from "../providers/provider.ts";
import type { Ledger } from "../turn/ledger.ts";
import type { ReplyAttempt, ReplyRequest } from "../turn/reply.ts";
import type { AudioFormat, Item, ResponseParams, SessionConfig, Tool, ToolChoice } from "./domain.ts";
import { noHabit, type PauseHabit } from "./turn-taking/turn-end.ts";

/** Samples of the session's clock in a millisecond. */
export const samplesPerMs = 16;

/** Where a piece of a spoken reply lies within its item. */
export interface SpokenPiece {
  readonly text: string;
  readonly fromMs: number;
  /** Null until its audio is whole. */
  readonly durationMs: number | null;
  /** Where its words begin, in ms from the piece's start; null when the voice did not say. */
  readonly words: readonly { readonly text: string; readonly fromMs: number }[] | null;
  /** Silence in its middle, where its audio was late, in ms from the piece's start; absent: none. */
  readonly silences?: readonly { readonly fromMs: number; readonly durationMs: number }[];
}

/** An item of the conversation with what only the gateway knows of it. */
export interface StoredItem {
  readonly item: Item;
  /** Reply audio: what was said when. */
  readonly pieces?: readonly SpokenPiece[];
  /** Audio heard of it, once that is settled (interrupted, truncated); absent: all of it counts as heard. */
  readonly heardMs?: number;
  /** Audio of it that went to the client, once that is settled. */
  readonly sentMs?: number;
  /** Said beside the answer (that it will take a moment): the AI is not told of it. */
  readonly aside?: true;
  /** The client itself said where it was cut: no ack changes that any more. */
  readonly truncated?: true;
  /** It is incomplete, and nobody cut it: its reply failed, or reached its limit. */
  readonly fellShort?: true;
}

/** Speech that is going on, or whose end is being waited for. */
export interface Utterance {
  readonly itemId: string;
  /** Where the user's item begins: onset less prefix padding. */
  readonly fromSample: number;
  readonly onsetSample: number;
  /** Set while speech pauses. */
  readonly lastVoicedSample: number | null;
  /** Speech before the last pause, in samples, for barge-in. */
  readonly voicedSamples: number;
  /** Where the current stretch of speech began. */
  readonly stretchFromSample: number;
  /** False while it is judged whether it interrupts. */
  readonly announced: boolean;
  /** It was silent long enough, only its words are missing to judge it. */
  readonly awaitingWords: { readonly atSample: number; readonly stamps: DecisionStamps } | null;
  readonly ducked: boolean;
  /** What the recogniser made of it so far. */
  readonly words: string | null;
  /** How far `words` reach; null where nobody said. */
  readonly wordsUntilSample: number | null;
  /** Speech in it that was nothing but nods and so does not count as an interruption, in samples. */
  readonly noddedSamples: number;
  /** Words were asked for in the middle of the current stretch of speech, that often. */
  readonly probes: number;
  /** It was long enough to interrupt, but is given more time since all of it so far is a nod. */
  readonly held: boolean;
}

/** Moments of the frame that decided a turn's end (clock.nowMs). */
export interface DecisionStamps {
  readonly readAtMs: number;
  readonly inBusAtMs: number;
  readonly takenAtMs: number;
  readonly decidedAtMs: number;
}

/** A committed user item whose words are still to come. */
export interface PendingTranscription {
  readonly itemId: string;
  /** Answer when the words are there (server VAD with create_response). */
  readonly respond: boolean;
  readonly ledger: Ledger;
  readonly audioMs: number;
  /** Where its audio lies on the clock of samples; null for audio that came inside an item. */
  readonly range: { readonly fromSample: number; readonly toSample: number } | null;
}

export interface InputState {
  /** Samples before it belong to earlier turns. */
  readonly bufferFromSample: number;
  /** Where the client cleared the buffer last: what began before it is forgotten. */
  readonly clearedAtSample: number;
  readonly utterance: Utterance | null;
  readonly pending: readonly PendingTranscription[];
  /** How this speaker pauses. */
  readonly habit: PauseHabit;
  /** Last voiced sample of the turn that nothing was said to yet; speech soon after it goes on with that turn. */
  readonly unansweredSample: number | null;
}

/** The message item that a response is speaking or writing. */
export interface OpenMessage {
  readonly itemId: string;
  readonly outputIndex: number;
  readonly text: string;
  /** What was said when, of a message that is no item of the conversation. */
  readonly pieces?: readonly SpokenPiece[];
  /** A prepared sentence before the answer. */
  readonly aside?: true;
}

/** A turn on its way from the user's last word to an answer. */
export interface TurnSoFar {
  readonly ledger: Ledger;
  /** Speak the prepared sentence for this code instead of an answer. */
  readonly apology: string | null;
  /** Who transcribed it, or tried to. */
  readonly attempts: readonly ReplyAttempt[];
}

/** An answer that is still to be given, and what it is to be made from where its client said so. */
export interface OwedReply extends TurnSoFar {
  readonly asked?: { readonly params: ResponseParams; readonly context: readonly Item[] | null };
}

/** A reply that was sounding when speech cut it off: its rest is said should that speech turn out to be no words. */
export interface BrokenReply {
  /** The user's item that cut it off. */
  readonly byItemId: string;
  /** What was cut, in the order of playing, each with all that it was to say; null: the AI was still writing it. */
  readonly items: readonly { readonly itemId: string; readonly text: string | null }[];
  /** What the AI was asked, where it was still writing. */
  readonly request: ReplyRequest | null;
  readonly voice: string;
  readonly format: AudioFormat;
  /** Set once the speech is known to be no words: the turn that its rest is said in. */
  readonly due: TurnSoFar | null;
}

/** What a response is to be made from. */
export interface ReplyPlan {
  readonly instructions: string;
  readonly tools: readonly Tool[];
  readonly toolChoice: ToolChoice;
  /** A context of its own in place of the conversation. */
  readonly context: readonly Item[] | null;
  /** Speak the prepared sentence for this code instead. */
  readonly apology: string | null;
}

/** A response in progress. */
export interface ActiveResponse {
  readonly id: string;
  readonly outOfBand: boolean;
  /** It answers a turn on the gateway's own account, not at the client's request. */
  readonly automatic: boolean;
  readonly modality: "audio" | "text";
  readonly voice: string;
  readonly format: AudioFormat;
  readonly maxOutputTokens: number | null;
  readonly metadata: { readonly [key: string]: string } | null;
  readonly plan: ReplyPlan;
  /** The plain value that it can be started from again; null while it waits for transcripts. */
  readonly request: ReplyRequest | null;
  /** All that a spoken answer says, once the AI has written it. */
  readonly answer: string | null;
  /** A prepared sentence holds the speaker: while words are still to come, or while the answer is. */
  readonly held: "no" | "waiting" | "answering";
  /** How many such sentences it began, and when the last one (clock.nowMs()). */
  readonly holds: { readonly count: number; readonly lastAtMs: number };
  /** The broken reply whose rest it says; null for any other. */
  readonly rest: BrokenReply | null;
  /** User items whose words are still to come. */
  readonly waitingFor: readonly string[];
  readonly message: OpenMessage | null;
  /** Items done so far, in order of output_index. */
  readonly output: readonly Item[];
  readonly nextOutputIndex: number;
  readonly ledger: Ledger;
  /** Providers that worked on the turn before the reply. */
  readonly attempts: readonly ReplyAttempt[];
  readonly ended: {
    readonly outcome: "completed" | "failed" | "incomplete" | "cancelled";
    readonly reason: string | null;
    readonly error: { readonly code: string; readonly message: string } | null;
    readonly usage: Usage;
    readonly attempts: readonly ReplyAttempt[];
  } | null;
  /** All its audio was sent. */
  readonly drained: boolean;
}

export interface SessionState {
  readonly id: string;
  readonly tenant: string;
  readonly expiresAtMs: number;
  readonly config: SessionConfig;
  /** The client turns a reply down while speech over it is judged. */
  readonly ducks: boolean;
  /** Ids are made from these: unique within the session, the same when replayed. */
  readonly nextId: number;
  readonly items: readonly StoredItem[];
  readonly input: InputState;
  readonly responses: readonly ActiveResponse[];
  /** An answer is owed as soon as the response in progress is done. */
  readonly owedReply: OwedReply | null;
  readonly brokenReply: BrokenReply | null;
  /** How the last reply was spoken, for what is left to say of it after it ended. */
  readonly lastSpoken: { readonly voice: string; readonly format: AudioFormat } | null;
  /** The line of time of a turn whose answer waits for a function's output. */
  readonly toolLedger: Ledger | null;
  readonly lastResponseId: string | null;
  /** Token bucket of responses. */
  readonly allowance: { readonly tokens: number; readonly atMs: number };
  /** Deadlines that must be set again when the session is restored. */
  readonly alarms: { readonly [key: string]: number };
  readonly limits: SessionLimits;
}

export interface SessionLimits {
  readonly maxItems: number;
  /** Text that a client's items may hold together. */
  readonly maxItemChars: number;
  /** Responses in progress at once, out-of-band ones included. */
  readonly maxResponses: number;
  readonly responsesPerMinute: number;
  readonly maxTurnMs: number;
  /** Speech over a reply that interrupts it; a client that ducks is given some more time to judge it by its words. */
  readonly bargeInMs: number;
  readonly duckMs: number;
  /** Shortest audio that can be committed. */
  readonly minCommitMs: number;
}

/** A session that begins. */
export function openSession(init: {
  id: string;
  tenant: string;
  expiresAtMs: number;
  config: SessionConfig;
  limits: SessionLimits;
  /** The client asked to be told when to turn a reply down. */
  ducks?: boolean;
}): SessionState {
  return {
    ...init,
    ducks: init.ducks ?? false,
    nextId: 1,
    items: [],
    input: {
      bufferFromSample: 0,
      clearedAtSample: 0,
      utterance: null,
      pending: [],
      habit: noHabit,
      unansweredSample: null,
    },
    responses: [],
    owedReply: null,
    brokenReply: null,
    lastSpoken: null,
    toolLedger: null,
    lastResponseId: null,
    allowance: { tokens: init.limits.responsesPerMinute, atMs: 0 },
    alarms: {},
  };
}

/** The language that the session names; clients send "" for none. */
export function spokenLanguage({ input }: SessionConfig): { language?: string } {
  const { language = "" } = input.transcription ?? {};
  return language === "" ? {} : { language };
}
