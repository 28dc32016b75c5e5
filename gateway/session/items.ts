/** What a client does to the conversation: items that it adds, reads, removes and cuts. */

import type { Change } from "./change.ts";
import type { Command, NewItem } from "./domain.ts";
import { cancelByClient, placeOf, settleHeard, stopPlayback } from "./ending.ts";
import type { StoredItem } from "./state.ts";
import { audioPart, listenToItem, maxPending, newItem, tooManyPending } from "./user-items.ts";

type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;

export function onCreateItem(change: Change, command: Of<"createItem">): void {
  const { item, previousItemId, clientEventId } = command;
  if (item.id !== undefined && change.item(item.id)) {
    return change.refuse("item_create_duplicate_item_id", clientEventId, {
      message: `Error adding item: an item with id '${item.id}' already exists in the conversation.`,
      param: "item.id",
    });
  }
  if (previousItemId !== null && previousItemId !== "root" && !change.item(previousItemId)) {
    return change.refuse("item_create_invalid_previous_item_id", clientEventId, {
      message: `Error adding item: the previous item with id '${previousItemId}' does not exist.`,
      param: "previous_item_id",
    });
  }
  if (item.type === "function_call_output" && !wasCalled(change, item.callId)) {
    return change.refuse("invalid_tool_call_id", clientEventId, {
      message: `Tool call ID '${item.callId}' not found in conversation.`,
      param: "item.call_id",
    });
  }
  if (audioPart(item) && change.state.input.pending.length >= maxPending) {
    return change.refuse("rate_limit_exceeded", clientEventId, { message: tooManyPending });
  }
  if (charsOf(item) + charsOfAll(change) > change.state.limits.maxItemChars) {
    return change.refuse("conversation_full", clientEventId, { param: "item" });
  }
  const created = newItem(change, item);
  const before = change.announceItem(created, previousItemId);
  change.send({ type: "itemDone", item: created, previousItemId: before });
  listenToItem(change, item, created.id);
}

function wasCalled(change: Change, callId: string): boolean {
  return change.state.items.some(({ item }) => item.type === "function_call" && item.callId === callId);
}

/** Characters that an item keeps: its words, its arguments, its output. */
function charsOf(item: NewItem): number {
  if (item.type === "function_call") return item.arguments.length;
  if (item.type === "function_call_output") return item.output.length;
  return item.parts.reduce(
    (sum, part) => sum + ("text" in part ? part.text : (part.transcript ?? "")).length,
    0,
  );
}

function charsOfAll(change: Change): number {
  return change.state.items.reduce((sum, { item }) => sum + charsOf(item), 0);
}

function refuseUnknown(
  change: Change,
  command: { itemId: string; clientEventId: string | null },
  code: "item_retrieve_invalid_item_id" | "item_delete_invalid_item_id" | "item_truncate_invalid_item_id",
  verb: string,
): void {
  change.refuse(code, command.clientEventId, {
    message: `Error ${verb} item: the item with id '${command.itemId}' does not exist.`,
    param: "item_id",
  });
}

export function onRetrieveItem(change: Change, command: Of<"retrieveItem">): void {
  const stored = change.item(command.itemId);
  if (!stored) return refuseUnknown(change, command, "item_retrieve_invalid_item_id", "retrieving");
  change.send({ type: "itemRetrieved", item: stored.item });
}

export function onDeleteItem(change: Change, command: Of<"deleteItem">): void {
  const { itemId } = command;
  if (!change.item(itemId)) return refuseUnknown(change, command, "item_delete_invalid_item_id", "deleting");
  const speaking = change.state.responses.find((response) => response.message?.itemId === itemId);
  if (speaking) cancelByClient(change, speaking);
  change.set({ items: change.state.items.filter((stored) => stored.item.id !== itemId) });
  change.send({ type: "itemDeleted", itemId });
}

/** Rounding of clients that count in floating point. */
const truncateToleranceMs = 1;

/**
 * The client says how much of a reply was heard. It is the truth, whatever the playback clock thinks; an item in
 * progress ends there.
 */
export function onTruncateItem(change: Change, command: Of<"truncateItem">): void {
  const { itemId, contentIndex, clientEventId } = command;
  const stored = change.item(itemId);
  if (!stored) return refuseUnknown(change, command, "item_truncate_invalid_item_id", "truncating");
  const { item } = stored;
  const spoken =
    item.type === "message" && item.role === "assistant" && item.parts[0]?.type !== "output_text";
  if (!spoken) {
    return change.refuse("item_truncate_invalid_item_id", clientEventId, {
      message: "Only model output audio messages can be truncated",
      param: "item_id",
    });
  }
  if (contentIndex !== 0) {
    return change.refuse("item_truncate_invalid_content_index", clientEventId, { param: "content_index" });
  }
  const sentMs = sentOf(change, stored);
  if (command.audioEndMs > sentMs + truncateToleranceMs) {
    return change.refuse("item_truncate_invalid_audio_end_ms", clientEventId, {
      message: `Audio content of ${Math.floor(sentMs)}ms is already shorter than ${command.audioEndMs}ms`,
      param: "audio_end_ms",
    });
  }
  const audioEndMs = Math.min(command.audioEndMs, Math.floor(sentMs));
  const speaking = change.state.responses.find((response) => response.message?.itemId === itemId);
  if (speaking) change.effect({ type: "cancelReply", responseId: speaking.id });
  const goesOn = change.state.responses.some(
    ({ outOfBand, message }) => !outOfBand && message !== null && message.itemId !== itemId,
  );
  // A reply after it that is still being sent is not touched by that.
  if (goesOn) change.effect({ type: "flushItem", itemId });
  else if (placeOf(change, itemId)?.unheard) stopPlayback(change);
  settleHeard(change, itemId, audioEndMs);
  change.updateItem(itemId, (old) => ({ ...old, truncated: true }));
  change.send({ type: "itemTruncated", itemId, contentIndex, audioEndMs });
  if (speaking) cancelByClient(change, speaking);
}

/**
 * The client says how much of an item it played: the truth for what was heard, also when it comes late, of a reply that
 * was interrupted meanwhile. It never takes back what was heard, and a truncation stands.
 */
export function onPlayback(change: Change, { itemId, playedMs }: Of<"playback">): void {
  change.effect({ type: "acknowledge", itemId, playedMs });
  const stored = change.item(itemId);
  if (stored?.heardMs === undefined || stored.truncated) return;
  const heardMs = Math.min(playedMs, sentOf(change, stored));
  if (heardMs > stored.heardMs) settleHeard(change, itemId, heardMs);
}

/** Audio of an item that went to the client, in ms. */
function sentOf(change: Change, stored: StoredItem): number {
  return Math.max(stored.sentMs ?? 0, placeOf(change, stored.item.id)?.sentMs ?? 0);
}
