import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import type { Mutant } from "./mutants.ts";
import { runSimulations } from "./run.ts";

const workers = availableParallelism();

/** What must be said of each fault of our own. */
const found: Record<Mutant, RegExp> = {
  "skips a word": /left out/,
  "repeats a word": /spoken twice/,
  "repeats sentences": /spoken twice/,
  "begins anew beside another": /spoken twice/,
  "drops the floor": /silent|left out/,
  "asks dead vendors": /was asked although its breaker is open/,
  "forgives failures": /was asked as if well/,
  "probes too early": /too early after failures/,
  "forgets when to come back": /too early after quota/,
  "tries refused keys": /too early after key/,
  "calls full vendors": /calls at once, \d allowed/,
  "blames who is well": /was well and is blamed/,
  "hedges without budget": /hedges in/,
  "retries without budget": /retries in/,
  "hedges where tools are offered": /beside another, with tools/,
  "remembers unheard words": /remembered but not heard/,
  "forgets heard words": /heard but not remembered/,
};

describe("conversations over failing vendors, from seeds", { timeout: 600_000 }, () => {
  it("keep every promise to the caller over 20,000 turns", async () => {
    const outcome = await runSimulations({ turns: 20_000, fromSeed: 1, workers });
    expect(outcome.broken).toEqual([]);
    expect(outcome.turns).toBeGreaterThanOrEqual(20_000);
    // A check that had nothing to look at has checked nothing.
    const { counts } = outcome;
    expect(counts.rescued).toBeGreaterThan(1_000);
    expect(counts.retries).toBeGreaterThan(100);
    expect(counts.hedges).toBeGreaterThan(100);
    expect(counts.hedgesWon).toBeGreaterThan(20);
    expect(counts.probes).toBeGreaterThan(1_000);
    expect(counts.full).toBeGreaterThan(100);
    expect(counts.late).toBeGreaterThan(10);
  });

  it("replay exactly from their seed", async () => {
    const once = await runSimulations({ turns: 300, fromSeed: 77, workers: 1 });
    const again = await runSimulations({ turns: 300, fromSeed: 77, workers: 1 });
    expect(again).toEqual(once);
  });

  it.each(Object.entries(found) as [Mutant, RegExp][])(
    "would show a gateway that %s",
    async (mutant, until) => {
      const outcome = await runSimulations({ turns: 5_000, fromSeed: 1, workers, mutant, until });
      expect(outcome.found).toBe(true);
    },
  );
});
