import type { SentSession } from "../wire/events.ts";
import { ParleyError } from "./parley-error.ts";

/** Settings on their way to the server at the same time. */
const maxPending = 16;

interface Pending {
  eventId: string;
  resolve: (session: SentSession) => void;
  reject: (error: ParleyError) => void;
  timer: ReturnType<typeof setTimeout>;
}

/** `session.update`s that were sent and not answered yet. */
export class PendingUpdates {
  readonly #pending: Pending[] = [];
  #count = 0;

  /**
   * Sends an update by `send` and waits for its answer.
   *
   * @throws {ParleyError} the server's refusal; `no_answer` after `timeoutMs`, or if too many are on their way
   */
  add(timeoutMs: number, send: (eventId: string) => void): Promise<SentSession> {
    if (this.#pending.length >= maxPending) return Promise.reject(new ParleyError("no_answer"));
    return new Promise((resolve, reject) => {
      this.#count++;
      const eventId = `client_update_${this.#count}`;
      send(eventId);
      const timer = setTimeout(() => {
        this.#take(eventId);
        reject(new ParleyError("no_answer"));
      }, timeoutMs);
      this.#pending.push({ eventId, resolve, reject, timer });
    });
  }

  /** The server took the oldest one: it answers in order. */
  confirm(session: SentSession): void {
    this.#take()?.resolve(session);
  }

  /** @returns whether it was one of ours that the server refused */
  refuse(eventId: string | undefined, error: ParleyError): boolean {
    const update = eventId === undefined ? undefined : this.#take(eventId);
    update?.reject(error);
    return update !== undefined;
  }

  /** No answers come any more. */
  failAll(error: ParleyError): void {
    for (let update = this.#take(); update !== undefined; update = this.#take()) update.reject(error);
  }

  #take(eventId?: string): Pending | undefined {
    const index = eventId === undefined ? 0 : this.#pending.findIndex((update) => update.eventId === eventId);
    const update = index < 0 ? undefined : this.#pending.splice(index, 1)[0];
    clearTimeout(update?.timer);
    return update;
  }
}
