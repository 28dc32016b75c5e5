/** How a response ends: its open message first, then itself, once; and how a caller interrupts it. */
import { keepBroken } from "./broken-reply.ts";
import type { Change } from "./change.ts";
import type { Item, Part, ResponseStatus, ResponseView } from "./domain.ts";
import { wordsBefore } from "./history.ts";
import type { ActiveResponse, OwedReply, StoredItem } from "./state.ts";

/** The one content part of a reply's message. */
export function partOf(response: ActiveResponse, text: string): Part {
  return response.modality === "audio"
    ? { type: "output_audio", transcript: text }
    : { type: "output_text", text };
}

/** A reply's message as its client sees it. */
export function messageItem(
  response: ActiveResponse,
  itemId: string,
  text: string,
  status: "in_progress" | "completed" | "incomplete",
): Item {
  const parts = status === "in_progress" && text === "" ? [] : [partOf(response, text)];
  return { type: "message", id: itemId, role: "assistant", status, parts };
}

/** A response as its client sees it. */
export function view(
  response: ActiveResponse,
  status: ResponseStatus,
  reason: string | null,
  error: ResponseView["error"] = null,
): ResponseView {
  const inProgress = status === "in_progress";
  return {
    id: response.id,
    status,
    reason,
    error,
    output: [...response.output],
    usage: inProgress ? null : (response.ended?.usage ?? {}),
    outOfBand: response.outOfBand,
    outputModality: response.modality,
    voice: response.voice,
    outputFormat: response.format,
    maxOutputTokens: response.maxOutputTokens,
    metadata: response.metadata,
  };
}

/** Ends a response: its open message first, then itself. Always the last thing that it says. */
export function finish(
  change: Change,
  response: ActiveResponse,
  status: "completed" | "cancelled" | "failed" | "incomplete",
  reason: string | null,
  error: ResponseView["error"],
): void {
  const output = [...response.output];
  if (response.message) {
    const { message } = response;
    const item = closeMessage(change, response, message, status === "completed");
    if (status === "failed" || status === "incomplete")
      change.updateItem(message.itemId, (stored) => ({ ...stored, fellShort: true }));
    output.splice(message.outputIndex, 0, item);
  }
  change.set({ responses: change.state.responses.filter((other) => other.id !== response.id) });
  if (!response.outOfBand && response.message && response.modality === "audio") {
    change.set({ lastSpoken: { voice: response.voice, format: response.format } });
  }
  change.send({ type: "responseDone", response: view({ ...response, output }, status, reason, error) });
  change.send({ type: "rateLimits", limits: [rateLimit(change)] });
  const attempts = [...response.attempts, ...(response.ended?.attempts ?? [])];
  change.effect({
    type: "turnClosed",
    responseId: response.id,
    ledger: response.ledger,
    outcome: status,
    attempts,
  });
  change.send({
    type: "turnReport",
    responseId: response.id,
    ledger: response.ledger,
    providers: attempts.map(({ stage, provider, outcome }) => ({ stage, provider, outcome })),
  });
}

export function closeMessage(
  change: Change,
  response: ActiveResponse,
  message: NonNullable<ActiveResponse["message"]>,
  completed: boolean,
): Item {
  const stored = change.item(message.itemId);
  const text =
    stored?.heardMs !== undefined ? wordsBefore(stored.pieces ?? [], stored.heardMs) : message.text;
  const item = messageItem(response, message.itemId, text, completed ? "completed" : "incomplete");
  const at = {
    responseId: response.id,
    itemId: message.itemId,
    outputIndex: message.outputIndex,
    contentIndex: 0,
  };
  if (response.modality === "audio") {
    change.send({ type: "audioDone", ...at });
    change.send({ type: "transcriptDone", ...at, transcript: text });
  } else {
    change.send({ type: "textDone", ...at, text });
  }
  change.send({ type: "partDone", ...at, part: partOf(response, text) });
  if (stored) {
    settleSent(change, message.itemId);
    change.updateItem(message.itemId, (old) => ({ ...old, item }));
    const index = change.state.items.findIndex((other) => other.item.id === message.itemId);
    const previousItemId = change.state.items[index - 1]?.item.id ?? null;
    change.send({ type: "itemDone", item, previousItemId });
  }
  change.send({ type: "outputItemDone", responseId: response.id, outputIndex: message.outputIndex, item });
  return item;
}

/** Keeps how much of an item's audio went out, as the measure for truncation. */
function settleSent(change: Change, itemId: string): void {
  const place = placeOf(change, itemId);
  if (place) change.updateItem(itemId, (stored) => ({ ...stored, sentMs: place.sentMs }));
}

function rateLimit(change: Change) {
  const { limits, allowance } = change.state;
  const missing = limits.responsesPerMinute - allowance.tokens;
  return {
    name: "requests" as const,
    limit: limits.responsesPerMinute,
    remaining: Math.floor(allowance.tokens),
    resetSeconds: Math.round((missing * 60_000) / limits.responsesPerMinute) / 1_000,
  };
}

/** Where the listener is in an item; null when playback does not remember it. */
export function placeOf(
  change: Change,
  itemId: string,
): { sentMs: number; heardMs: number; unheard: boolean } | null {
  const { playback } = change.now;
  if (!playback || playback.itemId === itemId) return playback;
  return playback.others?.find((other) => other.itemId === itemId) ?? null;
}

/** Cuts what the listener's ear did not reach, for good. */
export function settleHeard(change: Change, itemId: string, heardMs: number): void {
  change.updateItem(itemId, (stored): StoredItem => {
    if (stored.item.type !== "message" || !stored.pieces) return stored;
    const transcript = wordsBefore(stored.pieces, heardMs);
    return { ...stored, heardMs, item: { ...stored.item, parts: [{ type: "output_audio", transcript }] } };
  });
}

/** The client's sound stops: history keeps what was heard of every item that still played or waited to. */
export function stopPlayback(change: Change): void {
  const { playback } = change.now;
  if (!playback?.unheard) return;
  change.effect({ type: "flushPlayback" });
  settleHeard(change, playback.itemId, playback.heardMs);
  for (const other of playback.others ?? [])
    if (other.unheard) settleHeard(change, other.itemId, other.heardMs);
}

/**
 * The caller interrupts: what plays stops, what is being made is dropped, history keeps what was heard.
 *
 * @param byItemId - the user's item that begins with it
 */
export function bargeIn(change: Change, byItemId: string, announce: () => void): void {
  keepBroken(change, byItemId);
  // What is no part of the conversation is not interrupted by it.
  const stopped = change.state.responses.filter(({ outOfBand }) => !outOfBand);
  for (const response of stopped) change.effect({ type: "cancelReply", responseId: response.id });
  stopPlayback(change);
  // An answer that had said nothing is still owed, should the interruption turn out to be no words at all.
  const unsaid = stopped.find((response) => isUnsaid(change, response));
  if (unsaid?.rest) change.set({ brokenReply: { ...unsaid.rest, byItemId, due: null } });
  else if (unsaid) change.set({ owedReply: owed(unsaid) });
  change.set({ toolLedger: null });
  announce();
  for (const response of stopped) finishCancelled(change, response.id, "turn_detected");
}

/** An answer of which nothing was said but that it will come; a client that answers turns itself sees to its own. */
function isUnsaid(change: Change, response: ActiveResponse): boolean {
  const { automatic, held, message, output } = response;
  const answersTurns = change.state.config.input.turnDetection?.createResponse === true;
  // The words that it waits for will be answered anyway.
  if (!(automatic || answersTurns) || held === "waiting") return false;
  return (message === null || message.aside === true) && output.every(({ id }) => change.item(id)?.aside);
}

/** What `response` was asked for, to be answered another time. */
function owed({ ledger, attempts, plan, ...response }: ActiveResponse): OwedReply {
  const { instructions, tools, toolChoice, context, apology } = plan;
  const turn = { ledger, attempts, apology };
  if (response.automatic && context === null) return turn;
  const { modality: outputModality, voice, format: outputFormat, maxOutputTokens } = response;
  const params = {
    ...{ outOfBand: false, outputModality, voice, outputFormat, maxOutputTokens },
    ...{ instructions, tools: [...tools], toolChoice },
  };
  return { ...turn, asked: { params, context } };
}

function finishCancelled(change: Change, responseId: string, reason: string): void {
  const response = change.response(responseId);
  if (response) finish(change, response, "cancelled", reason, null);
}

/** A client's `response.cancel`. */
export function onCancelResponse(
  change: Change,
  responseId: string | null,
  clientEventId: string | null,
): void {
  const response = responseId === null ? change.inBand : change.response(responseId);
  if (!response) {
    return change.refuse("response_cancel_not_active", clientEventId, {
      message: "Cancellation failed: no active response found",
    });
  }
  cancelByClient(change, response);
}

export function cancelByClient(change: Change, response: ActiveResponse): void {
  change.effect({ type: "cancelReply", responseId: response.id });
  settleUnsent(change, response);
  finishCancelled(change, response.id, "client_cancelled");
}

/** What was sent of a cancelled reply plays on: its words end where the sending did. */
function settleUnsent(change: Change, response: ActiveResponse): void {
  const itemId = response.message?.itemId;
  const place = itemId === undefined ? null : placeOf(change, itemId);
  if (itemId === undefined || !place || change.item(itemId)?.heardMs !== undefined) return;
  settleHeard(change, itemId, place.sentMs + roundingMs);
}

/** Positions in samples and in milliseconds differ by less. */
const roundingMs = 0.5;

/** A client's `output_audio_buffer.clear`: silence now; *sent* and *heard* are the same from here. */
export function onClearOutput(change: Change): void {
  const { playback } = change.now;
  const speaking = change.state.responses.filter((response) => response.modality === "audio");
  const responseId = playback?.unheard
    ? playback.responseId
    : (speaking[0]?.id ?? change.state.lastResponseId);
  for (const { id } of speaking) change.effect({ type: "cancelReply", responseId: id });
  stopPlayback(change);
  if (responseId) change.send({ type: "outputCleared", responseId });
  for (const { id } of speaking) finishCancelled(change, id, "client_cancelled");
}
