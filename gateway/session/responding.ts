/** The reply's side: responses that begin, speak, call functions and end, once each. */
import { advance, type Ledger, openLedger } from "../turn/ledger.ts";
import type { ReplyRequest } from "../turn/reply.ts";
import type { Change } from "./change.ts";
import { choiceFault } from "./configuring.ts";
import type { AudioFormat, Item, ResponseParams } from "./domain.ts";
import { finish, messageItem, partOf, view } from "./ending.ts";
import type { SessionEvent } from "./events.ts";
import { itemsToMessages, joinPieces, toMessages } from "./history.ts";
import {
  type ActiveResponse,
  type BrokenReply,
  type OwedReply,
  type SpokenPiece,
  spokenLanguage,
  type TurnSoFar,
} from "./state.ts";
import { audioPart, listenToItem, maxPending, newItem, tooManyPending } from "./user-items.ts";

type Event<Type extends SessionEvent["type"]> = Extract<SessionEvent, { type: Type }>;

const noParams: ResponseParams = { outOfBand: false };

// ---- begin -----------------------------------------------------------------------------------------------

/** A client's `response.create`. */
export function onCreateResponse(
  change: Change,
  params: ResponseParams,
  clientEventId: string | null,
  readAtMs: number,
): void {
  const active = change.inBand;
  if (active && !params.outOfBand) {
    return change.refuse("conversation_already_has_active_response", clientEventId, {
      message: `Conversation already has an active response in progress: ${active.id}. Wait until the response is finished before creating a new one.`,
    });
  }
  if (change.state.responses.length >= change.state.limits.maxResponses) {
    return change.refuse("too_many_responses", clientEventId);
  }
  const { input = null } = params;
  const missing = input?.find((entry) => entry.type === "reference" && !change.item(entry.id));
  if (missing) {
    return change.refuse("item_retrieve_invalid_item_id", clientEventId, {
      message: `Item with item_id not found: ${missing.id}`,
      param: "response.input",
    });
  }
  const spoken = input?.filter((entry) => entry.type !== "reference" && audioPart(entry) !== undefined) ?? [];
  if (change.state.input.pending.length + spoken.length > maxPending) {
    return change.refuse("rate_limit_exceeded", clientEventId, { message: tooManyPending });
  }
  const fault = choiceFault(params.toolChoice, params.tools ?? change.state.config.tools);
  if (fault !== null) {
    return change.refuse("invalid_value", clientEventId, { message: fault, param: "response.tool_choice" });
  }
  if (!takeAllowance(change)) return change.refuse("rate_limit_exceeded", clientEventId);
  // The client says what comes now; the rest of a reply that was cut off does not.
  if (!params.outOfBand) change.set({ brokenReply: null, owedReply: null });
  const waited = change.state.input.pending;
  const context = input && takeContext(change, input);
  const { pending } = change.state.input;
  const known = new Set(context?.map(({ id }) => id));
  const waitingFor = (context ? pending.filter(({ itemId }) => known.has(itemId)) : pending).map(
    ({ itemId }) => itemId,
  );
  const ledger = ledgerFor(change, waited.at(-1)?.ledger, params, readAtMs);
  begin(change, { params, context, waitingFor, automatic: false }, { ledger, apology: null, attempts: [] });
}

/** The turn's line of time goes on where it stands; without one, a new line begins at the request. */
function ledgerFor(
  change: Change,
  pending: Ledger | undefined,
  params: ResponseParams,
  readAtMs: number,
): Ledger {
  const { toolLedger } = change.state;
  if (params.outOfBand) return openLedger("text", readAtMs);
  if (pending) return pending;
  if (!toolLedger) return openLedger("text", readAtMs);
  change.set({ toolLedger: null });
  const last = change.state.items.at(-1)?.item.type;
  return last === "function_call_output"
    ? advance(toolLedger, "tool", readAtMs)
    : openLedger("text", readAtMs);
}

/** The items of a context of its own; words of those that are audio are still to be found out. */
function takeContext(change: Change, input: NonNullable<ResponseParams["input"]>): Item[] {
  return input.flatMap((entry) => {
    if (entry.type === "reference") return change.item(entry.id)?.item ?? [];
    // It is in no conversation: an id that the client gave it may be another item's, too.
    const { id: _, ...own } = entry;
    const item = newItem(change, own);
    listenToItem(change, own, item.id);
    return item;
  });
}

/** Responses a minute are bounded; a rested session may use them in a burst. */
export function takeAllowance(change: Change): boolean {
  const { allowance, limits } = change.state;
  const earned = ((change.now.atMs - allowance.atMs) / 60_000) * limits.responsesPerMinute;
  const tokens =
    allowance.atMs === 0
      ? limits.responsesPerMinute
      : Math.min(limits.responsesPerMinute, allowance.tokens + earned);
  if (tokens < 1) return false;
  change.set({ allowance: { tokens: tokens - 1, atMs: change.now.atMs } });
  return true;
}

/** Answers the conversation as it stands, now or as soon as the response in progress is done and nobody speaks. */
export function startAnswer(change: Change, turn: OwedReply): void {
  const { utterance, pending } = change.state.input;
  if (change.inBand || utterance?.announced || pending.some((entry) => entry.respond)) {
    change.set({ owedReply: turn });
    return;
  }
  change.set({ owedReply: null });
  const { params = noParams, context = null } = turn.asked ?? {};
  const begun = { params, context, waitingFor: [], automatic: true };
  if (takeAllowance(change)) begin(change, begun, turn);
  else change.refuse("rate_limit_exceeded", null);
}

/** The answer that waited for its place. */
export function startOwed(change: Change): void {
  const owed = change.state.owedReply;
  if (!owed || change.inBand || change.state.input.utterance?.announced) return;
  change.set({ owedReply: null });
  // The wait was for people: a reply that was heard out, or a speaker who went on.
  startAnswer(change, { ...owed, ledger: advance(owed.ledger, "endpoint", change.now.atMs) });
}

/** Responses whose words are all there. */
export function startReady(change: Change): void {
  for (const response of change.state.responses) {
    if (!response.request && !response.ended && response.waitingFor.length === 0)
      startReply(change, response);
  }
}

/** What a reply goes on with that was cut off: its words, or what the AI was asked for them. */
export type Resumption =
  | { recital: string; continuing?: never }
  | { continuing: ReplyRequest; recital?: never };

interface Beginning {
  params: ResponseParams;
  context: readonly Item[] | null;
  waitingFor: string[];
  automatic: boolean;
  resumed?: Resumption;
  rest?: BrokenReply;
}

/** Opens a response and starts it, once all words that it waits for are there. */
export function begin(change: Change, beginning: Beginning, turn: TurnSoFar): void {
  const { params, context, waitingFor, automatic, resumed } = beginning;
  const { config } = change.state;
  const limit = params.maxOutputTokens;
  const tools = params.tools ?? config.tools;
  // The session's choice is of the session's tools.
  const sessionChoice = choiceFault(config.toolChoice, tools) === null ? config.toolChoice : "auto";
  const response: ActiveResponse = {
    id: change.id("resp"),
    outOfBand: params.outOfBand,
    automatic,
    modality: params.outputModality ?? config.outputModality,
    voice: params.voice ?? config.output.voice,
    format: params.outputFormat ?? config.output.format,
    maxOutputTokens: limit === undefined ? config.maxOutputTokens : limit,
    metadata: params.metadata ?? null,
    plan: {
      instructions: params.instructions ?? config.instructions,
      tools,
      toolChoice: params.toolChoice ?? sessionChoice,
      context,
      apology: turn.apology,
    },
    request: null,
    answer: resumed?.recital ?? null,
    rest: beginning.rest ?? null,
    waitingFor,
    held: "no",
    holds: { count: 0, lastAtMs: 0 },
    message: null,
    output: [],
    nextOutputIndex: 0,
    ledger: turn.ledger,
    attempts: turn.attempts,
    ended: null,
    drained: false,
  };
  change.cancelAlarm("idle");
  change.set({ responses: [...change.state.responses, response], lastResponseId: response.id });
  change.send({ type: "responseCreated", response: view(response, "in_progress", null) });
  if (waitingFor.length === 0) startReply(change, response, resumed);
}

const rates = { "audio/pcm": null, "audio/pcmu": 8000, "audio/pcma": 8000 } as const;

/** Samples a second of reply audio in a format. */
export function outputRateHz(format: AudioFormat): 8000 | 16000 | 24000 {
  return format.type === "audio/pcm" ? format.rate : rates[format.type];
}

function startReply(change: Change, response: ActiveResponse, resumed?: Resumption): void {
  const { config, tenant, items } = change.state;
  const { plan } = response;
  const request: ReplyRequest = {
    responseId: response.id,
    tenant,
    instructions: plan.instructions,
    messages: plan.context ? itemsToMessages(plan.context) : toMessages(items),
    tools: plan.tools.map((tool) => ({ ...tool })),
    toolChoice: plan.toolChoice,
    maxOutputTokens: response.maxOutputTokens,
    modality: response.modality,
    voice: response.voice,
    speedRatio: config.output.speedRatio,
    sampleRateHz: outputRateHz(response.format),
    spokenPrefix: "",
    ledger: response.ledger,
    ...spokenLanguage(config),
    ...(response.outOfBand ? { outOfBand: true as const } : {}),
    ...(plan.apology === null ? {} : { apology: plan.apology }),
    ...(resumed ? resume(resumed) : {}),
  };
  // The words that a held one waited for are there.
  const held = response.held === "waiting" ? "answering" : response.held;
  change.updateResponse(response.id, { request, held });
  change.effect({ type: "startReply", request, format: response.format });
}

/** What a resumed reply is asked in place of what a new one would be. */
function resume({ recital, continuing }: Resumption): Partial<ReplyRequest> {
  if (!continuing) return { recital };
  const { instructions, messages, tools, toolChoice, maxOutputTokens, spokenPrefix } = continuing;
  return { instructions, messages, tools, toolChoice, maxOutputTokens, spokenPrefix };
}

// ---- in progress -----------------------------------------------------------------------------------------

/** Opens the message that the response speaks or writes, once. */
function openMessage(
  change: Change,
  response: ActiveResponse,
  aside: boolean,
): NonNullable<ActiveResponse["message"]> {
  if (response.message) return response.message;
  const itemId = change.id("item");
  const outputIndex = response.nextOutputIndex;
  const mark = aside ? ({ aside: true } as const) : {};
  const message = { itemId, outputIndex, text: "", ...mark };
  const item = messageItem(response, itemId, "", "in_progress");
  change.updateResponse(response.id, { message, nextOutputIndex: outputIndex + 1 });
  change.send({ type: "outputItemAdded", responseId: response.id, outputIndex, item });
  if (!response.outOfBand) change.announceItem(item, null);
  if (aside) change.updateItem(itemId, (stored) => ({ ...stored, aside: true }));
  change.send({
    type: "partAdded",
    responseId: response.id,
    itemId,
    outputIndex,
    contentIndex: 0,
    part: partOf(response, ""),
  });
  return message;
}

function addText(
  change: Change,
  response: ActiveResponse,
  delta: string,
  piece: SpokenPiece | null,
  aside = false,
): void {
  // The turn before it was answered: speech from now on is another.
  if (!response.outOfBand && !aside && change.state.input.unansweredSample !== null) {
    change.setInput({ unansweredSample: null });
  }
  const message = openMessage(change, response, aside);
  const { itemId, outputIndex } = message;
  const whole = message.text + delta;
  const pieces = response.outOfBand && piece ? { pieces: [...(message.pieces ?? []), piece] } : {};
  change.updateResponse(response.id, { message: { ...message, text: whole, ...pieces } });
  change.updateItem(itemId, (stored) => ({
    ...stored,
    item: messageItem(response, itemId, whole, "in_progress"),
    ...(piece ? { pieces: [...(stored.pieces ?? []), piece] } : {}),
  }));
  const at = { responseId: response.id, itemId, outputIndex, contentIndex: 0 };
  if (delta === "") return;
  change.send({ type: response.modality === "audio" ? "transcriptDelta" : "textDelta", ...at, delta });
}

export function onReplyText(change: Change, event: Event<"replyText">): void {
  const response = change.response(event.responseId);
  if (response && event.delta !== "") addText(change, response, event.delta, null);
}

export function onPieceStarted(change: Change, event: Event<"pieceStarted">): void {
  const response = change.response(event.responseId);
  if (response) addText(change, response, event.piece.text, event.piece, event.aside);
}

/** The first sound closes a turn's line of time, be it only that the answer will take a moment. */
export function onLedger(
  change: Change,
  { responseId, ledger }: Event<"ledger"> | Event<"firstOutput">,
): void {
  const response = change.response(responseId);
  if (response && !(response.held !== "no" && response.ledger.closed)) {
    change.updateResponse(responseId, { ledger });
  }
}

export function onAnswerKnown(change: Change, { responseId, text }: Event<"answerKnown">): void {
  change.updateResponse(responseId, { answer: text });
}

export function onPieceKnown(change: Change, event: Event<"pieceKnown">): void {
  const response = change.response(event.responseId);
  const message = response?.message;
  if (!message) return;
  const { fromMs, durationMs, words, text, silences } = event;
  let shortened = false;
  const known = change.item(message.itemId)?.pieces ?? message.pieces ?? [];
  const pieces = known.map((piece) => {
    if (piece.fromMs !== fromMs) return piece;
    shortened = text !== undefined && text !== piece.text;
    return { ...piece, durationMs, words, text: text ?? piece.text, ...(silences && { silences }) };
  });
  change.updateItem(message.itemId, (stored) => ({ ...stored, pieces }));
  if (!shortened) return;
  const whole = joinPieces(pieces);
  const kept = message.pieces ? { pieces } : {};
  change.updateResponse(response.id, { message: { ...message, text: whole, ...kept } });
  const item = messageItem(response, message.itemId, whole, "in_progress");
  change.updateItem(message.itemId, (stored) => ({ ...stored, item }));
}

export function onToolCall(change: Change, event: Event<"toolCall">): void {
  const response = change.response(event.responseId);
  if (!response) return;
  const itemId = change.id("item");
  const outputIndex = response.nextOutputIndex;
  const { callId, name } = event;
  const call: Item = {
    type: "function_call",
    id: itemId,
    status: "in_progress",
    callId,
    name,
    arguments: "",
  };
  const done: Item = { ...call, status: "completed", arguments: event.arguments };
  change.updateResponse(response.id, {
    nextOutputIndex: outputIndex + 1,
    output: [...response.output, done],
  });
  const at = { responseId: response.id, itemId, outputIndex, callId };
  change.send({ type: "outputItemAdded", responseId: response.id, outputIndex, item: call });
  const before = response.outOfBand ? null : change.announceItem(call, null);
  change.send({ type: "functionArgumentsDelta", ...at, delta: event.arguments });
  change.send({ type: "functionArgumentsDone", ...at, name, arguments: event.arguments });
  change.updateItem(itemId, (stored) => ({ ...stored, item: done }));
  if (!response.outOfBand) {
    change.send({ type: "itemDone", item: done, previousItemId: before });
    if (!response.ledger.closed) change.set({ toolLedger: response.ledger });
  }
  change.send({ type: "outputItemDone", responseId: response.id, outputIndex, item: done });
}

export function onReplyEnded(change: Change, event: Event<"replyEnded">): void {
  const { type: _type, responseId, ...ended } = event;
  if (!change.response(responseId)) return;
  change.updateResponse(responseId, { ended });
  finishIfDone(change, responseId);
}

export function onDrained(change: Change, event: Event<"drained">): void {
  if (!change.response(event.responseId)) return;
  change.updateResponse(event.responseId, { drained: true });
  finishIfDone(change, event.responseId);
}

function finishIfDone(change: Change, responseId: string): void {
  const response = change.response(responseId);
  if (!response?.ended || !response.drained) return;
  const { outcome, reason, error } = response.ended;
  if (outcome === "completed") finish(change, response, "completed", null, null);
  else if (outcome === "incomplete")
    finish(change, response, "incomplete", reason ?? "max_output_tokens", null);
  else
    finish(
      change,
      response,
      "failed",
      null,
      error ?? { code: "internal_error", message: "The reply broke off." },
    );
}
