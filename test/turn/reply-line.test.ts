import { describe, expect, it } from "vitest";
import type { Attempt } from "../../gateway/providers/provider.ts";
import { openLedger } from "../../gateway/turn/ledger.ts";
import type { StageReport } from "../../gateway/turn/reply-line.ts";
import { attemptsMax, openReplyLine } from "../../gateway/turn/reply-line.ts";
import { createFakeClock } from "./fake-clock.ts";

const attempt: Attempt = {
  stage: "ai",
  provider: "a",
  outcome: "failed",
  code: "provider_timeout",
  durationMs: 100,
  usefulMs: null,
  overdueMs: 0,
  usage: {},
  model: "",
  hedge: false,
};

describe("a reply's line of time", () => {
  it("charges a failed vendor up to its deadline; to notice and to switch is the gateway's", async () => {
    const clock = createFakeClock(1000);
    const line = openReplyLine(clock, openLedger("voice", 1000), () => undefined);
    const { observer } = line.observe("ai", "chain", () => true);
    observer.started("a");
    await clock.advance(107);
    observer.ended({ ...attempt, overdueMs: 7 });
    await clock.advance(3);
    observer.started("b");
    await clock.advance(40);
    line.spend("ai", "b");
    expect(line.ledger.entries).toEqual([
      { span: "ai", durationMs: 100, provider: "a" },
      { span: "overhead", durationMs: 10 },
      { span: "ai", durationMs: 40, provider: "b" },
    ]);
  });

  it("takes nothing for a call that the path does not wait for", async () => {
    const clock = createFakeClock(1000);
    const line = openReplyLine(clock, openLedger("voice", 1000), () => undefined);
    const { observer } = line.observe("tts", "chain", () => false);
    await clock.advance(50);
    observer.started("a");
    observer.ended({ ...attempt, stage: "tts" });
    expect(line.ledger.entries).toEqual([]);
  });

  it("reports every attempt, and lists each kind of it once, a bounded number of them", () => {
    const clock = createFakeClock();
    const reports: StageReport[] = [];
    const line = openReplyLine(clock, openLedger("text", clock.nowMs()), (report) => reports.push(report));
    const { observer } = line.observe("tts", "chain", () => false);
    for (let index = 0; index < 100; index += 1) {
      observer.ended({ ...attempt, stage: "tts", provider: `v${index}`, usefulMs: 5 });
      observer.ended({ ...attempt, stage: "tts", provider: `v${index}`, usefulMs: 5 });
    }
    expect(reports).toHaveLength(200);
    expect(reports[0]).toEqual({ stage: "tts", provider: "v0", outcome: "failed", durationMs: 5 });
    expect(line.attempts).toHaveLength(attemptsMax);
    expect(new Set(line.attempts.map(({ provider }) => provider)).size).toBe(attemptsMax);
  });
});
