/** What is known of each turn, joined from the server's reports and this device's own clock. */
import type { TurnEvent } from "../../wire/extensions.ts";

/** One answer. */
export interface TurnRecord {
  /** From 1, in the order of their beginning. */
  number: number;
  responseId: string;
  /** What the user said to it; empty while unknown. */
  asked: string;
  /** Where that was said; null for an answer to nothing that was said. */
  askedItemId: string | null;
  /** From the end of the user's voice to the first sound heard, on this device's clock; null until (or unless) heard. */
  waitMs: number | null;
  /** The server's ledger; null until it came. */
  report: TurnEvent | null;
  interrupted: boolean;
  /** Whether anybody heard it: "missed" once nobody will. */
  sound: "awaited" | "heard" | "missed";
  /** Its conversation is over: no report comes any more. */
  over: boolean;
  /** The end of the conversation cut it. */
  cutOff: boolean;
}

export interface SessionTotals {
  turns: number;
  /** Of this device's clock; null without an answer. All of these are of answers that were heard. */
  medianWaitMs: number | null;
  p95WaitMs: number | null;
  /** Time that was Parley's own, of the server's ledger. */
  medianInfraMs: number | null;
  p95InfraMs: number | null;
  interruptions: number;
  /** Sound sent, and sound of replies heard. */
  spokenMs: number;
  heardMs: number;
  /** Engines that answered, by name; with how many attempts failed. */
  engines: { name: string; used: number; failed: number }[];
}

/** Older turns are forgotten, also by the totals. */
const maxTurns = 300;
/** Items and words that wait for their response. */
const maxOpenItems = 64;

/**
 * The value at a share of the sorted ones (nearest rank).
 *
 * @param ratio - in (0, 1]
 * @returns null for no values
 */
export function quantile(values: readonly number[], ratio: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(ratio * sorted.length) - 1)]!;
}

export class TurnBook {
  readonly #turns = new Map<string, TurnRecord>();
  readonly #responseOfItem = new Map<string, string>();
  readonly #heardMs = new Map<string, number>();
  #heardEarlierMs = 0;
  #spokenMs = 0;
  /** The user's newest turn that no response answers yet. */
  #openItemId: string | null = null;
  /** Words that were told before their response began, by item. */
  readonly #words = new Map<string, string>();
  #begun = 0;

  /** Oldest first. */
  get turns(): TurnRecord[] {
    return [...this.#turns.values()];
  }

  /** The user's turn is over: the next response answers it. */
  noteCommitted(itemId: string): void {
    this.#openItemId = itemId;
  }

  /** The user's words, before their answer has begun or after it has ended. */
  noteAsked(itemId: string, text: string): void {
    const turn = this.turns.findLast(({ askedItemId }) => askedItemId === itemId);
    if (turn !== undefined) turn.asked = text;
    else {
      this.#words.set(itemId, text);
      forgetOldest(this.#words, maxOpenItems);
    }
  }

  noteCreated(responseId: string): void {
    this.#turn(responseId);
  }

  /** A response speaks in that item. */
  noteItem(responseId: string, itemId: string): void {
    this.#responseOfItem.set(itemId, responseId);
    forgetOldest(this.#responseOfItem, maxOpenItems);
    this.#turn(responseId);
  }

  /** A response broke off: what was not heard of it by now never is. */
  noteBroken(responseId: string): void {
    miss(this.#turn(responseId));
  }

  /** Its first sound was heard. */
  noteAnswered(itemId: string, waitMs: number): TurnRecord | null {
    const turn = this.#turnOfItem(itemId);
    if (turn === null) return null;
    turn.waitMs ??= waitMs;
    this.#hear(turn);
    return turn;
  }

  noteInterrupted(itemId: string): void {
    const turn = this.#turnOfItem(itemId);
    if (turn !== null) turn.interrupted = true;
  }

  /** The conversation is over. @param cutItemIds - the replies that it cut */
  noteOver(cutItemIds: readonly string[]): void {
    for (const itemId of cutItemIds) {
      const turn = this.#turnOfItem(itemId);
      if (turn !== null) turn.cutOff = true;
    }
    for (const turn of this.#turns.values()) {
      miss(turn);
      turn.over = true;
    }
    this.#openItemId = null;
  }

  noteReport(report: TurnEvent): TurnRecord {
    const turn = this.#turn(report.response_id);
    turn.report = report;
    return turn;
  }

  /** How far an item was played. */
  noteHeard(itemId: string, playedMs: number): void {
    const before = this.#heardMs.get(itemId) ?? 0;
    this.#heardMs.set(itemId, Math.max(before, playedMs));
    const turn = this.#turnOfItem(itemId);
    if (turn !== null && playedMs > 0) this.#hear(turn);
    if (this.#heardMs.size <= maxOpenItems) return;
    const [oldest, oldestMs] = this.#heardMs.entries().next().value!;
    this.#heardEarlierMs += oldestMs;
    this.#heardMs.delete(oldest);
  }

  /** That much sound went to the server. */
  noteSpoken(durationMs: number): void {
    this.#spokenMs += durationMs;
  }

  totals(): SessionTotals {
    const turns = this.turns;
    const waits = turns.flatMap(({ waitMs }) => (waitMs === null ? [] : [waitMs]));
    const heard = turns.filter(({ sound }) => sound === "heard");
    const infra = heard.flatMap(({ report }) => (report === null ? [] : [report.totals.infra_ms]));
    return {
      turns: turns.length,
      medianWaitMs: quantile(waits, 0.5),
      p95WaitMs: quantile(waits, 0.95),
      medianInfraMs: quantile(infra, 0.5),
      p95InfraMs: quantile(infra, 0.95),
      interruptions: turns.filter(({ interrupted }) => interrupted).length,
      spokenMs: this.#spokenMs,
      heardMs: this.#heardEarlierMs + [...this.#heardMs.values()].reduce((sum, ms) => sum + ms, 0),
      engines: countEngines(turns),
    };
  }

  #turnOfItem(itemId: string): TurnRecord | null {
    const responseId = this.#responseOfItem.get(itemId);
    return responseId === undefined ? null : (this.#turns.get(responseId) ?? null);
  }

  /** Answers come one after another: those before one that is heard never will be. */
  #hear(turn: TurnRecord): void {
    if (turn.sound === "heard") return;
    turn.sound = "heard";
    for (const earlier of this.#turns.values()) {
      if (earlier === turn) break;
      miss(earlier);
    }
  }

  #turn(responseId: string): TurnRecord {
    const known = this.#turns.get(responseId);
    if (known !== undefined) return known;
    this.#begun++;
    const askedItemId = this.#openItemId;
    this.#openItemId = null;
    const turn: TurnRecord = {
      number: this.#begun,
      responseId,
      asked: this.#words.get(askedItemId ?? "") ?? "",
      askedItemId,
      waitMs: null,
      report: null,
      interrupted: false,
      sound: "awaited",
      over: false,
      cutOff: false,
    };
    this.#turns.set(responseId, turn);
    forgetOldest(this.#turns, maxTurns);
    return turn;
  }
}

function miss(turn: TurnRecord): void {
  if (turn.sound === "awaited") turn.sound = "missed";
}

function countEngines(turns: readonly TurnRecord[]): SessionTotals["engines"] {
  const engines = new Map<string, { name: string; used: number; failed: number }>();
  for (const { report } of turns) {
    for (const { stage, provider, outcome } of report?.providers ?? []) {
      const name = `${stage} ${provider}`;
      const engine = engines.get(name) ?? { name, used: 0, failed: 0 };
      if (outcome === "failed") engine.failed++;
      else engine.used++;
      engines.set(name, engine);
    }
  }
  return [...engines.values()];
}

function forgetOldest(map: Map<string, unknown>, most: number): void {
  if (map.size > most) map.delete(map.keys().next().value!);
}
