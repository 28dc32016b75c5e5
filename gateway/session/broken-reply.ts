/** A reply that speech cut off: what it was to say, and what of it nobody heard. */
import type { ReplyRequest } from "../turn/reply.ts";
import type { Change } from "./change.ts";
import { joinPieces, restartOf, wordsBefore } from "./history.ts";
import type { ActiveResponse, BrokenReply, StoredItem } from "./state.ts";

/**
 * Remembers what speech cuts off, before it is cut: a reply that sounds, or a text that is being written. The last
 * interruption counts.
 */
export function keepBroken(change: Change, byItemId: string): void {
  const { playback } = change.now;
  const active = change.inBand;
  const writing = active?.modality === "text" && active.message ? active : null;
  const order = change.state.items.map(({ item }) => item.id);
  const unheard = playback?.unheard ? [playback, ...(playback.others ?? [])] : [];
  unheard.sort((one, other) => order.indexOf(one.itemId) - order.indexOf(other.itemId));
  const items = unheard.flatMap((place) => {
    const stored = place.unheard ? change.item(place.itemId) : undefined;
    return stored?.pieces && !stored.aside ? [{ itemId: place.itemId, text: wholeText(stored, active) }] : [];
  });
  if (items.length === 0 && !writing) return;
  const { config, lastSpoken } = change.state;
  const { voice, format } = active ?? lastSpoken ?? config.output;
  const unfinished = writing !== null || items.some(({ text }) => text === null);
  // An answer that called functions goes on with what they give, and its client asks for that.
  const called = active?.output.some(({ type }) => type === "function_call") ?? false;
  const request = unfinished && active?.request && !called ? continued(active, active.request) : null;
  change.set({ brokenReply: { byItemId, items, request, voice, format, due: null } });
}

/** All that an item was to say; null while the AI is still writing it. */
function wholeText(stored: StoredItem, active: ActiveResponse | undefined): string | null {
  const pieces = stored.pieces ?? [];
  if (active && active.message?.itemId === stored.item.id) return active.answer;
  // What a client cancelled or cut is not said any more.
  return stored.heardMs === undefined ? joinPieces(pieces) : wordsBefore(pieces, stored.heardMs);
}

/** A text that was being written goes on after its last word; speech finds its place when it is known what was heard. */
function continued(response: ActiveResponse, request: ReplyRequest): ReplyRequest {
  const written = response.modality === "text" ? (response.message?.text ?? "") : "";
  return { ...request, spokenPrefix: request.spokenPrefix + written };
}

/** What is left to say of a broken reply. */
export interface Rest {
  /** Known words that are still to be said. */
  text: string;
  /** The AI had not written all. */
  unfinished: boolean;
  /** What was said of the unfinished item up to the place where it goes on. */
  prefix: string;
}

/** What of it was not heard, as far as is known now: a client may have said better by an ack or a truncation. */
export function restOf(change: Change, broken: BrokenReply): Rest {
  let text = "";
  let prefix = "";
  for (const { itemId, text: whole } of broken.items) {
    const stored = change.item(itemId);
    const pieces = stored?.pieces ?? [];
    const said = joinPieces(pieces);
    const at = restartOf(pieces, stored?.heardMs ?? 0);
    // An item that its client deleted is not said again.
    if (!stored) continue;
    if (whole === null) prefix = said.slice(0, at);
    else text = join(text, whole.startsWith(said.slice(0, at)) ? whole.slice(at) : said.slice(at));
  }
  return { text: text.trim(), unfinished: broken.request !== null, prefix };
}

function join(before: string, after: string): string {
  return before === "" || after === "" || /\s$/.test(before) ? before + after : `${before} ${after}`;
}
