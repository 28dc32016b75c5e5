/** What a session is built from and speaks to. */
import type { Clock } from "../clock.ts";
import { errorTable } from "../errors.ts";
import type { ReplyRunner } from "../turn/reply.ts";
import type { Transcriber } from "../turn/transcription.ts";
import type { Output, ReplyAudio } from "./domain.ts";
import type { Effect, SessionEvent } from "./events.ts";
import type { ListeningSettings } from "./front-end-settings.ts";
import type { HoldSettings } from "./holding.ts";
import type { PlaybackLimits } from "./playback.ts";
import type { PlaybackTicker } from "./playback-ticker.ts";
import type { TurnEndDetector } from "./turn-taking/turn-end.ts";

/** What the session speaks to: an adapter of some protocol. */
export interface SessionPort {
  send(output: Output): void;
  sendAudio(audio: ReplyAudio): void;
}

/** Where what happened is counted and logged. */
export interface SessionObserver {
  turnClosed(turn: Extract<Effect, { type: "turnClosed" }>, tenant: string): void;
  refused(code: string): void;
  /** A bug of ours: the session goes on. */
  failed(error: unknown, during: string): void;
}

export interface SessionDependencies {
  clock: Clock;
  transcriber: Transcriber;
  replies: ReplyRunner;
  ticker: PlaybackTicker;
  playbackLimits: PlaybackLimits;
  listening: ListeningSettings;
  /** Decides on turn ends under `semantic_vad`. */
  turnEnds: TurnEndDetector;
  /** Longest audio kept for a commit by hand. */
  maxBufferMs: number;
  /** What a caller hears while many wait; absent: silence. */
  hold?: HoldSettings;
  observer: SessionObserver;
}

/** How a reply ended. */
export type EndedReply = Omit<Extract<SessionEvent, { type: "replyEnded" }>, "type" | "responseId">;

/** Of a runner that threw: a bug of ours. */
export const brokenOff: EndedReply = {
  outcome: "failed",
  reason: null,
  error: { code: "internal_error", message: errorTable.internal_error.message },
  usage: {},
  attempts: [],
};
