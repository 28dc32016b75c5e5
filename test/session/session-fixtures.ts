/** What sessions in tests begin with. */
import type { SessionConfig, TurnDetection } from "../../gateway/session/domain.ts";
import type { SessionLimits } from "../../gateway/session/state.ts";
import type { TurnEndDetector } from "../../gateway/session/turn-taking/turn-end.ts";

/** Waits 1,000 ms without words, 300 ms after a full stop, 2,000 ms after other words; eagerness halves or doubles it. */
export const plainTurnEnds: TurnEndDetector = {
  waitMs({ words }, eagerness) {
    const waitMs = words === null ? 1_000 : words.endsWith(".") ? 300 : 2_000;
    return waitMs * { low: 2, medium: 1, auto: 1, high: 0.5 }[eagerness];
  },
};

export const sessionLimits: SessionLimits = {
  maxItems: 50,
  maxItemChars: 100_000,
  maxResponses: 4,
  responsesPerMinute: 10_000,
  maxTurnMs: 60_000,
  bargeInMs: 500,
  duckMs: 220,
  minCommitMs: 100,
};

/** Server VAD with the vendor's defaults, PCM both ways. */
export function sessionConfig(detection: {
  interruptResponse?: boolean;
  createResponse?: boolean;
}): SessionConfig {
  return {
    model: "parley",
    instructions: "",
    outputModality: "audio",
    input: {
      format: { type: "audio/pcm", rate: 24000 },
      noiseReduction: null,
      transcription: {},
      turnDetection: {
        type: "server_vad",
        thresholdRatio: 0.5,
        prefixPaddingMs: 300,
        silenceDurationMs: 500,
        idleTimeoutMs: null,
        createResponse: true,
        interruptResponse: true,
        ...detection,
      },
    },
    output: { format: { type: "audio/pcm", rate: 24000 }, voice: "slt", speedRatio: 1 },
    tools: [],
    toolChoice: "auto",
    maxOutputTokens: null,
    echoed: {},
  };
}

/** The same with another way to find a turn's end; null: by hand. */
export function withDetection(turnDetection: TurnDetection | null): SessionConfig {
  const config = sessionConfig({});
  return { ...config, input: { ...config.input, turnDetection } };
}
