import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TtsEvent, Usage } from "../../gateway/providers/provider.ts";
import { createAlignmentReader } from "../../gateway/providers/tts/alignment-words.ts";
import { rateFault } from "../../gateway/providers/tts/context-speech.ts";
import {
  audioMaxMs,
  bytesOfBase64,
  openAudioIntake,
  readWavHeader,
} from "../../gateway/providers/tts/vendor-audio.ts";
import { wavOf } from "../support/speech.ts";

function intakeOf(vendorRateHz: number | "wav", sampleRateHz: 8000 | 16000 | 24000 = 24000) {
  const events: TtsEvent[] = [];
  const usage: Usage = {};
  const intake = openAudioIntake(
    { emit: (event) => events.push(event), usage },
    { sampleRateHz },
    vendorRateHz,
  );
  const heard = () => events.flatMap((event) => (event.type === "audio" ? [...event.pcm] : []));
  return { intake, heard, usage };
}

const ramp = Int16Array.from({ length: 500 }, (_, at) => (at * 131) % 65_536);
const rampBytes = new Uint8Array(ramp.buffer);

function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...new Set([...places.map((place) => place % bytes.length), bytes.length])].sort(
    (a, b) => a - b,
  );
  return ends.map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end));
}

describe("a vendor's bytes", () => {
  it("give the same samples wherever the network cuts them", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 5000 }), { maxLength: 20 }), fc.boolean(), (places, isWav) => {
        const { intake, heard } = intakeOf(isWav ? "wav" : 24000);
        const bytes = isWav ? new Uint8Array(wavOf(ramp, 24000)) : rampBytes;
        for (const part of cutAt(bytes, places)) intake.push(part);
        expect(intake.finish()).toBeNull();
        expect(heard()).toEqual([...ramp]);
      }),
    );
  });

  it("without a header are taken as the rate that was asked for", () => {
    const { intake, heard } = intakeOf("wav");
    intake.push(rampBytes);
    expect(heard()).toEqual([...ramp]);
  });

  it("are resampled from the rate of their header", () => {
    const { intake, heard, usage } = intakeOf("wav", 16000);
    intake.push(new Uint8Array(wavOf(new Int16Array(2400).fill(1000), 24000)));
    expect(intake.finish()).toBeNull();
    expect(heard()).toHaveLength(1600);
    expect(usage.audioMs).toBe(100);
  });

  it("that leave half a sample behind lose only that", () => {
    const { intake, heard } = intakeOf(24000);
    intake.push(rampBytes.subarray(0, 7));
    expect(intake.finish()).toBeNull();
    expect(heard()).toHaveLength(3);
  });

  it("that are none are a failure", () => {
    const { intake } = intakeOf(24000);
    intake.push(new Uint8Array(0));
    expect(intake.finish()).toMatchObject({ code: "provider_unavailable", blame: "vendor" });
  });

  it("that do not end are given up", () => {
    const { intake } = intakeOf(8000, 8000);
    const second = new Uint8Array(16_000);
    expect(() => {
      for (let at = 0; at <= audioMaxMs / 1000; at += 1) intake.push(second);
    }).toThrow("does not end");
  });

  it.each([
    ["stereo", 22, 2],
    ["eight bits", 34, 8],
    ["a rate that nothing has", 24, 7],
  ])("with a header of %s are refused", (_what, at, value) => {
    const file = wavOf(ramp, 24000);
    file.writeUInt16LE(value, at);
    file.writeUInt16LE(0, 26);
    expect(() => readWavHeader(new Uint8Array(file))).toThrow("malformed");
  });

  it("that are no base64 are refused", () => {
    expect([...bytesOfBase64("AQI=")]).toEqual([1, 2]);
    for (const bad of ["A*==", 7, null, "AAAA====A"]) expect(() => bytesOfBase64(bad)).toThrow("malformed");
  });
});

describe("the alignment of characters", () => {
  const alignmentOf = (text: string, startsMs: number[]) => ({
    alignment: { chars: [...text], charStartTimesMs: startsMs, charDurationsMs: startsMs.map(() => 10) },
  });

  it("counts from the audio that came before", () => {
    const reader = createAlignmentReader("one two three");
    expect(reader.take(alignmentOf("one ", [0, 10, 20, 30]), 0)).toEqual([{ text: "one", fromMs: 0 }]);
    expect(reader.take(alignmentOf("two", [5, 15, 25]), 40)).toEqual([{ text: "two", fromMs: 45 }]);
    expect(reader.take(alignmentOf(" three", [0, 10, 20, 30, 40, 50]), 80)).toEqual([
      { text: "three", fromMs: 90 },
    ]);
    expect(reader.spokenMs).toBe(130);
  });

  it("names a word whole that two messages cut, and only once", () => {
    const reader = createAlignmentReader("wonderful, day");
    expect(reader.take(alignmentOf("wond", [0, 1, 2, 3]), 0)).toEqual([{ text: "wonderful,", fromMs: 0 }]);
    expect(reader.take(alignmentOf("erful, d", [0, 1, 2, 3, 4, 5, 6, 7]), 50)).toEqual([
      { text: "day", fromMs: 57 },
    ]);
  });

  it("is taken as it is where it clearly counts from the beginning", () => {
    const reader = createAlignmentReader("one two");
    reader.take(alignmentOf("one ", [0, 10, 20, 30]), 0);
    expect(reader.take(alignmentOf("two", [2010, 2020, 2030]), 2000)).toEqual([
      { text: "two", fromMs: 2010 },
    ]);
  });

  it.each([
    [{ alignment: null }],
    [{ alignment: { chars: ["a"], charStartTimesMs: [], charDurationsMs: [1] } }],
    [{ alignment: { chars: [1], charStartTimesMs: [0], charDurationsMs: [1] } }],
    [{ alignment: { chars: ["a"], charStartTimesMs: [Number.NaN], charDurationsMs: [1] } }],
  ])("is left out where it makes no sense: %j", (message) => {
    expect(createAlignmentReader("a").take(message, 0)).toEqual([]);
  });
});

describe("audio and words", () => {
  it.each([
    [2000, 2000, true],
    [2900, 2000, true],
    [1800, 2000, true],
    [5000, 0, true],
    [3750, 2500, false],
    [1667, 2500, false],
  ])("of %i and %i ms are of one rate: %s", (audioMs, wordsMs, isFine) => {
    expect(rateFault(audioMs, wordsMs) === null).toBe(isFine);
  });
});
