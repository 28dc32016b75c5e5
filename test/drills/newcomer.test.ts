/** A gateway that takes no new call after an outage: that is what the drill finds, with all its evidence. */
import { expect, it } from "vitest";
import { drills } from "../../loadtest/drills/drills.ts";
import { runDrill } from "../../loadtest/drills/runner.ts";
import { judgeRun } from "../../loadtest/drills/verdict.ts";

it("judges a run in which the newcomer was refused, and does not let it pass", {
  timeout: 180_000,
}, async () => {
  const drill = drills.find(({ name }) => name === "ai-503")!;
  const full = { ...drill, settings: { PARLEY_MAX_SESSIONS: "1" } };
  const run = await runDrill(full, { seed: 1, sessions: 1, length: "brief" });
  expect(run.refusals).toEqual([expect.stringContaining("503")]);
  expect(run.callers).toHaveLength(1);
  expect(run.turns.filter(({ phase }) => phase === "after").length).toBeGreaterThan(0);
  expect(run.log).toContain('"session closed"');
  const verdict = judgeRun(run, "shown");
  const probe = verdict.after.find(({ name }) => name === "newcomers refused");
  expect(probe).toMatchObject({ value: 1, tolerance: 0, isMet: false });
  expect(verdict.isDeviated).toBe(true);
});
