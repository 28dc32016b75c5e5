/**
 * Where a turn's time went. One cursor moves over one line of time, so that on the critical path every
 * millisecond has exactly one owner and the sum is the whole. A plain value: it is saved with the session.
 *
 * @see docs/latency.md
 */

export type Span =
  | "endpoint"
  | "ingress"
  | "gate"
  | "vad"
  | "stt"
  | "retrieve"
  | "ai"
  | "tool"
  | "sentence"
  | "tts"
  | "egress"
  | "overhead";

export type SpanOwner = "speaker" | "gateway" | "vendor" | "client";

/** Who answers for a span. */
export const spanOwners: Readonly<Record<Span, SpanOwner>> = {
  endpoint: "speaker",
  ingress: "gateway",
  gate: "gateway",
  vad: "gateway",
  stt: "vendor",
  retrieve: "gateway",
  ai: "vendor",
  tool: "client",
  sentence: "gateway",
  tts: "vendor",
  egress: "gateway",
  overhead: "gateway",
};

export interface LedgerEntry {
  span: Span;
  durationMs: number;
  /** Set on vendors' spans. */
  provider?: string;
}

export interface Ledger {
  kind: "voice" | "manual" | "text";
  /** Where the line begins (clock.nowMs): last voiced sample, commit, or response.create. */
  startedAtMs: number;
  /** Everything before it has an owner. */
  cursorMs: number;
  entries: LedgerEntry[];
  /** Set when the first byte of reply audio (or text) was handed to the socket. */
  closed: boolean;
}

/** A line that begins at `startedAtMs`. */
export function openLedger(kind: Ledger["kind"], startedAtMs: number): Ledger {
  return { kind, startedAtMs, cursorMs: startedAtMs, entries: [], closed: false };
}

/**
 * Gives the time from the cursor to `untilMs` to `span`; a moment before the cursor takes nothing (that work was
 * done early and the path did not wait for it). Neighbouring entries of the same span and provider are joined.
 *
 * @returns a new ledger; the old one stays as it was. A closed one is returned as it is
 */
export function advance(ledger: Ledger, span: Span, untilMs: number, provider?: string): Ledger {
  if (ledger.closed || untilMs <= ledger.cursorMs) return ledger;
  const durationMs = untilMs - ledger.cursorMs;
  const last = ledger.entries.at(-1);
  const joined = last !== undefined && last.span === span && last.provider === provider;
  const entry: LedgerEntry = { span, durationMs: joined ? last.durationMs + durationMs : durationMs };
  if (provider !== undefined) entry.provider = provider;
  return {
    ...ledger,
    cursorMs: untilMs,
    entries: joined ? [...ledger.entries.slice(0, -1), entry] : [...ledger.entries, entry],
  };
}

/** Ends the line at the cursor. */
export function closeLedger(ledger: Ledger): Ledger {
  return ledger.closed ? ledger : { ...ledger, closed: true };
}

/** Sums in ms: the whole line, and what each owner had of it. `infraMs` is the gateway's. */
export function ledgerTotals(ledger: Ledger): {
  turnMs: number;
  infraMs: number;
  vendorMs: number;
  clientMs: number;
  speakerMs: number;
} {
  const byOwner: Record<SpanOwner, number> = { speaker: 0, gateway: 0, vendor: 0, client: 0 };
  for (const entry of ledger.entries) byOwner[spanOwners[entry.span]] += entry.durationMs;
  return {
    turnMs: ledger.cursorMs - ledger.startedAtMs,
    infraMs: byOwner.gateway,
    vendorMs: byOwner.vendor,
    clientMs: byOwner.client,
    speakerMs: byOwner.speaker,
  };
}
