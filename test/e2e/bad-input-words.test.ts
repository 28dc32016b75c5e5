/** Bad audio in which the words still matter: heard by the embedded recogniser. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { joinSamples } from "../../loadtest/callers/samples.ts";
import { type RunningGateway, scriptedEngines, startGateway } from "../support/gateway.ts";
import { SeededRandom } from "../support/random.ts";
import { silence } from "../support/speech.ts";
import { wordErrorRatio } from "../support/word-errors.ts";
import {
  atFullScale,
  atLevel,
  mulaw,
  offset,
  overdrive,
  pcm24,
  RoughCaller,
  rateOf,
  speechFor,
  startToleranceMs,
  type WireFormat,
} from "./rough-caller.ts";
import { protocolScript } from "./scripted-gateway.ts";

const sentence = "Please tell me what the weather will be like in the mountains tomorrow morning.";
/** A small recogniser on a synthetic voice gets one or two of these words wrong at times. */
const usualErrorRatio = 0.25;
const beforeMs = 1000;
const seed = 45;

interface Line {
  name: string;
  format?: WireFormat;
  /** What becomes of the speech on its way, silence before it included. */
  spoil: (pcm: Int16Array, rateHz: number) => Int16Array;
  /** How far the turn's edges may lie from the speech's own; the usual where it is not given. */
  toleranceMs?: number;
  /** Default: as for good audio. */
  maxWordErrorRatio?: number;
}

/** The noise of a microphone's own: about -80 dBFS. */
function hiss(pcm: Int16Array): Int16Array {
  const random = new SeededRandom(seed);
  return pcm.map((sample) => sample + random.below(11) - 5);
}

const lines: readonly Line[] = [
  { name: "clean, to compare", spoil: (pcm) => pcm },
  // Flattened waves: of this, a person understands not much more than half of the words, too.
  {
    name: "12 dB over full scale",
    spoil: (pcm) => overdrive(atFullScale(pcm), 12),
    maxWordErrorRatio: 0.5,
  },
  {
    name: "at -45 dBFS",
    spoil: (pcm, rateHz) => hiss(atLevel(pcm, rateHz, -45)),
    // The first and last sounds of a word are weaker than its vowels, and end in the hiss.
    toleranceMs: 300,
  },
  {
    name: "at -45 dBFS by telephone",
    format: mulaw,
    spoil: (pcm, rateHz) => atLevel(pcm, rateHz, -45),
    toleranceMs: 300,
  },
  { name: "with half of full scale as DC", spoil: (pcm) => offset(overdrive(pcm, -12), 16_000) },
];

// One after the other: the recogniser does one thing at a time, and gives up on what waits too long.
describe("the words of a caller are heard", () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await startGateway({
      script: protocolScript,
      env: { ...scriptedEngines, PARLEY_STT: "embedded" },
    });
  });
  afterAll(() => gateway?.stop());

  test.each(lines)("$name", { timeout: 60_000 }, async (line) => {
    const { format = pcm24, spoil, toleranceMs = startToleranceMs } = line;
    const { maxWordErrorRatio = usualErrorRatio } = line;
    const caller = await RoughCaller.call(gateway, { format, answers: true });
    const rateHz = rateOf(format);
    const speech = await speechFor(format, sentence);
    const pcm = spoil(joinSamples([silence(beforeMs, rateHz), speech]), rateHz);
    const heard = await caller.expectHeard(pcm, beforeMs, toleranceMs);
    expect(wordErrorRatio(sentence, heard), `heard "${heard}"`).toBeLessThanOrEqual(maxWordErrorRatio);
    expect(caller.turns()).toHaveLength(1);
    caller.hangUp();
  });
});
