/** What happens to a session, and what it wants done. */
import type { Usage } from "../providers/provider.ts";
import type { Ledger } from "../turn/ledger.ts";
import type { ReplyAttempt, ReplyRequest } from "../turn/reply.ts";
import type { AudioFormat, Command, Output } from "./domain.ts";
import type { DecisionStamps, SpokenPiece } from "./state.ts";
import type { TurnEndDetector } from "./turn-taking/turn-end.ts";

export type SessionEvent =
  | { type: "opened" }
  | { type: "command"; command: Command; readAtMs: number }
  | { type: "refused"; code: string; message: string; param: string | null; clientEventId: string | null }
  /** From the audio front end, on the clock of samples. */
  /** Up to `echoUntilSample` there was only the reply's own echo. */
  | { type: "onset"; sample: number; echoUntilSample?: number }
  | { type: "pause"; sample: number }
  | { type: "resumed"; sample: number; echoUntilSample?: number }
  /** `voicedUntilSample`: where a voice was last heard before it; absent where that is not known or nobody speaks. */
  | { type: "alarm"; key: string; sample: number; stamps: DecisionStamps; voicedUntilSample?: number }
  /** From the recogniser. */
  /** Words so far, the whole utterance's up to `untilSample` (null: the recogniser does not say how far they reach). */
  | { type: "words"; itemId: string; text: string; untilSample: number | null }
  | { type: "transcribed"; itemId: string; text: string; provider: string; attempts: ReplyAttempt[] }
  | {
      type: "transcriptionFailed";
      itemId: string;
      code: string;
      message: string;
      provider: string;
      attempts: ReplyAttempt[];
    }
  /** From the reply and its playback. */
  | { type: "replyText"; responseId: string; delta: string }
  | { type: "pieceStarted"; responseId: string; piece: SpokenPiece; aside?: true }
  /** All of a sentence before the answer was sent. */
  | { type: "asideSent"; responseId: string }
  /** The speaker waits, and the engines are crowded. */
  | { type: "soundOverdue" }
  /**
   * More is known of the piece that begins at `fromMs`: when its words sound; its length, once its audio is whole; `text` is
   * shorter than it was when its voice broke off.
   */
  | {
      type: "pieceKnown";
      responseId: string;
      fromMs: number;
      durationMs: number | null;
      words: SpokenPiece["words"];
      text?: string;
      silences?: SpokenPiece["silences"];
    }
  /** The AI has written all that a spoken reply says. */
  | { type: "answerKnown"; responseId: string; text: string }
  | { type: "toolCall"; responseId: string; callId: string; name: string; arguments: string }
  | { type: "firstOutput"; responseId: string; ledger: Ledger }
  | { type: "ledger"; responseId: string; ledger: Ledger }
  | {
      type: "replyEnded";
      responseId: string;
      outcome: "completed" | "cancelled" | "failed" | "incomplete";
      reason: string | null;
      error: { code: string; message: string } | null;
      usage: Usage;
      attempts: ReplyAttempt[];
    }
  | { type: "drained"; responseId: string };

export type Effect =
  | { type: "send"; output: Output }
  /** Listens from `fromSample` on; the recogniser works along. */
  | { type: "openUtterance"; itemId: string; fromSample: number }
  | { type: "markPause"; itemId: string; lastVoicedSample: number }
  | { type: "markResumed"; itemId: string; atSample: number }
  /** Wants to know the words up to here although speech goes on. */
  | { type: "probeUtterance"; itemId: string; atSample: number }
  | { type: "endUtterance"; itemId: string; atSample: number }
  | { type: "dropUtterance"; itemId: string }
  /** Transcribes audio that a client put into an item (base64 in the session's input format). */
  | { type: "transcribeItem"; itemId: string; audio: string; format: AudioFormat }
  | { type: "startReply"; request: ReplyRequest; format: AudioFormat }
  /** Plays the prepared sentence for who waits. */
  | { type: "hold"; responseId: string; format: AudioFormat }
  /** Nothing follows that sentence. */
  | { type: "endHold"; responseId: string }
  /** Stops making it; what was sent plays on. */
  | { type: "cancelReply"; responseId: string }
  /** The client drops what it has not played: the playback clock stops here. */
  | { type: "flushPlayback" }
  /** As above, of one item. */
  | { type: "flushItem"; itemId: string }
  /** The client said how much of the item it played. */
  | { type: "acknowledge"; itemId: string; playedMs: number }
  | { type: "alarm"; key: string; atSample: number }
  | { type: "cancelAlarm"; key: string }
  | { type: "configureAudio" }
  | { type: "resetSpeech" }
  | {
      type: "turnClosed";
      responseId: string;
      ledger: Ledger;
      outcome: "completed" | "cancelled" | "failed" | "incomplete";
      attempts: readonly ReplyAttempt[];
    };

/** What is asked of the world at the moment of an event. */
export interface Now {
  /** clock.nowMs() */
  atMs: number;
  /** Samples received (16 kHz), backlog included. */
  receivedSamples: number;
  /** Samples that the audio front end has taken so far: an alarm before it is late already. */
  readableSamples: number;
  /** Oldest input sample still kept. */
  keptFromSample: number;
  /** Decides on turn ends under `semantic_vad`. */
  turnEnds: TurnEndDetector;
  /** The reply in the listener's ear, newest; null when nothing was ever sent. */
  playback: {
    responseId: string;
    itemId: string;
    sentMs: number;
    heardMs: number;
    /** Something sent is not heard yet. */
    unheard: boolean;
    /** Other items that are remembered, oldest first: played before it, or waiting to play after it. */
    others?: readonly {
      responseId: string;
      itemId: string;
      sentMs: number;
      heardMs: number;
      unheard: boolean;
    }[];
  } | null;
}

export interface Reduction<State> {
  state: State;
  effects: Effect[];
}
