/** One step of a session: the state as it becomes, and what is to be done about it. */
import type { ErrorCode } from "../../wire/codes.ts";
import { errorTable } from "../errors.ts";
import type { Item, Output } from "./domain.ts";
import type { Effect, Now } from "./events.ts";
import type { ActiveResponse, InputState, SessionState, StoredItem, Utterance } from "./state.ts";

/**
 * Collects effects while a handler replaces parts of the state. Parts are never changed in place, so the state that
 * the step began with stays as it was.
 */
export class Change {
  state: SessionState;
  readonly now: Now;
  readonly effects: Effect[] = [];

  constructor(state: SessionState, now: Now) {
    this.state = state;
    this.now = now;
  }

  /** A new id, unique within the session. */
  id(kind: "item" | "resp" | "call"): string {
    const number = this.state.nextId;
    this.set({ nextId: number + 1 });
    return `${kind}_${this.state.id.slice(-12)}${number.toString(36).padStart(4, "0")}`;
  }

  set(part: Partial<SessionState>): void {
    this.state = { ...this.state, ...part };
  }

  setInput(part: Partial<InputState>): void {
    this.set({ input: { ...this.state.input, ...part } });
  }

  setUtterance(part: Partial<Utterance>): void {
    const utterance = this.state.input.utterance;
    if (utterance) this.setInput({ utterance: { ...utterance, ...part } });
  }

  send(output: Output): void {
    this.effects.push({ type: "send", output });
  }

  effect(effect: Effect): void {
    this.effects.push(effect);
  }

  /** Exactly one error for a refused event. */
  refuse(
    code: ErrorCode,
    clientEventId: string | null,
    options: { message?: string; param?: string | null } = {},
  ): void {
    this.send({
      type: "error",
      kind: errorTable[code].kind === "server_error" ? "server_error" : "invalid_request_error",
      code,
      message: options.message ?? errorTable[code].message,
      param: options.param ?? null,
      clientEventId,
    });
  }

  alarm(key: string, atSample: number): void {
    this.set({ alarms: { ...this.state.alarms, [key]: atSample } });
    this.effect({ type: "alarm", key, atSample });
  }

  cancelAlarm(key: string): void {
    if (this.state.alarms[key] === undefined) return;
    const { [key]: _gone, ...alarms } = this.state.alarms;
    this.set({ alarms });
    this.effect({ type: "cancelAlarm", key });
  }

  // ---- items ----

  item(itemId: string): StoredItem | undefined {
    return this.state.items.find((stored) => stored.item.id === itemId);
  }

  /** Replaces a stored item; unknown ids (deleted meanwhile) are left alone. */
  updateItem(itemId: string, update: (stored: StoredItem) => StoredItem): void {
    this.set({
      items: this.state.items.map((stored) => (stored.item.id === itemId ? update(stored) : stored)),
    });
  }

  /**
   * Puts an item after `previousItemId` ("root": first, null: last); the oldest go when the conversation is full.
   *
   * @returns the id that it stands after, null for first
   */
  insertItem(stored: StoredItem, previousItemId: string | null): string | null {
    const items = [...this.state.items];
    const after =
      previousItemId === "root" ? 0 : items.findIndex((other) => other.item.id === previousItemId) + 1;
    const index =
      previousItemId === null || (after === 0 && previousItemId !== "root") ? items.length : after;
    items.splice(index, 0, stored);
    const before = items[index - 1]?.item.id ?? null;
    const surplus = items.length - this.state.limits.maxItems;
    this.set({ items: surplus > 0 ? items.slice(surplus) : items });
    return before;
  }

  /** Adds an item and says so. */
  announceItem(item: Item, previousItemId: string | null): string | null {
    const before = this.insertItem({ item }, previousItemId);
    this.send({ type: "itemAdded", item, previousItemId: before });
    return before;
  }

  // ---- responses ----

  response(responseId: string): ActiveResponse | undefined {
    return this.state.responses.find((response) => response.id === responseId);
  }

  /** The response of the conversation that is in progress (not out-of-band ones). */
  get inBand(): ActiveResponse | undefined {
    return this.state.responses.find((response) => !response.outOfBand);
  }

  updateResponse(responseId: string, part: Partial<ActiveResponse>): void {
    this.set({
      responses: this.state.responses.map((response) =>
        response.id === responseId ? { ...response, ...part } : response,
      ),
    });
  }
}
