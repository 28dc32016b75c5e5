import { describe, expect, it } from "vitest";
import { createOverlapCutter } from "../../gateway/resilience/overlap.ts";

const goesOn = (said: string, text: string) => {
  const cutter = createOverlapCutter(said);
  return cutter.push(text) + cutter.flush();
};

describe("one word said again after a full stop", () => {
  it("is cut where it ends a sentence as it did before", () => {
    expect(goesOn("He lives under an old canal. ", "canal. Most people know.")).toBe("Most people know.");
  });

  it("is a new sentence's beginning elsewhere", () => {
    expect(goesOn("Did anyone come? No. ", "No one came.")).toBe("No one came.");
  });
});
