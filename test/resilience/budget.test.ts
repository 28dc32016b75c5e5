import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCallBudget, savedMax } from "../../gateway/resilience/budget.ts";

describe("a budget of extra calls", () => {
  it("gives none before any was earned", () => {
    const budget = createCallBudget(0.2);
    for (let call = 0; call < 4; call += 1) budget.earn();
    expect(budget.take()).toBe(false);
    budget.earn();
    expect([budget.take(), budget.take()]).toEqual([true, false]);
  });

  it("saves up a burst and no more", () => {
    const budget = createCallBudget(0.05);
    for (let call = 0; call < 100_000; call += 1) budget.earn();
    let taken = 0;
    while (budget.take()) taken += 1;
    expect(taken).toBe(savedMax);
  });

  it("never gives more than its share of the calls so far", () => {
    fc.assert(
      fc.property(fc.constantFrom(0.05, 0.2), fc.array(fc.boolean(), { maxLength: 2000 }), (ratio, steps) => {
        const budget = createCallBudget(ratio);
        let calls = 0;
        let extra = 0;
        for (const asks of steps) {
          budget.earn();
          calls += 1;
          if (asks && budget.take()) extra += 1;
          expect(extra).toBeLessThanOrEqual(calls * ratio);
        }
      }),
    );
  });
});
