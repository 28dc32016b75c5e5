/** With the folder of a Piper or Kokoro voice in LOCAL_VOICE_DIR; `docs/local-engines.md` says how to get one. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { EndEvent, TtsEvent, TtsRequest } from "../../gateway/providers/provider.ts";
import { createWhisperStt } from "../../gateway/providers/stt/whisper.ts";
import { createLocalTts } from "../../gateway/providers/tts/local.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import type { SpeechProcesses } from "../../workers/speech/supervise.ts";
import { callContext, collect, describeProviderContract } from "../contract/providers/provider-contract.ts";
import { countWordErrors } from "../support/word-errors.ts";
import { joinPcm, rangeOf, samplesFrom, startEngines } from "./engines.ts";

const clock = createSystemClock();
const folder = process.env.LOCAL_VOICE_DIR ?? "";
const missing = "LOCAL_VOICE_DIR names no folder of a voice";
const sentences = [
  "The train to the city leaves every twenty minutes.",
  "She bought three apples and a loaf of bread.",
  "Please turn off the lights in the kitchen.",
  "Where did you put the keys to the car?",
];
const request: TtsRequest = { text: sentences[0]!, voice: "alloy", speedRatio: 1, sampleRateHz: 16000 };
const long = "The library, which stands by the river, opens at nine in the morning. It closes at eight.";

function pcmOf(events: readonly (TtsEvent | EndEvent)[]): Int16Array {
  return joinPcm(events.flatMap((event) => (event.type === "audio" ? [event.pcm] : [])));
}

function startVoice(speech: SpeechProcesses, language = "en") {
  return createLocalTts({ socketPath: speech.sockets["local-voices"]!, clock, voice: "", language });
}

describe.skipIf(folder === "")(`a local voice (${folder === "" ? missing : "from LOCAL_VOICE_DIR"})`, () => {
  let speech: SpeechProcesses;
  let tts: ReturnType<typeof createLocalTts>;
  beforeAll(async () => {
    speech = await startEngines({ local: { "local-voices": folder } });
    tts = startVoice(speech);
    await tts.warm?.();
  }, 60_000);
  afterAll(async () => {
    await tts.close?.();
    await speech.close();
  });

  const speak = (changes: Partial<TtsRequest> = {}) =>
    collect(tts.stream({ ...request, ...changes }, callContext(new AbortController().signal)));

  it("says what the embedded recogniser understands", async () => {
    const stt = createWhisperStt({ socketPath: speech.sockets.recogniser, clock });
    await stt.warm?.();
    let errors = 0;
    let words = 0;
    for (const text of sentences) {
      const pcm = pcmOf(await speak({ text }));
      const heard = await collect(
        stt.stream(
          { audio: rangeOf([...samplesFrom(0, pcm), { type: "end", atSample: pcm.length }]) },
          callContext(new AbortController().signal),
        ),
      );
      const final = heard.find((event) => event.type === "final");
      const counted = countWordErrors(text, final?.type === "final" ? final.text : "");
      errors += counted.errors;
      words += counted.words;
    }
    await stt.close?.();
    expect(errors / words).toBeLessThanOrEqual(0.1);
  }, 60_000);

  it("speaks at the rate and speed asked for", async () => {
    const seconds = async (changes: Partial<TtsRequest>) =>
      pcmOf(await speak({ text: long, ...changes })).length / (changes.sampleRateHz ?? 16000);
    const base = await seconds({});
    // Neural voices never say a sentence twice alike.
    for (const sampleRateHz of [8000, 24000] as const) {
      expect((await seconds({ sampleRateHz })) / base).toBeCloseTo(1, 0);
    }
    expect(base / (await seconds({ speedRatio: 1.5 }))).toBeGreaterThan(1.2);
    expect(base / (await seconds({ speedRatio: 0.5 }))).toBeLessThan(0.75);
  }, 60_000);

  it("hands the first clause on before the rest is made, in chunks of at most 200 ms", async () => {
    let atFirst = 0;
    let made = 0;
    for await (const event of tts.stream(
      { ...request, text: `${long} ${long}` },
      callContext(new AbortController().signal),
    )) {
      if (event.type !== "audio") continue;
      expect(event.pcm.length).toBeLessThanOrEqual(3200);
      if (made === 0) atFirst = tts.inFlight;
      made += event.pcm.length;
    }
    expect(atFirst).toBe(1);
    expect(made).toBeGreaterThan(16000 * 5);
  }, 60_000);

  it("counts characters and audio", async () => {
    const events = await speak();
    const audioMs = Math.round(pcmOf(events).length / 16);
    expect(events.at(-1)).toMatchObject({ usage: { characters: request.text.length, audioMs } });
  });

  it("completes without audio when there is nothing to say", async () => {
    expect(await speak({ text: " — " })).toMatchObject([{ type: "end", outcome: "completed" }]);
  });

  it("refuses another language than its own, and a text that is too long", async () => {
    const refused = [{ type: "end", outcome: "failed", error: { code: "provider_rejected" } }];
    expect(await speak({ language: "de" })).toMatchObject(refused);
    expect(await speak({ text: "word ".repeat(500) })).toMatchObject(refused);
    const german = startVoice(speech, "de");
    await german.warm?.();
    expect(await german.check?.(new AbortController().signal)).toMatchObject({
      ...{ blame: "key", message: expect.stringMatching(/speaks en.*PARLEY_LANGUAGE is de/) },
    });
    await german.close?.();
    expect(await tts.check?.(new AbortController().signal)).toBeNull();
  });

  it("fails the call under way when its process is killed, and is well again after a restart", async () => {
    const events: (TtsEvent | EndEvent)[] = [];
    const text = Array.from({ length: 8 }, () => long).join(" ");
    for await (const event of tts.stream({ ...request, text }, callContext(new AbortController().signal))) {
      if (events.length === 0) process.kill(speech.states()["local-voices"]!.pid!, "SIGKILL");
      events.push(event);
    }
    expect(events.at(-1)).toMatchObject({ outcome: "failed", error: { code: "provider_unavailable" } });
    // Nobody waits for it to come back.
    expect(await speak()).toMatchObject([{ outcome: "failed", error: { code: "provider_unavailable" } }]);
    await tts.warm?.();
    expect((await speak()).at(-1)).toMatchObject({ outcome: "completed" });
  }, 60_000);
});

if (folder !== "") {
  describeProviderContract("local voice", async () => {
    const speech = await startEngines({ local: { "local-voices": folder } });
    const tts = startVoice(speech);
    return {
      provider: tts,
      request,
      openRequest: { ...request, text: Array.from({ length: 15 }, () => long).join(" ") },
      inFlight: () => tts.inFlight,
      close: () => speech.close(),
    };
  });
}

describe("a folder that holds no voice", () => {
  it("is named at the check, in one line, and its calls fail at once while the other engines work", async () => {
    const speech = await startEngines({ local: { "local-voices": "/nonexistent/voice" } });
    const tts = startVoice(speech);
    await tts.warm?.();
    const problem = await tts.check?.(new AbortController().signal);
    const events = await collect(tts.stream(request, callContext(new AbortController().signal)));
    expect(problem).toEqual({
      ...{ code: "provider_rejected", retryable: false, blame: "key" },
      message: "PARLEY_LOCAL_TTS_DIR: there is no such folder, or it can't be read",
    });
    expect(events).toMatchObject([
      { outcome: "failed", error: { code: "provider_unavailable", retryable: false } },
    ]);
    // Its call and its state come over two sockets, in either order.
    await vi.waitFor(() => expect(speech.states()["local-voices"]?.state).toBe("refused"), 10_000);
    expect(speech.states()["local-voices"]?.restarts).toBe(0);
    expect(speech.states().voices.state).not.toBe("down");
    await tts.close?.();
    await speech.close();
  });
});
