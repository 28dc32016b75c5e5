/** What the AI is told of the conversation: what was said, and of replies only what was heard. */
import type { AiMessage } from "../providers/provider.ts";
import type { Item, Part } from "./domain.ts";
import type { SpokenPiece, StoredItem } from "./state.ts";
import { untoldSilence, wordTimes } from "./word-times.ts";

/**
 * The words of a spoken item that lie wholly before a moment of its audio.
 *
 * @param heardMs position in the item's audio
 * @returns text cut after a whole word; by word times where the voice gave them, else by the share of the piece
 */
export function wordsBefore(pieces: readonly SpokenPiece[], heardMs: number): string {
  let text = "";
  for (const piece of pieces) {
    if (heardMs <= piece.fromMs) break;
    const untilMs = piece.durationMs === null ? Number.POSITIVE_INFINITY : piece.fromMs + piece.durationMs;
    if (heardMs >= untilMs) text += piece.text;
    else return text + partBefore(piece, heardMs - piece.fromMs);
  }
  return text;
}

function partBefore(piece: SpokenPiece, elapsedMs: number): string {
  const spokenMs = elapsedMs - untoldSilence(piece, elapsedMs);
  const over = wordTimes(piece).findLast(({ overMs }) => overMs <= spokenMs);
  return over === undefined ? "" : piece.text.slice(0, over.end);
}

/** What was heard of an item's text part. */
export function heardText(stored: StoredItem): string {
  const { item, pieces, heardMs } = stored;
  if (item.type !== "message") return "";
  const whole = item.parts.map(partText).join("");
  return pieces && heardMs !== undefined ? wordsBefore(pieces, heardMs) : whole;
}

/** What pieces say together. */
export function joinPieces(pieces: readonly SpokenPiece[]): string {
  return pieces.map(({ text }) => text).join("");
}

/** A sentence that was broken off so soon after its beginning is said again from there. */
const repeatedMs = 2_000;

/**
 * Where a reply goes on that was broken off: at the beginning of the broken sentence if that was not long ago, else at
 * the next word.
 *
 * @param heardMs - how much of the item's audio was heard
 * @returns place in the joined text of `pieces`, at the end of what need not be said again
 */
export function restartOf(pieces: readonly SpokenPiece[], heardMs: number): number {
  const heard = wordsBefore(pieces, heardMs);
  const ends = [...heard.matchAll(/[.!?…]["'”’)\]]*(?=\s|$)|\n/gu)];
  const last = ends.at(-1);
  const sentence = last ? last.index + last[0].length : 0;
  return heardMs - momentOf(pieces, sentence) < repeatedMs ? sentence : heard.length;
}

/** When the text at `index` sounds, in ms of the item's audio; as well as it is known. */
function momentOf(pieces: readonly SpokenPiece[], index: number): number {
  let before = 0;
  for (const piece of pieces) {
    const inside = index - before;
    before += piece.text.length;
    if (index >= before && piece !== pieces.at(-1)) continue;
    return piece.fromMs + msInPiece(piece, Math.min(inside, piece.text.length));
  }
  return 0;
}

function msInPiece(piece: SpokenPiece, length: number): number {
  const times = wordTimes(piece);
  const next = times.find(({ index }) => index >= length);
  return next?.fromMs ?? piece.durationMs ?? times.at(-1)?.overMs ?? 0;
}

function partText(part: Part): string {
  return part.type === "input_text" || part.type === "output_text" ? part.text : (part.transcript ?? "");
}

function toMessage(stored: StoredItem): AiMessage | null {
  const { item } = stored;
  switch (item.type) {
    case "function_call":
      return { role: "toolCall", callId: item.callId, name: item.name, arguments: item.arguments };
    case "function_call_output":
      return { role: "toolOutput", callId: item.callId, output: item.output };
    case "message": {
      if (stored.aside) return null;
      if (item.role !== "assistant") {
        const text = item.parts.map(partText).join(" ").trim();
        return text === "" ? null : { role: item.role, text };
      }
      const text = heardText(stored).trim();
      if (text === "") return null;
      const isWhole = item.status !== "incomplete" || stored.fellShort === true;
      return stored.heardMs === undefined && isWhole
        ? { role: "assistant", text }
        : { role: "assistant", text, interrupted: true };
    }
  }
}

/** The conversation as the AI gets it. */
export function toMessages(items: readonly StoredItem[]): AiMessage[] {
  return items.flatMap((stored) => toMessage(stored) ?? []);
}

/** A context of its own, given with a response. */
export function itemsToMessages(items: readonly Item[]): AiMessage[] {
  return toMessages(items.map((item) => ({ item })));
}
