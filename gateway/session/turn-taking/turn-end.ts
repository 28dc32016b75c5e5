/** When a turn is over: pure decisions on the clock of samples. */
import type { TurnDetection } from "../domain.ts";

/** Silence that ends a turn by eagerness, until the words decide too. */
const semanticSilenceMs = { low: 1_200, medium: 800, auto: 800, high: 400 } as const;

/**
 * How long the speaker must be silent before the turn is over.
 *
 * @returns milliseconds after the last voiced sample
 */
export function silenceBeforeTurnEndMs(detection: TurnDetection): number {
  return detection.type === "server_vad"
    ? detection.silenceDurationMs
    : semanticSilenceMs[detection.eagerness];
}

/** Audio before the onset that belongs to the utterance, in ms. */
export function prefixPaddingMs(detection: TurnDetection): number {
  return detection.type === "server_vad" ? detection.prefixPaddingMs : 300;
}

/** What the voice detector is told. */
export function detectionThresholdRatio(detection: TurnDetection): number {
  return detection.type === "server_vad" ? detection.thresholdRatio : 0.5;
}
