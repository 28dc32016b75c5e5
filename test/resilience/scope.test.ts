import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { openScope } from "../../gateway/resilience/scope.ts";

describe("a scope", () => {
  it("is cancelled with its parent, and never cancels it", () => {
    const parent = openScope(null);
    const child = openScope(parent.signal);
    const sibling = openScope(parent.signal);
    child.abort();
    expect([child.signal.aborted, sibling.signal.aborted, parent.signal.aborted]).toEqual([
      true,
      false,
      false,
    ]);
    parent.abort();
    expect(sibling.signal.aborted).toBe(true);
  });

  it("is cancelled from the start under a cancelled parent", () => {
    const parent = openScope(null);
    parent.abort();
    expect(openScope(parent.signal).signal.aborted).toBe(true);
  });

  it("leaves no listener behind once it is closed", () => {
    const parent = new AbortController();
    for (let index = 0; index < 100; index += 1) openScope(parent.signal).close();
    expect(getEventListeners(parent.signal, "abort")).toHaveLength(0);
  });
});
