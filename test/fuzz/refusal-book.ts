/** Keeps account of one socket: what was sent, and which errors came back for it. */
import { errorCodes } from "../../wire/codes.ts";
import type { ServerEvent } from "../support/realtime-client.ts";
import type { Spoilt } from "./mutations.ts";

const maxIdLength = 512;
const shownCharacters = 300;
const knownCodes: ReadonlySet<string> = new Set(errorCodes);

interface Entry {
  name: string;
  shown: string;
  /** A strange id may be used twice; each use may be refused once. */
  uses: number;
  /** Of these, those that must be refused. */
  certain: number;
  errors: number;
}

export class RefusalBook {
  readonly #byId = new Map<string, Entry>();
  /** Sent without an id that could be given back. */
  #unreadable = 0;
  #unreadableCertain = 0;
  #errorsWithoutId = 0;
  readonly #shownUnreadable: string[] = [];

  /** Notes what goes out. */
  sent(spoilt: Spoilt): void {
    const shown =
      spoilt.out.kind === "binary"
        ? `${spoilt.out.bytes.length} bytes`
        : spoilt.out.text.slice(0, shownCharacters);
    const id = spoilt.out.kind === "binary" ? null : readableId(spoilt.out.text);
    if (id === null) {
      this.#unreadable++;
      if (spoilt.certain) this.#unreadableCertain++;
      this.#shownUnreadable.push(`${spoilt.name}: ${shown}`);
      return;
    }
    const entry = this.#byId.get(id) ?? { name: spoilt.name, shown, uses: 0, certain: 0, errors: 0 };
    entry.uses++;
    if (spoilt.certain) entry.certain++;
    this.#byId.set(id, entry);
  }

  /** Notes an error. @returns what is wrong with the error itself, or null */
  refused(event: ServerEvent): string | null {
    const error = event.error as Record<string, unknown> | undefined;
    const fault = describeFault(error);
    if (fault !== null) return `${fault}: ${JSON.stringify(event).slice(0, shownCharacters)}`;
    const id = error!.event_id as string | null;
    if (id === null) {
      this.#errorsWithoutId++;
      return null;
    }
    const entry = this.#byId.get(id);
    if (entry === undefined)
      return `an error names an event_id that was never sent: ${JSON.stringify(event).slice(0, shownCharacters)}`;
    entry.errors++;
    return null;
  }

  /**
   * Whether the account balances, once a probe has shown that everything sent was handled. What was sent so far is
   * forgotten.
   *
   * @returns one line for each fault
   */
  settle(): string[] {
    const faults: string[] = [];
    for (const { name, shown, uses, certain, errors } of this.#byId.values()) {
      if (errors > uses) faults.push(`${errors} errors for ${uses} events (${name}): ${shown}`);
      if (errors < certain) faults.push(`no error for an event that can't be right (${name}): ${shown}`);
    }
    if (this.#errorsWithoutId < this.#unreadableCertain || this.#errorsWithoutId > this.#unreadable) {
      faults.push(
        `${this.#errorsWithoutId} errors without event_id, ${this.#unreadableCertain} to ${this.#unreadable} expected, for:\n    ${this.#shownUnreadable.join("\n    ")}`,
      );
    }
    this.#byId.clear();
    this.#unreadable = 0;
    this.#unreadableCertain = 0;
    this.#errorsWithoutId = 0;
    this.#shownUnreadable.length = 0;
    return faults;
  }
}

/** The id that an error about this text must carry; null when nobody could read one. */
export function readableId(text: string): string | null {
  try {
    const value = JSON.parse(text) as unknown;
    if (value === null || typeof value !== "object" || Array.isArray(value)) return null;
    const id = (value as Record<string, unknown>).event_id;
    return typeof id === "string" && id.length <= maxIdLength ? id : null;
  } catch {
    return null;
  }
}

function describeFault(error: Record<string, unknown> | undefined): string | null {
  if (error === undefined || error === null) return "an error event without an error";
  if (typeof error.type !== "string" || error.type === "") return "an error without a type";
  if (typeof error.code !== "string" || !knownCodes.has(error.code))
    return "an error whose code stands in no table";
  if (typeof error.message !== "string" || error.message === "") return "an error without a message";
  if (error.param !== null && typeof error.param !== "string")
    return "an error whose param is no string or null";
  if (error.event_id !== null && typeof error.event_id !== "string")
    return "an error whose event_id is no string or null";
  if (error.code === "internal_error") return "an internal error";
  return null;
}
