import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStage, requestOf, say, type VoiceStage, voices } from "./voice-stage.ts";

describe.each(Object.entries(voices))("the voice of %s", (_name, voice) => {
  let stage: VoiceStage;
  beforeAll(async () => {
    stage = await openStage(voice);
    await stage.provider.warm?.();
  });
  afterAll(() => stage.close());

  it.each([8000, 16000, 24000] as const)(
    "speaks at %i Hz what the vendor sent, with its usage",
    async (rate) => {
      const { text } = requestOf();
      const { pcm, end } = await say(stage, { sampleRateHz: rate });
      expect(end).toMatchObject({ outcome: "completed", provider: stage.provider.name });
      const sent = stage.world.calls().at(-1)!.detail;
      expect(sent.text).toBe(text);
      if (sent.sampleRateHz === rate) expect(pcm).toEqual(sent.pcm);
      else expect(pcm.length).toBe(Math.round((sent.pcm!.length * rate) / sent.sampleRateHz!));
      expect(end.usage).toEqual({ characters: text.length, audioMs: Math.round((pcm.length * 1000) / rate) });
    },
  );

  it("says where words begin, before the audio that holds them", async () => {
    const { words } = await say(stage);
    if (!voice.hasWords) return expect(words).toEqual([]);
    const sent = stage.world.calls().at(-1)!.detail.words!;
    expect(words.map(({ text }) => text)).toEqual(requestOf().text.split(" "));
    expect(words.every(({ fromSample, atSample }) => fromSample >= atSample)).toBe(true);
    for (const [at, { fromSample }] of words.entries())
      expect(Math.abs(fromSample - sent[at]!.fromSample)).toBeLessThanOrEqual(24);
  });
});
