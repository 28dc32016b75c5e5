/** The one numbered way out of a session: what is sent gets its number here, in order, and is bounded. */
import type { SendResult } from "../transport/contract.ts";

/** A message for the client; binary frames and texts share the numbers. */
export type OutboundMessage = string | Uint8Array;

export interface OutboxSocket {
  send(data: OutboundMessage): SendResult;
}

/**
 * Numbers what leaves. `transient` messages carry no number: they are worth nothing later. Kept messages are what a
 * reconnecting client can ask for again; `keepBytes` 0 keeps none.
 */
export class Outbox {
  readonly #keepBytes: number;
  #socket: OutboxSocket | null;
  #kept: { sequence: number; message: OutboundMessage; sizeBytes: number }[] = [];
  #keptBytes = 0;
  #sequence = 0;

  constructor(socket: OutboxSocket, keepBytes: number) {
    this.#socket = socket;
    this.#keepBytes = keepBytes;
  }

  /** Number of the last numbered message. */
  get sequence(): number {
    return this.#sequence;
  }

  send(message: OutboundMessage, transient = false): SendResult {
    if (!transient) {
      this.#sequence += 1;
      this.#keep(message);
    }
    return this.#socket?.send(message) ?? "closed";
  }

  #keep(message: OutboundMessage): void {
    if (this.#keepBytes === 0) return;
    const sizeBytes = message.length;
    this.#kept.push({ sequence: this.#sequence, message, sizeBytes });
    this.#keptBytes += sizeBytes;
    while (this.#keptBytes > this.#keepBytes)
      this.#keptBytes -= this.#kept.shift()?.sizeBytes ?? this.#keptBytes;
  }

  /** What came after `sequence`, in order; null when part of it is no longer kept. */
  after(sequence: number): OutboundMessage[] | null {
    if (sequence > this.#sequence) return null;
    const missed = this.#kept.filter((entry) => entry.sequence > sequence);
    return missed.length === this.#sequence - sequence ? missed.map((entry) => entry.message) : null;
  }

  attach(socket: OutboxSocket): void {
    this.#socket = socket;
  }

  detach(): void {
    this.#socket = null;
  }
}
