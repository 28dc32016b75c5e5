/** What the user said, as items of the conversation: first without words, then with them. */
import type { Change } from "./change.ts";
import type { Item } from "./domain.ts";

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
