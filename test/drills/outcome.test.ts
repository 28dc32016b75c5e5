import { describe, expect, it } from "vitest";
import {
  describeOutcomes,
  type Ending,
  endingOf,
  exitCodeOf,
  type Outcome,
  settle,
} from "../../loadtest/drills/outcome.ts";

const outcomesOf = (...endings: Ending[]): Outcome[] => endings.map((ending) => ({ name: "drill", ending }));

describe("a drill that breaks off", () => {
  it("is an outcome of its own, told when it happens, and the next one has its turn", async () => {
    const printed: string[] = [];
    const print = (text: string) => printed.push(text);
    const outcomes = [
      await settle("first", () => Promise.reject(new Error("no callers")), print),
      await settle("second", async () => "as it should", print),
    ];
    expect(outcomes).toEqual([
      { name: "first", ending: "could not run" },
      { name: "second", ending: "as it should" },
    ]);
    expect(printed.join("")).toContain("could not run: no callers");
    expect(describeOutcomes(outcomes)).toBe(
      "1 of 2 as they should be\n  ✗ first (could not run)\n1 passed, 1 failed\n",
    );
  });
});

describe("the exit code", () => {
  it.each<[number, Ending[]]>([
    [0, ["as it should", "as it should"]],
    [1, ["as it should", "too busy to tell", "could not run", "not as it should"]],
    [3, ["too busy to tell", "could not run", "as it should"]],
    [4, ["as it should", "too busy to tell"]],
  ])("is %s of %j", (code, endings) => {
    expect(exitCodeOf(outcomesOf(...endings), false)).toBe(code);
  });

  it("of a canary alone is a failure's when it failed, as it should", () => {
    expect(exitCodeOf(outcomesOf("as it should"), true)).toBe(1);
    expect(exitCodeOf(outcomesOf("not as it should"), true)).toBe(0);
    expect(exitCodeOf(outcomesOf("could not run"), true)).toBe(3);
  });

  it("of a drill in a process of its own is read back as its ending", () => {
    const endings: Ending[] = ["as it should", "not as it should", "could not run"];
    for (const isCanary of [false, true]) {
      for (const ending of endings) {
        expect(endingOf(exitCodeOf(outcomesOf(ending), isCanary), isCanary)).toBe(ending);
      }
    }
    expect(endingOf(4, false)).toBe("too busy to tell");
    expect(endingOf(null, false)).toBe("not as it should");
  });
});
