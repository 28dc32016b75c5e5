import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isReconnectable, reconnectDelayMs } from "../../client/reconnect-policy.ts";
import { closeCodes } from "../../wire/codes.ts";

const policy = { maxAttempts: 5, baseMs: 400, maxMs: 3000 };

describe("isReconnectable", () => {
  it("goes by the ranges of the protocol", () => {
    for (const code of Object.values(closeCodes)) expect(isReconnectable(code)).toBe(code < 4500);
    expect([4000, 4499, 4500, 4999].map(isReconnectable)).toEqual([true, true, false, false]);
  });

  it("tries again after a lost connection, not after one that was ended or refused", () => {
    expect([1001, 1006, 1011, 1012, 1013].map(isReconnectable)).toEqual([true, true, true, true, true]);
    expect([1000, 1002, 1003, 1007, 1008, 1009].map(isReconnectable)).toEqual(Array(6).fill(false));
  });
});

describe("reconnectDelayMs", () => {
  it("doubles up to its limit, and gives up after the last attempt", () => {
    expect([1, 2, 3, 4, 5, 6].map((attempt) => reconnectDelayMs(attempt, policy, 0))).toEqual([
      200,
      400,
      800,
      1500,
      1500,
      null,
    ]);
  });

  it("is spread by chance over the upper half", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, random) => {
          const fullMs = Math.min(3000, 400 * 2 ** (attempt - 1));
          const delayMs = reconnectDelayMs(attempt, policy, random)!;
          expect(delayMs).toBeGreaterThanOrEqual(fullMs / 2);
          expect(delayMs).toBeLessThanOrEqual(fullMs);
        },
      ),
    );
  });
});
