/** What the user said, as items of the conversation: first without words, then with them. */
import { openLedger } from "../turn/ledger.ts";
import type { Change } from "./change.ts";
import type { Item, NewItem, Part } from "./domain.ts";

/** Items at a time that wait for their words; a client's next one is refused. */
export const maxPending = 64;
export const tooManyPending = `At most ${maxPending} items can wait for their transcripts at a time.`;

/** Puts a spoken item at the conversation's end and says so. */
export function addUserItem(change: Change, itemId: string, transcript: string | null = null): void {
  const item: Item = {
    type: "message",
    id: itemId,
    role: "user",
    status: "completed",
    parts: [{ type: "input_audio", transcript }],
  };
  const previousItemId = change.state.items.at(-1)?.item.id ?? null;
  change.send({ type: "inputCommitted", itemId, previousItemId });
  change.announceItem(item, null);
  change.send({ type: "itemDone", item, previousItemId });
}

/** A client's item with its id and status. The audio that it put in is transcribed, not kept. */
export function newItem(change: Change, item: NewItem): Item {
  const { id, ...rest } = withoutAudio(item);
  return { ...rest, id: id ?? change.id("item"), status: "completed" };
}

function withoutAudio(item: NewItem): NewItem {
  if (item.type !== "message") return item;
  const parts = item.parts.map((part) =>
    part.type === "input_audio" ? { type: "input_audio" as const, transcript: part.transcript } : part,
  );
  return { ...item, parts };
}

/** The part whose words are to be found out; an item has one at most. */
export function audioPart(item: NewItem): Part | undefined {
  if (item.type !== "message") return undefined;
  return item.parts.find((part) => part.type === "input_audio" && part.transcript === null && part.audio);
}

/** Has the words of a client's item found out, if it holds audio; it is kept as `itemId`. */
export function listenToItem(change: Change, item: NewItem, itemId: string): void {
  const part = audioPart(item);
  if (part?.type !== "input_audio" || !part.audio) return;
  const ledger = openLedger("manual", change.now.atMs);
  const pending = { itemId, respond: false, ledger, audioMs: 0, range: null };
  change.setInput({ pending: [...change.state.input.pending, pending] });
  const { format } = change.state.config.input;
  change.effect({ type: "transcribeItem", itemId, audio: part.audio, format });
}

/** The item with its words, where they were missing. */
export function withTranscript(item: Item, transcript: string): Item {
  if (item.type !== "message") return item;
  return {
    ...item,
    parts: item.parts.map((part) =>
      part.type === "input_audio" && part.transcript === null ? { type: "input_audio", transcript } : part,
    ),
  };
}

/** Index of the first part that is audio; 0 when the item is gone. */
export function audioPartIndex(item: Item | undefined): number {
  const index = item?.type === "message" ? item.parts.findIndex((part) => part.type === "input_audio") : 0;
  return Math.max(0, index);
}
