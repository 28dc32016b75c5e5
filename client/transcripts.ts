import type { SentItem, ServerEvent } from "../wire/events.ts";

/** What somebody said, as far as it is known. Each one replaces the one before it with the same `itemId`. */
export interface Transcript {
  itemId: string;
  text: string;
  /** No more will come. */
  final: boolean;
}

/** What Parley says; `interrupted` once it was cut: `text` then holds what was heard. */
export interface ReplyTranscript extends Transcript {
  interrupted: boolean;
}

/** How many unfinished transcripts are kept; the oldest is let go. */
const maxOpen = 64;

/** Gathers the deltas of both sides' words into whole texts. */
export class Transcripts {
  readonly #texts = new Map<string, string>();
  /** Items that were cut short; what was heard of them is on its way. */
  readonly #cut = new Set<string>();

  /** The item was interrupted: its next `conversation.item.retrieved` tells the words that were heard. */
  expectHeard(itemId: string): void {
    this.#texts.delete(itemId);
    this.#cut.add(itemId);
    if (this.#cut.size > maxOpen) this.#cut.delete(this.#cut.keys().next().value!);
  }

  /** The user's words after `event`, or null if it says nothing about them. */
  userWords(event: ServerEvent): Transcript | null {
    switch (event.type) {
      case "conversation.item.input_audio_transcription.delta":
        return { itemId: event.item_id, text: this.#append(event.item_id, event.delta ?? ""), final: false };
      case "parley.caption":
        return { itemId: event.item_id, text: event.transcript.trim(), final: false };
      case "conversation.item.input_audio_transcription.completed":
        this.#texts.delete(event.item_id);
        return { itemId: event.item_id, text: event.transcript.trim(), final: true };
      default:
        return null;
    }
  }

  /** The reply's words after `event`, or null if it says nothing about them. */
  replyWords(event: ServerEvent): ReplyTranscript | null {
    switch (event.type) {
      case "response.output_audio_transcript.delta":
      case "response.output_text.delta":
        return {
          itemId: event.item_id,
          text: this.#append(event.item_id, event.delta),
          final: false,
          interrupted: false,
        };
      case "response.output_audio_transcript.done":
        this.#texts.delete(event.item_id);
        return { itemId: event.item_id, text: event.transcript.trim(), final: true, interrupted: false };
      case "response.output_text.done":
        this.#texts.delete(event.item_id);
        return { itemId: event.item_id, text: event.text.trim(), final: true, interrupted: false };
      case "conversation.item.retrieved":
        return this.#cut.delete(event.item.id) ? heardWords(event.item) : null;
      default:
        return null;
    }
  }

  #append(itemId: string, delta: string): string {
    const text = (this.#texts.get(itemId) ?? "") + delta;
    this.#texts.set(itemId, text);
    if (this.#texts.size > maxOpen) this.#texts.delete(this.#texts.keys().next().value!);
    return text;
  }
}

/** An item asked for after its truncation: its text ends where hearing did. */
function heardWords(item: SentItem): ReplyTranscript | null {
  if (item.type !== "message" || item.role !== "assistant") return null;
  const text = item.content
    .map((part) => (part.type === "output_text" ? part.text : part.transcript))
    .join(" ");
  return { itemId: item.id, text: text.trim(), final: true, interrupted: true };
}
