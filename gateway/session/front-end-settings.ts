/** What the audio thread is told of a session. */
import type { FrontEndSettings, InputFormat } from "../../workers/audio/messages.ts";
import type { AudioFormat, SessionConfig } from "./domain.ts";
import { detectionThresholdRatio } from "./turn-taking/turn-end.ts";

export interface ListeningSettings {
  /** Signal that the voice detector and the recogniser take. */
  vadInput: "raw" | "gated";
  sttInput: "raw" | "gated";
  /** Levels are reported to the client. */
  levels?: boolean;
  /** The client has no echo cancellation. */
  echoGuard?: boolean;
}

/** Between two `level` reports. */
const levelIntervalMs = 96;

/** The bus's name for a wire format. */
export function inputFormat(format: AudioFormat): InputFormat {
  switch (format.type) {
    case "audio/pcm":
      return { encoding: "pcm16", sampleRateHz: format.rate };
    case "audio/pcmu":
      return { encoding: "pcmu", sampleRateHz: 8000 };
    case "audio/pcma":
      return { encoding: "pcma", sampleRateHz: 8000 };
  }
}

export function frontEndSettings(config: SessionConfig, listening: ListeningSettings): FrontEndSettings {
  const { format, noiseReduction, turnDetection } = config.input;
  return {
    input: inputFormat(format),
    noiseReduction,
    vad: turnDetection ? { thresholdRatio: detectionThresholdRatio(turnDetection) } : null,
    vadInput: noiseReduction === null ? "raw" : listening.vadInput,
    keepGated: noiseReduction !== null && listening.sttInput === "gated",
    levelIntervalMs: listening.levels === true ? levelIntervalMs : null,
    echoGuard: listening.echoGuard === true,
  };
}
