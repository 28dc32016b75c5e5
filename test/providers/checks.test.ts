import { describe, expect, it } from "vitest";
import type { Checkable, CheckedStage } from "../../gateway/providers/checks.ts";
import { checkAgainMs, checkLimitMs, checkVendors } from "../../gateway/providers/checks.ts";
import type { ProviderFault } from "../../gateway/providers/provider.ts";
import { keyFault } from "../../gateway/providers/vendor-fault.ts";
import { createFakeClock } from "../turn/fake-clock.ts";

const wrongKey = keyFault("the vendor refused the key (401)");
const embedded: Checkable = { name: "embedded" };

function vendor(name: string, check: (signal: AbortSignal) => Promise<ProviderFault | null>): Checkable {
  return { name, check };
}

function begin(ai: readonly Checkable[], leftAlone: (provider: string) => boolean = () => false) {
  const clock = createFakeClock();
  const lines: string[] = [];
  const checks = checkVendors(
    { stt: [embedded], ai, tts: [embedded] },
    {
      clock,
      told: (stage: CheckedStage, provider, fault) =>
        lines.push(`${stage}/${provider} ${fault?.message ?? "ok"}`),
      leftAlone: (_, provider) => leftAlone(provider),
    },
  );
  return { clock, checks, lines };
}

describe("the vendors' checks", () => {
  it("tell of each vendor once, and of its problem in one line", async () => {
    const { checks, lines } = begin([
      vendor("gemini", async () => null),
      vendor("claude", async () => ({ ...wrongKey })),
      embedded,
    ]);
    expect(checks.list()).toMatchObject([{ ok: null }, { ok: null }]);
    await checks.first;
    expect(lines.sort()).toEqual(["ai/claude the vendor refused the key (401)", "ai/gemini ok"]);
    expect(checks.list()).toEqual([
      { stage: "ai", provider: "gemini", ok: true, problem: null },
      { stage: "ai", provider: "claude", ok: false, problem: "the vendor refused the key (401)" },
    ]);
    expect(checks.stageDown()).toBeNull();
    checks.close();
  });

  it(`give a vendor ${checkLimitMs} ms, also one that heeds no signal`, async () => {
    let signal: AbortSignal | null = null;
    const { checks, clock } = begin([
      vendor("gemini", (given) => {
        signal = given;
        return new Promise(() => {});
      }),
      embedded,
    ]);
    await clock.advance(checkLimitMs);
    await checks.first;
    expect(checks.list()).toMatchObject([{ ok: false, problem: expect.stringContaining("within 5 s") }]);
    expect(signal!.aborted).toBe(true);
    checks.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it("take a check that throws for a problem", async () => {
    const { checks } = begin([vendor("gemini", () => Promise.reject(new Error("sk-secret"))), embedded]);
    await checks.first;
    expect(checks.list()).toMatchObject([{ ok: false, problem: "the check of the vendor failed" }]);
    checks.close();
  });

  it("look again at what was wrong, and tell of changes only", async () => {
    let fault: ProviderFault | null = wrongKey;
    let asked = 0;
    const { checks, clock, lines } = begin([
      vendor("gemini", async () => {
        asked += 1;
        return fault;
      }),
      embedded,
    ]);
    await checks.first;
    await clock.advance(checkAgainMs);
    fault = null;
    await clock.advance(checkAgainMs);
    await clock.advance(10 * checkAgainMs);
    expect(asked).toBe(3);
    expect(lines).toEqual(["ai/gemini the vendor refused the key (401)", "ai/gemini ok"]);
    checks.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it("call a stage down that has no link left", async () => {
    const { checks } = begin([vendor("gemini", async () => wrongKey)]);
    expect(checks.stageDown()).toBeNull();
    await checks.first;
    expect(checks.stageDown()).toBe("ai");
    checks.close();
  });

  it("say of a vendor that was well what its breaker says", async () => {
    const { checks } = begin([vendor("gemini", async () => null), embedded], () => true);
    await checks.first;
    expect(checks.list()).toMatchObject([{ ok: false, problem: "left alone after failures" }]);
    checks.close();
  });

  it("say nothing any more once they are closed", async () => {
    const { checks, lines, clock } = begin([vendor("gemini", () => new Promise(() => {})), embedded]);
    checks.close();
    await checks.first;
    expect(lines).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});
