/**
 * While many wait for the embedded engines: a caller whose answer is not there in time hears a prepared sentence first,
 * and another one every few seconds of waiting on, each in an item of its own (it is no part of the answer, and the AI
 * is never told of it). The answer follows in the same response.
 */
import type { Change } from "./change.ts";
import { closeMessage } from "./ending.ts";
import type { SessionEvent } from "./events.ts";
import { begin, takeAllowance } from "./responding.ts";
import type { ActiveResponse, SessionState } from "./state.ts";

/** What a session knows of the crowd. */
export interface HoldSettings {
  /** After the speaker's last voiced sample (by hand: the commit or the request), in ms. */
  afterMs: number;
  /** Whether so many wait for the engines that an answer will take its time. */
  crowded(): boolean;
  /** The prepared sentence at a rate, the caller's own copy; `again`: for who heard one. Null when it was never rendered. */
  sentence(sampleRateHz: 8000 | 16000 | 24000, again: boolean): { text: string; pcm: Int16Array } | null;
}

/** How often it is looked again, when a sound was due and nobody need be told yet, in ms. */
export const holdAgainMs = 200;

/** Who waits on hears another sentence so long after the last one began, in ms. */
export const comfortEveryMs = 8_000;

/** When the speaker should hear something at last: an answer, or that there is none yet. Null while nobody waits. */
export function soundDueAtMs(state: SessionState, afterMs: number): number | null {
  if (state.input.utterance?.announced) return null;
  const response = state.responses.find(({ outOfBand }) => !outOfBand);
  if (response) {
    const { holds, ledger } = response;
    if (!waits(response)) return null;
    return holds.count === 0 ? ledger.startedAtMs + afterMs : holds.lastAtMs + comfortEveryMs;
  }
  if (state.config.outputModality !== "audio") return null;
  const asked = state.input.pending.find(({ respond }) => respond);
  return asked ? asked.ledger.startedAtMs + afterMs : null;
}

/** It is to be heard, and nothing of it was but what it was held with. */
function waits({ modality, message, output, holds, ended, ledger }: ActiveResponse): boolean {
  const silent = modality === "audio" && message === null && output.length === holds.count && ended === null;
  return silent && (holds.count > 0 || !ledger.closed);
}

/** It is time that the speaker hears something, and it will take longer. */
export function onSoundOverdue(change: Change): void {
  // Whoever hears a reply still does not wait.
  if (soundDueAtMs(change.state, 0) === null || change.now.playback?.unheard) return;
  const waiting = change.inBand ?? openWaiting(change);
  if (!waiting) return;
  change.updateResponse(waiting.id, {
    held: waiting.request === null ? "waiting" : "answering",
    holds: { count: waiting.holds.count + 1, lastAtMs: change.now.atMs },
  });
  change.effect({ type: "hold", responseId: waiting.id, format: waiting.format });
}

/** The response that the words still to come will be answered in. */
function openWaiting(change: Change): ActiveResponse | undefined {
  const { pending } = change.state.input;
  const asked = pending.findLast(({ respond }) => respond);
  if (!asked || !takeAllowance(change)) return undefined;
  const waitingFor = pending.map(({ itemId }) => itemId);
  const params = { outOfBand: false };
  const turn = { ledger: asked.ledger, apology: null, attempts: [] };
  begin(change, { params, context: null, waitingFor, automatic: true }, turn);
  return change.inBand;
}

/** The prepared sentence was sent: its item is done, what follows is another. */
export function onAsideSent(
  change: Change,
  { responseId }: Extract<SessionEvent, { type: "asideSent" }>,
): void {
  const response = change.response(responseId);
  if (!response?.message?.aside) return;
  const item = closeMessage(change, response, response.message, true);
  const output = [...response.output];
  output.splice(response.message.outputIndex, 0, item);
  change.updateResponse(responseId, { message: null, output });
}

/** Words came for a held response, or there were none at all: then it ends with the sentence. */
export function settleHeld(change: Change, response: ActiveResponse, respond: boolean): void {
  if (response.held !== "waiting") return;
  if (respond) {
    // An answer that was still owed is in it.
    change.set({ owedReply: null });
    return change.updateResponse(response.id, { held: "answering" });
  }
  if (response.waitingFor.length > 0 || !response.automatic) return;
  const ended = { outcome: "completed", reason: null, error: null, usage: {}, attempts: [] } as const;
  change.updateResponse(response.id, { ended });
  change.effect({ type: "endHold", responseId: response.id });
}
