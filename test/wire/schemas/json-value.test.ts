import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonValue } from "../../../wire/schemas/json-value.ts";
import { eventLimits } from "../../../wire/schemas/limits.ts";

const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);

describe("jsonValue", () => {
  it("copies any JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const given = JSON.parse(JSON.stringify(value).replaceAll("__proto__", "proto"));
        const copy = jsonValue.parse(given);
        expect(copy).toEqual(given);
        if (typeof given === "object" && given !== null) expect(copy).not.toBe(given);
      }),
    );
  });

  it("takes as many levels and values as the limits say, and no more", () => {
    expect(jsonValue.safeParse(nested(eventLimits.jsonDepth)).success).toBe(true);
    expect(jsonValue.safeParse(nested(eventLimits.jsonDepth + 1)).success).toBe(false);
    expect(jsonValue.safeParse(Array(eventLimits.jsonValueCount - 1).fill(0)).success).toBe(true);
    expect(jsonValue.safeParse(Array(eventLimits.jsonValueCount).fill(0)).success).toBe(false);
  });

  it("drops the key that reaches a prototype, and keeps names that only look dangerous", () => {
    const copy = jsonValue.parse(JSON.parse('{"__proto__":{"a":1},"constructor":"Ferrari"}')) as object;
    expect(Object.keys(copy)).toEqual(["constructor"]);
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  });
});
