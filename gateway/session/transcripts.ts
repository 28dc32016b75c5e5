/** What committed turns turn out to have said, and who answers them. */
import { advance, type Ledger } from "../turn/ledger.ts";
import type { Change } from "./change.ts";
import type { SessionEvent } from "./events.ts";
import { settleHeld } from "./holding.ts";
import { startAnswer, startReady } from "./responding.ts";
import { wasNoInterruption } from "./resuming.ts";
import type { OwedReply } from "./state.ts";
import { isWordless } from "./turn-taking/backchannels.ts";
import { audioPartIndex, withTranscript } from "./user-items.ts";

type Event<Type extends SessionEvent["type"]> = Extract<SessionEvent, { type: Type }>;

/** The words of a committed turn: into its item, to the client, and to whoever answers. */
export function takeTranscript(change: Change, event: Event<"transcribed">): void {
  const { itemId, text, provider, attempts } = event;
  const { pending } = change.state.input;
  const entry = pending.find((other) => other.itemId === itemId);
  if (!entry) return;
  change.setInput({ pending: pending.filter((other) => other !== entry) });
  const stored = change.item(itemId);
  const contentIndex = audioPartIndex(stored?.item);
  change.updateItem(itemId, (old) => ({ ...old, item: withTranscript(old.item, text) }));
  tellContexts(change, itemId, text);
  if (stored && change.state.config.input.transcription) {
    if (text !== "") change.send({ type: "transcriptionDelta", itemId, contentIndex, delta: text });
    const audioMs = Math.round(entry.audioMs);
    change.send({ type: "transcriptionCompleted", itemId, contentIndex, transcript: text, audioMs });
  }
  const turn = { ledger: advanceStt(entry.ledger, change.now.atMs, provider), apology: null, attempts };
  if (entry.respond && wasNoInterruption(change, itemId, text, turn))
    return settle(change, itemId, false, turn);
  if (!isWordless(text)) change.set({ brokenReply: null });
  settle(change, itemId, entry.respond && !isWordless(text), turn);
}

/** Responses with a context of their own hold the item as it was when they were asked for. */
function tellContexts(change: Change, itemId: string, text: string): void {
  for (const { id, plan, waitingFor } of change.state.responses) {
    if (plan.context === null || !waitingFor.includes(itemId)) continue;
    const context = plan.context.map((item) => (item.id === itemId ? withTranscript(item, text) : item));
    change.updateResponse(id, { plan: { ...plan, context } });
  }
}

export function takeFailure(change: Change, event: Event<"transcriptionFailed">): void {
  const { itemId, code, message, provider, attempts } = event;
  const { pending } = change.state.input;
  const entry = pending.find((other) => other.itemId === itemId);
  if (!entry) return;
  change.setInput({ pending: pending.filter((other) => other !== entry) });
  change.set({ brokenReply: null });
  const stored = change.item(itemId);
  if (stored && change.state.config.input.transcription) {
    const contentIndex = audioPartIndex(stored.item);
    change.send({ type: "transcriptionFailed", itemId, contentIndex, code, message });
  }
  // A caller is never met with silence: the prepared sentence says what is wrong.
  const ledger = advanceStt(entry.ledger, change.now.atMs, provider);
  const turn = { ledger, apology: code, attempts };
  const owed = laterTurn(change, itemId);
  settle(change, itemId, entry.respond, owed ?? turn);
}

/** What a later turn, whose words are there, is still owed: an answer to it says more than that these were not understood. */
function laterTurn(change: Change, itemId: string): OwedReply | null {
  const { owedReply, items } = change.state;
  if (owedReply === null || owedReply.apology !== null) return null;
  const index = items.findIndex(({ item }) => item.id === itemId);
  const later = items.slice(index + 1).some(({ item }) => {
    const part =
      item.type === "message" && item.role === "user" ? item.parts[audioPartIndex(item)] : undefined;
    return part?.type === "input_audio" && !isWordless(part.transcript ?? "");
  });
  return index >= 0 && later ? owedReply : null;
}

function advanceStt(ledger: Ledger, atMs: number, provider: string): Ledger {
  return provider === "" ? advance(ledger, "overhead", atMs) : advance(ledger, "stt", atMs, provider);
}

/** Hands the turn on: to responses that waited for these words, or to an answer of its own. */
function settle(change: Change, itemId: string, respond: boolean, turn: OwedReply): void {
  let answered = false;
  const waiting = new Set<string>();
  for (const response of change.state.responses) {
    if (!response.waitingFor.includes(itemId)) continue;
    answered ||= !response.outOfBand;
    waiting.add(response.id);
    change.updateResponse(response.id, {
      waitingFor: response.waitingFor.filter((other) => other !== itemId),
      ledger: response.ledger.kind === "text" || response.ledger.closed ? response.ledger : turn.ledger,
      attempts: [...response.attempts, ...turn.attempts],
      plan: turn.apology ? { ...response.plan, apology: turn.apology } : response.plan,
    });
  }
  for (const { id, ended } of change.state.responses) {
    const response = change.response(id);
    if (response && !ended && waiting.has(id)) settleHeld(change, response, respond);
  }
  startReady(change);
  if (respond && !answered) startAnswer(change, turn);
}
