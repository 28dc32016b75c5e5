import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { runSimulations } from "./run.ts";
import type { Mutant } from "./simulation.ts";

const workers = availableParallelism();

describe("conversations over failing vendors, from seeds", { timeout: 600_000 }, () => {
  it("keep every promise to the caller over 20,000 turns", async () => {
    const outcome = await runSimulations({ turns: 20_000, fromSeed: 1, workers });
    expect(outcome.broken).toEqual([]);
    expect(outcome.turns).toBeGreaterThanOrEqual(20_000);
    expect(outcome.switches).toBeGreaterThan(1_000);
  });

  it("replay exactly from their seed", async () => {
    const once = await runSimulations({ turns: 300, fromSeed: 77, workers: 1 });
    const again = await runSimulations({ turns: 300, fromSeed: 77, workers: 1 });
    expect(again).toEqual(once);
  });

  it.each<Mutant>(["skips a word", "repeats sentences", "drops the floor", "asks dead vendors"])(
    "would show a gateway that %s",
    async (mutant) => {
      const outcome = await runSimulations({ turns: 1_000, fromSeed: 1, workers, mutant });
      expect(outcome.brokenSeeds).toBeGreaterThan(0);
    },
  );
});
