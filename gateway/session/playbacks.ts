/**
 * The playback of a conversation, and beside it one of each spoken response that is no part of it: what becomes of those is
 * their client's business, and nobody waits for them.
 */
import type { Clock } from "../clock.ts";
import type { AudioFormat } from "./domain.ts";
import { Playback, type PlaybackLimits, type PlaybackSink } from "./playback.ts";

export class Playbacks {
  readonly conversation: Playback;
  readonly #beside = new Map<string, Playback>();
  readonly #create: () => Playback;

  constructor(options: { clock: Clock; limits: PlaybackLimits; sink: PlaybackSink }) {
    const drained = (responseId: string) => {
      this.#beside.delete(responseId);
      options.sink.drained(responseId);
    };
    this.#create = () => new Playback({ ...options, sink: { ...options.sink, drained } });
    this.conversation = this.#create();
  }

  /** True while something is to be sent: `pump` must be called every few milliseconds. */
  get active(): boolean {
    return this.conversation.active || this.#beside.size > 0;
  }

  pump(): void {
    this.conversation.pump();
    for (const playback of this.#beside.values()) playback.pump();
  }

  /** Opens a response's audio; at most as many beside the conversation as it may have responses. */
  open(responseId: string, format: AudioFormat, rateHz: number, outOfBand: boolean): void {
    if (outOfBand) this.#beside.set(responseId, this.#create());
    this.of(responseId).open(responseId, format, rateHz);
  }

  /** The one that a response plays on. */
  of(responseId: string): Playback {
    return this.#beside.get(responseId) ?? this.conversation;
  }

  /** As `Playback.cancel`. */
  cancel(responseId: string): void {
    this.of(responseId).cancel(responseId);
    this.#beside.delete(responseId);
  }

  /** Drops everything; nothing is sent any more. */
  close(): void {
    for (const playback of [this.conversation, ...this.#beside.values()]) playback.close();
    this.#beside.clear();
  }
}
