/**
 * A session's one way to change: `reduce(state, event, now) → { state, effects }`. Pure: no clock, no chance, no
 * socket; what it knows of the world stands in `now`. The table of events below is the map of this room.
 */
import { Change } from "./change.ts";
import { onConfigure } from "./configuring.ts";
import type { Command } from "./domain.ts";
import { onCancelResponse, onClearOutput } from "./ending.ts";
import type { Effect, Now, Reduction, SessionEvent } from "./events.ts";
import { onAsideSent, onSoundOverdue } from "./holding.ts";
import { keepIdle } from "./idling.ts";
import { onCreateItem, onDeleteItem, onPlayback, onRetrieveItem, onTruncateItem } from "./items.ts";
import { onTranscribed, onTranscriptionFailed } from "./judging.ts";
import { onAlarm, onClear, onCommit, onOnset, onPause, onResumed, onWords } from "./listening.ts";
import {
  onAnswerKnown,
  onCreateResponse,
  onDrained,
  onLedger,
  onPieceKnown,
  onPieceStarted,
  onReplyEnded,
  onReplyText,
  onToolCall,
  startOwed,
} from "./responding.ts";
import { sayRest } from "./resuming.ts";
import type { SessionState } from "./state.ts";

type Handlers<Union extends { type: string }, Extra extends unknown[]> = {
  [Type in Union["type"]]: (change: Change, event: Extract<Union, { type: Type }>, ...extra: Extra) => void;
};

const commandHandlers: Handlers<Command, [readAtMs: number]> = {
  configure: (change, { patch, clientEventId }) => onConfigure(change, patch, clientEventId),
  commitInput: (change, { atSample, clientEventId }, readAtMs) =>
    onCommit(change, atSample, clientEventId, readAtMs),
  clearInput: (change, { atSample }) => onClear(change, atSample),
  createItem: onCreateItem,
  retrieveItem: onRetrieveItem,
  deleteItem: onDeleteItem,
  truncateItem: onTruncateItem,
  createResponse: (change, { params, clientEventId }, readAtMs) =>
    onCreateResponse(change, params, clientEventId, readAtMs),
  cancelResponse: (change, { responseId, clientEventId }) =>
    onCancelResponse(change, responseId, clientEventId),
  clearOutput: (change) => onClearOutput(change),
  playback: onPlayback,
};

const eventHandlers: Handlers<SessionEvent, []> = {
  opened: (change) => {
    const { id: sessionId, config, expiresAtMs } = change.state;
    change.send({ type: "sessionCreated", sessionId, config, expiresAtMs });
  },
  command: (change, { command, readAtMs }) => {
    const handle = commandHandlers[command.type] as (
      change: Change,
      command: Command,
      readAtMs: number,
    ) => void;
    handle(change, command, readAtMs);
  },
  refused: (change, { code, message, param, clientEventId }) =>
    change.send({ type: "error", kind: "invalid_request_error", code, message, param, clientEventId }),
  onset: onOnset,
  pause: onPause,
  resumed: onResumed,
  alarm: onAlarm,
  words: onWords,
  transcribed: onTranscribed,
  transcriptionFailed: onTranscriptionFailed,
  replyText: onReplyText,
  pieceStarted: onPieceStarted,
  pieceKnown: onPieceKnown,
  asideSent: onAsideSent,
  soundOverdue: onSoundOverdue,
  answerKnown: onAnswerKnown,
  toolCall: onToolCall,
  ledger: onLedger,
  firstOutput: onLedger,
  replyEnded: onReplyEnded,
  drained: onDrained,
};

/** One step. The given state is not changed. */
export function reduce(state: SessionState, event: SessionEvent, now: Now): Reduction<SessionState> {
  const change = new Change(state, now);
  const handle = eventHandlers[event.type] as (change: Change, event: SessionEvent) => void;
  handle(change, event);
  sayRest(change);
  startOwed(change);
  keepIdle(change);
  return { state: change.state, effects: change.effects };
}

/**
 * What a restored session needs done to go on: its deadlines, its listening and its replies, derived from the
 * value alone.
 */
export function effectsToResume(state: SessionState): Effect[] {
  const effects: Effect[] = [{ type: "configureAudio" }];
  const { utterance, pending } = state.input;
  if (utterance)
    effects.push({ type: "openUtterance", itemId: utterance.itemId, fromSample: utterance.fromSample });
  if (utterance?.lastVoicedSample != null) {
    effects.push({
      type: "markPause",
      itemId: utterance.itemId,
      lastVoicedSample: utterance.lastVoicedSample,
    });
  }
  if (utterance?.awaitingWords) {
    effects.push({
      type: "endUtterance",
      itemId: utterance.itemId,
      atSample: utterance.awaitingWords.atSample,
    });
  }
  for (const entry of pending) {
    if (entry.range) {
      effects.push({ type: "openUtterance", itemId: entry.itemId, fromSample: entry.range.fromSample });
      effects.push({ type: "endUtterance", itemId: entry.itemId, atSample: entry.range.toSample });
    }
  }
  for (const [key, atSample] of Object.entries(state.alarms)) effects.push({ type: "alarm", key, atSample });
  for (const { request, format, message } of state.responses) {
    if (!request) continue;
    const spokenPrefix = request.spokenPrefix + (message?.text ?? "");
    effects.push({ type: "startReply", request: { ...request, spokenPrefix }, format });
  }
  return effects;
}
