/** What the AI is told of the conversation: what was said, and of replies only what was heard. */
import type { AiMessage } from "../providers/provider.ts";
import type { Item, Part } from "./domain.ts";
import type { SpokenPiece, StoredItem } from "./state.ts";

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

/** Reading speed where nothing better is known: about 15 characters a second. */
const charactersPerMs = 0.015;

function partBefore(piece: SpokenPiece, elapsedMs: number): string {
  const { words, text } = piece;
  if (words && words.length > 0) return cutByWords(text, words, elapsedMs);
  const share =
    piece.durationMs === null
      ? Math.floor(elapsedMs * charactersPerMs)
      : Math.floor((elapsedMs / piece.durationMs) * text.length);
  if (share >= text.length) return text;
  const cut = text.slice(0, share + 1).search(/\s\S*$/);
  return cut < 0 ? "" : text.slice(0, cut);
}

/** A word counts once the next one begins. */
function cutByWords(text: string, words: NonNullable<SpokenPiece["words"]>, elapsedMs: number): string {
  const spoken = words.filter((_word, index) => {
    const next = words[index + 1];
    return next !== undefined && next.fromMs <= elapsedMs;
  }).length;
  if (spoken === 0) return "";
  // The voice's words may be spelled out ("3.5" is spoken as three): map by their share of the written ones.
  const written = [...text.matchAll(/\S+/g)];
  const count = Math.floor((spoken * written.length) / words.length);
  const last = written[count - 1];
  return last ? text.slice(0, last.index + last[0].length) : "";
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

function msInPiece({ text, words, durationMs }: SpokenPiece, length: number): number {
  const share = length / Math.max(1, text.length);
  if (words && words.length > 0) {
    const wordsBefore = text.slice(0, length).match(/\S+/g)?.length ?? 0;
    const written = text.match(/\S+/g)?.length ?? 1;
    const spoken = words[Math.floor((wordsBefore * words.length) / written)];
    if (spoken) return spoken.fromMs;
  }
  return durationMs === null ? length / charactersPerMs : share * durationMs;
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
      return stored.heardMs === undefined && item.status !== "incomplete"
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
