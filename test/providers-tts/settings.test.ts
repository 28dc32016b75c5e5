import { afterEach, describe, expect, it } from "vitest";
import { languageOfVoice } from "../../gateway/providers/tts/google.ts";
import { createVoiceBook, refusedVoice } from "../../gateway/providers/tts/vendor-voices.ts";
import { keyFault } from "../../gateway/providers/vendor-fault.ts";
import { openStage, say, type VoiceStage, voices } from "./voice-stage.ts";

let stage: VoiceStage | null = null;
afterEach(async () => {
  await stage?.close();
  stage = null;
});

describe.each(Object.entries(voices))("the settings of %s", (name, voice) => {
  const check = async () => stage!.provider.check!(AbortSignal.timeout(5000));

  it("are right when they are", async () => {
    stage = await openStage(voice);
    expect(await check()).toBeNull();
  });

  it("with a voice that the vendor has not are named", async () => {
    // OpenAI has no list of voices: its first call tells.
    stage = await openStage(voice, {
      voice: name.startsWith("google") ? "en-US-Chirp3-HD-Nobody" : "Nobody",
    });
    if (name !== "openai") {
      const fault = await check();
      expect(fault).toMatchObject({ code: "provider_rejected", blame: "key", retryable: false });
      expect(fault?.message).toMatch(/no voice .*Nobody/);
    }
    expect((await say(stage)).end.error).toMatchObject({ code: "provider_rejected", blame: "key" });
  });

  it.skipIf(voice.foreignVoice === "")("with a voice of another language are named", async () => {
    stage = await openStage(voice, { voice: voice.foreignVoice });
    expect(await check()).toMatchObject({
      blame: "key",
      message: expect.stringContaining("does not speak en-US"),
    });
  });

  it.skipIf(name.startsWith("google"))("without a key are refused, by check and call", async () => {
    stage = await openStage(voice, { apiKey: "" });
    // OpenAI's SDK sends some key in any case.
    if (name === "openai") return expect(await check()).toBeNull();
    expect(await check()).toMatchObject({ blame: "key" });
    expect((await say(stage)).end.error).toMatchObject({ code: "provider_rejected", blame: "key" });
  });

  it.skipIf(name.startsWith("google"))("with an unknown model are refused", async () => {
    stage = await openStage(voice, { model: "sonata-99" });
    expect(await check()).toMatchObject({ blame: "key" });
    expect((await say(stage)).end.error).toMatchObject({ code: "provider_rejected", blame: "key" });
  });

  it("let a session's own voice speak if the vendor has it, else the configured one", async () => {
    const own = { openai: "verse", elevenlabs: "George", cartesia: "british reading lady" }[name];
    stage = await openStage(voice);
    await stage.provider.warm?.();
    for (const asked of [own ?? "en-US-Chirp3-HD-Puck", "somebody's own voice", "x".repeat(128)])
      expect((await say(stage, { voice: asked })).end.outcome).toBe("completed");
  });

  it.skipIf(name === "openai")("blame nobody for a session's voice that is listed and refused", async () => {
    stage = await openStage(voice);
    await stage.provider.warm?.();
    const listed = name.startsWith("google") ? "Kore" : "Walter";
    const { end } = await say(stage, { voice: listed });
    // Google's are known by their names, and not asked for.
    if (end.outcome === "failed") expect(end.error).toMatchObject({ blame: "request" });
    else expect(name).toMatch(/google/);
    expect((await say(stage, { voice: listed })).end.outcome).toBe("completed");
  });

  it.each([0.25, 0.65, 1.2, 1.5])("take any speed that a session may want (%f)", async (speedRatio) => {
    stage = await openStage(voice);
    expect((await say(stage, { speedRatio })).end.outcome).toBe("completed");
  });

  it("refuse a text that is too long before the vendor has to", async () => {
    stage = await openStage(voice);
    const { end } = await say(stage, { text: "word ".repeat(1100) });
    expect(end.error).toMatchObject({ code: "provider_rejected", blame: "request" });
    expect(stage.world.calls()).toEqual([]);
  });
});

describe("Cartesia's models", () => {
  const check = async (model: string) => {
    stage = await openStage(voices.cartesia!, { model });
    return stage.provider.check!(AbortSignal.timeout(5000));
  };

  it.each(["sonic-3", "sonic-3-2026-01-12", "sonic-latest"])("have %s among them", async (model) => {
    expect(await check(model)).toBeNull();
  });

  it("have no others", async () => {
    expect(await check("sonic-33")).toMatchObject({
      blame: "key",
      message: expect.stringContaining("model"),
    });
  });
});

describe("ElevenLabs' model", () => {
  it.each(["de-AT", "nb-NO", "th"])("is told a language (%s) only if it speaks it", async (language) => {
    stage = await openStage(voices.elevenlabs!);
    await stage.provider.warm?.();
    expect((await say(stage, { language })).end.outcome).toBe("completed");
  });
});

it("ElevenLabs is not blamed for a language that nobody knew it does not speak", async () => {
  stage = await openStage(voices.elevenlabs!);
  const { end } = await say(stage, { language: "th" });
  expect(end).toMatchObject({ outcome: "failed", error: { blame: "request" } });
});

describe("a vendor's voices", () => {
  const book = createVoiceBook("fallback");
  const refused = (message: string) => book.judge(keyFault(message), "v1")?.blame;

  it("are known after a refusal that was about the key, and forgotten after one that was about them", () => {
    book.learn([{ id: "v1", name: "Own", languages: [] }]);
    expect([refused("the vendor refused: the key may not do that (403)"), book.idOf("own")]).toEqual([
      "key",
      "v1",
    ]);
    expect([refused(`${refusedVoice}, or not in that language`), book.idOf("own")]).toEqual([
      "request",
      "fallback",
    ]);
    expect(book.judge(keyFault(refusedVoice), "fallback")?.blame).toBe("key");
  });
});

describe("a voice of Google's", () => {
  it("that needs a model is not taken for one that can be spoken with", async () => {
    stage = await openStage(voices["google at once"]!, { voice: "Kore" });
    expect(await stage.provider.check!(AbortSignal.timeout(5000))).toMatchObject({
      ...{ blame: "key", message: "the vendor has no voice Kore" },
    });
  });

  it.each([
    ["en-US-Chirp3-HD-Aoede", "en-US"],
    ["cmn-CN-Standard-A", "cmn-CN"],
    ["es-419-Neural2-A", "es-419"],
    ["Aoede", ""],
  ])("%s speaks %s", (voice, language) => expect(languageOfVoice(voice)).toBe(language));
});
