import { beforeEach, describe, expect, it } from "vitest";
import { SpeechDetector, windowSamples } from "../../../workers/audio/speech-detector.ts";
import { VoiceEdges } from "../../../workers/audio/voice-edges.ts";

let detector: SpeechDetector;
let at: number;

/** What each window of these probabilities changes. */
function hear(...ratios: number[]): (string | null)[] {
  // Edges that know no energy: the windows alone decide.
  return ratios.map((ratio) => detector.push(windowSamples * at++, ratio, new VoiceEdges())?.type ?? null);
}

beforeEach(() => {
  detector = new SpeechDetector();
  detector.configure({ thresholdRatio: 0.5 });
  at = 0;
});

describe("an onset", () => {
  it("takes two windows of speech", () => {
    expect(hear(0.1, 0.6, 0.1, 0.6, 0.6)).toEqual([null, null, null, null, "onset"]);
  });

  it("takes one that is beyond doubt", () => {
    expect(hear(0.1, 0.75)).toEqual([null, "onset"]);
  });

  it("takes a doubtful one beside one that is not, and never only doubtful ones", () => {
    expect(hear(0.4, 0.4, 0.4, 0.2, 0.4, 0.55)).toEqual([null, null, null, null, null, "onset"]);
  });

  it("moves with the threshold", () => {
    detector.configure({ thresholdRatio: 0.8 });
    expect(hear(0.75, 0.75, 0.75, 0.6, 0.7, 0.85)).toEqual([null, null, null, null, null, "onset"]);
  });

  it("lasts as long as is asked for", () => {
    detector.configure({ thresholdRatio: 0.5, minSpeechMs: 128 });
    expect(hear(0.6, 0.6, 0.6, 0.6)).toEqual([null, null, null, "onset"]);
  });
});

describe("a pause", () => {
  it("takes two windows in a row that are none of speech", () => {
    expect(hear(0.9, 0.4, 0.6, 0.45, 0.45)).toEqual(["onset", null, null, null, "pause"]);
  });

  it("ends as speech begins", () => {
    expect(hear(0.9, 0.1, 0.1, 0.3, 0.4, 0.6)).toEqual(["onset", null, "pause", null, null, "resumed"]);
  });
});
