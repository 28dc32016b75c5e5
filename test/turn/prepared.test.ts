import { describe, expect, it } from "vitest";
import type { TtsEvent, TtsRequest } from "../../gateway/providers/provider.ts";
import {
  createPreparedSentences,
  preparedAudioMaxMs,
  preparedSentences,
} from "../../gateway/turn/prepared.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";
import { createFakeProvider, sound } from "../resilience/fake-providers.ts";
import { createFakeClock } from "./fake-clock.ts";

const codes = Object.keys(preparedSentences);

function tone(hz: number, sampleRateHz: number, samples: number): Int16Array {
  return Int16Array.from(
    { length: samples },
    (_, index) => 10_000 * Math.sin((2 * Math.PI * hz * index) / sampleRateHz),
  );
}

function rms(pcm: Int16Array): number {
  return Math.sqrt(pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length);
}

describe("prepared sentences", () => {
  const options = () => ({
    clock: createFakeClock(),
    voice: "v",
    signal: new AbortController().signal,
    renderMs: 1000,
  });

  it("have no audio before they are rendered, and then at every rate", async () => {
    const prepared = createPreparedSentences();
    expect(prepared.audio("provider_timeout", 24000)).toBeNull();
    const tts = createFakeProvider<TtsRequest, TtsEvent>("tts", [sound(1200), sound(1200)]);
    expect(await prepared.warm(tts, options())).toBe(codes.length);
    expect(tts.calls.map(({ request }) => request.text)).toEqual(Object.values(preparedSentences));
    for (const rate of [24000, 16000, 8000] as const) {
      expect(prepared.audio("provider_timeout", rate)).toHaveLength(rate / 10);
      expect(prepared.audio("no_such_code", rate)).toHaveLength(rate / 10);
    }
  });

  it("belong to the one who asked: changing a copy changes no other", async () => {
    const prepared = createPreparedSentences();
    await prepared.warm(createFakeProvider<TtsRequest, TtsEvent>("tts", [sound(100)]), options());
    prepared.audio("provider_timeout", 24000)!.fill(0);
    expect(prepared.audio("provider_timeout", 24000)![5]).toBe(5000);
  });

  it("render what failed the next time, and keep none that is too long", async () => {
    const prepared = createPreparedSentences();
    const failing = createFakeProvider<TtsRequest, TtsEvent>("tts", (_, call) =>
      call === 1 ? [{ fail: "provider_timeout" }] : [sound(100)],
    );
    expect(await prepared.warm(failing, options())).toBe(codes.length - 1);
    expect(await prepared.warm(failing, options())).toBe(codes.length);
    expect(failing.calls).toHaveLength(codes.length + 1);
    const long = createFakeProvider<TtsRequest, TtsEvent>("tts", [
      sound((preparedAudioMaxMs / 1000) * 24_000 + 1),
    ]);
    expect(await createPreparedSentences().warm(long, options())).toBe(0);
  });
});

describe("resample", () => {
  it.each([8000, 16000])("keeps what %i Hz can hold and drops what it can't", (rate) => {
    const low = resampleWhole(tone(1000, 24_000, 24_000), 24_000, rate);
    expect(low).toHaveLength(rate);
    expect(rms(low)).toBeCloseTo(rms(tone(1000, rate, rate)), -2);
    const high = resampleWhole(tone(rate / 2 + 1500, 24_000, 24_000), 24_000, rate);
    expect(rms(high)).toBeLessThan(150);
  });
});
