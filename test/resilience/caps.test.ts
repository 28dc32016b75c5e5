import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCap } from "../../gateway/resilience/caps.ts";
import { createFakeClock } from "../turn/fake-clock.ts";

describe("a vendor's caps", () => {
  it("let in as many calls at once as they say, and one more when one has left", () => {
    const cap = createCap({ inFlight: 2, perMinute: 0 }, createFakeClock());
    expect([cap.enter(), cap.enter(), cap.enter()]).toEqual([true, true, false]);
    expect([cap.inFlight, cap.hasRoom()]).toEqual([2, false]);
    cap.leave();
    expect(cap.enter()).toBe(true);
  });

  it("count a call that has left for its minute, too", async () => {
    const clock = createFakeClock();
    const cap = createCap({ inFlight: 0, perMinute: 3 }, clock);
    for (let call = 0; call < 3; call += 1) {
      expect(cap.enter()).toBe(true);
      cap.leave();
    }
    expect(cap.enter()).toBe(false);
    await clock.advance(59_999);
    expect(cap.enter()).toBe(false);
    await clock.advance(1_001);
    expect(cap.enter()).toBe(true);
  });

  it("let everybody in where there is no limit", () => {
    const cap = createCap({ inFlight: 0, perMinute: 0 }, createFakeClock());
    expect(Array.from({ length: 1000 }, () => cap.enter()).every(Boolean)).toBe(true);
  });

  it("never let more in within any minute than they say", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(9000), { maxLength: 120 }),
        fc.integer({ min: 1, max: 8 }),
        async (gapsMs, perMinute) => {
          const clock = createFakeClock();
          const cap = createCap({ inFlight: 0, perMinute }, clock);
          const enteredAtMs: number[] = [];
          for (const gapMs of gapsMs) {
            await clock.advance(gapMs);
            if (cap.enter()) enteredAtMs.push(clock.nowMs());
          }
          for (const atMs of enteredAtMs) {
            const within = enteredAtMs.filter((other) => other > atMs - 60_000 && other <= atMs);
            expect(within.length).toBeLessThanOrEqual(perMinute);
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});
