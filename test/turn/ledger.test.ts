import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Span } from "../../gateway/turn/ledger.ts";
import { advance, closeLedger, ledgerTotals, openLedger, spanOwners } from "../../gateway/turn/ledger.ts";

const spans = Object.keys(spanOwners) as Span[];

describe("the ledger", () => {
  it("gives every millisecond up to its cursor one owner, whatever the moments", () => {
    const step = fc.record({
      span: fc.constantFrom(...spans),
      atMs: fc.integer({ min: 0, max: 5000 }),
      provider: fc.constantFrom(undefined, "a", "b"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const ledger = steps.reduce(
          (line, { span, atMs, provider }) => advance(line, span, atMs, provider),
          openLedger("voice", 1000),
        );
        const sum = ledger.entries.reduce((total, { durationMs }) => total + durationMs, 0);
        expect(sum).toBe(ledger.cursorMs - ledger.startedAtMs);
        expect(ledger.cursorMs).toBe(Math.max(1000, ...steps.map(({ atMs }) => atMs)));
        const { turnMs, infraMs, vendorMs, clientMs, speakerMs } = ledgerTotals(ledger);
        expect(infraMs + vendorMs + clientMs + speakerMs).toBe(turnMs);
        for (const [index, entry] of ledger.entries.slice(1).entries()) {
          const before = ledger.entries[index]!;
          expect(entry.span !== before.span || entry.provider !== before.provider).toBe(true);
        }
      }),
    );
  });

  it("leaves the old value as it was, and a closed one as it is", () => {
    const opened = openLedger("text", 0);
    const later = advance(opened, "ai", 10, "a");
    expect(opened.entries).toEqual([]);
    const closed = closeLedger(later);
    expect(advance(closed, "tts", 20, "b")).toBe(closed);
    expect(closeLedger(closed)).toBe(closed);
  });
});
