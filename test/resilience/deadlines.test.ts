import { describe, expect, it } from "vitest";
import { resilienceSettings as settings } from "../../gateway/config-resilience.ts";
import { aiDeadlines } from "../../gateway/resilience/ai-policy.ts";
import { sttDeadlines } from "../../gateway/resilience/stt-policy.ts";
import { ttsDeadlines } from "../../gateway/resilience/tts-policy.ts";

describe("deadlines", () => {
  it("are the settings' defaults where no setting is handed in", () => {
    const { sttConnectMs, sttUsefulMs, sttStallMs, aiConnectMs, aiUsefulMs, aiStallMs } = settings;
    const { ttsConnectMs, ttsUsefulMs, ttsStallMs } = settings;
    for (const [deadlines, connect, useful, stall] of [
      [sttDeadlines, sttConnectMs, sttUsefulMs, sttStallMs],
      [aiDeadlines, aiConnectMs, aiUsefulMs, aiStallMs],
      [ttsDeadlines, ttsConnectMs, ttsUsefulMs, ttsStallMs],
    ] as const)
      expect(deadlines).toMatchObject({
        connectMs: connect.fallback(),
        usefulMs: useful.fallback(),
        stallMs: stall.fallback(),
      });
  });
});
