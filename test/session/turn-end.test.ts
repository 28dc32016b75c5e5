import { describe, expect, it } from "vitest";
import type { TurnDetection } from "../../gateway/session/domain.ts";
import {
  detectionThresholdRatio,
  prefixPaddingMs,
  silenceBeforeTurnEndMs,
} from "../../gateway/session/turn-taking/turn-end.ts";

const server: TurnDetection = {
  type: "server_vad",
  thresholdRatio: 0.7,
  prefixPaddingMs: 120,
  silenceDurationMs: 250,
  idleTimeoutMs: null,
  createResponse: true,
  interruptResponse: true,
};

describe("the end of a turn", () => {
  it("obeys server VAD's settings", () => {
    const found = [silenceBeforeTurnEndMs(server), prefixPaddingMs(server), detectionThresholdRatio(server)];
    expect(found).toEqual([250, 120, 0.7]);
  });

  it("comes sooner the more eager semantic VAD is", () => {
    const waits = (["low", "medium", "high"] as const).map((eagerness) =>
      silenceBeforeTurnEndMs({
        type: "semantic_vad",
        eagerness,
        createResponse: true,
        interruptResponse: true,
      }),
    );
    expect(waits).toEqual([...waits].sort((a, b) => b - a));
    expect(new Set(waits).size).toBe(3);
  });
});
