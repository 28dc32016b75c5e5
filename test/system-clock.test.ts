import { describe, expect, it } from "vitest";
import { createSystemClock } from "../gateway/system-clock.ts";

describe("the system clock", () => {
  const clock = createSystemClock();

  it("stands on the line of process.hrtime, which all threads share", () => {
    const beforeMs = Number(process.hrtime.bigint()) / 1e6;
    const nowMs = clock.nowMs();
    const afterMs = Number(process.hrtime.bigint()) / 1e6;
    expect(nowMs).toBeGreaterThan(beforeMs - 0.5);
    expect(nowMs).toBeLessThan(afterMs + 0.5);
  });

  it("never fires a timer early, and fires those due in order", async () => {
    const startMs = clock.nowMs();
    const fired: string[] = [];
    await new Promise<void>((resolve) => {
      clock.timer(startMs + 12.5, () => {
        fired.push("late");
        expect(clock.nowMs()).toBeGreaterThanOrEqual(startMs + 12.5);
        resolve();
      });
      clock.timer(startMs - 5, () => fired.push("past"));
    });
    expect(fired).toEqual(["past", "late"]);
  });

  it("forgets a cancelled timer, and one far beyond setTimeout's range waits", async () => {
    let fired = 0;
    const cancelled = clock.timer(clock.nowMs(), () => fired++);
    const far = clock.timer(clock.nowMs() + 2 ** 33, () => fired++);
    cancelled.cancel();
    cancelled.cancel();
    await new Promise<void>((resolve) => clock.timer(clock.nowMs() + 5, resolve));
    far.cancel();
    expect(fired).toBe(0);
  });

  it("makes ids of the asked number of bytes, no two alike", () => {
    const ids = new Set(Array.from({ length: 1000 }, () => clock.randomId(9)));
    expect(ids.size).toBe(1000);
    for (const id of ids) expect(id).toMatch(/^[\w-]{12}$/);
  });
});
