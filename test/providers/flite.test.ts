import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EndEvent, TtsEvent, TtsRequest } from "../../gateway/providers/provider.ts";
import { createFliteTts, fliteVoiceOf } from "../../gateway/providers/tts/flite.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import type { SpeechProcesses } from "../../workers/speech/supervise.ts";
import { callContext, collect, describeProviderContract } from "../contract/providers/provider-contract.ts";
import { joinPcm, startEngines } from "./engines.ts";

const clock = createSystemClock();
const long =
  "The library, which stands by the river, opens at nine in the morning, and it closes again at eight at night.";
const request: TtsRequest = { text: long, voice: "alloy", speedRatio: 1, sampleRateHz: 24000 };

describe("the embedded voice", () => {
  let speech: SpeechProcesses;
  let tts: ReturnType<typeof createFliteTts>;
  beforeAll(async () => {
    speech = await startEngines();
    tts = createFliteTts({ socketPath: speech.sockets.voices, clock });
    await tts.warm?.();
  });
  afterAll(async () => {
    await tts.close?.();
    await speech.close();
  });

  const speak = (changes: Partial<TtsRequest> = {}) =>
    collect(tts.stream({ ...request, ...changes }, callContext(new AbortController().signal)));
  const pcmOf = (events: (TtsEvent | EndEvent)[]) =>
    joinPcm(events.flatMap((event) => (event.type === "audio" ? [event.pcm] : [])));
  const wordsOf = (events: (TtsEvent | EndEvent)[]) => events.filter((event) => event.type === "word");

  it("begins to sound within some 20 ms of its first sample", async () => {
    const pcm = pcmOf(await speak());
    const first = pcm.findIndex((sample) => Math.abs(sample) > 500);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(24 * 60);
  });

  it("marks every word of the text before the audio that holds it", async () => {
    const events = await speak();
    expect(
      wordsOf(events)
        .map((word) => word.text)
        .join(" "),
    ).toBe(long);
    let passed = 0;
    let previous = -1;
    for (const event of events) {
      if (event.type === "audio") passed += event.pcm.length;
      if (event.type !== "word") continue;
      expect(event.fromSample).toBeGreaterThanOrEqual(Math.max(previous, passed - 1));
      previous = event.fromSample;
    }
    expect(previous).toBeLessThan(passed);
  });

  it("hands audio on in chunks of at most 200 ms", async () => {
    const chunks = (await speak()).filter((event) => event.type === "audio");
    expect(chunks.length).toBeGreaterThan(10);
    expect(Math.max(...chunks.map((chunk) => chunk.pcm.length))).toBeLessThanOrEqual(4800);
  });

  it("leaves a natural silence after a sentence", async () => {
    const pcm = pcmOf(await speak({ text: "That is all." }));
    const last = pcm.findLastIndex((sample) => Math.abs(sample) > 300);
    const silenceMs = (pcm.length - last) / 24;
    expect(silenceMs).toBeGreaterThanOrEqual(150);
    expect(silenceMs).toBeLessThanOrEqual(300);
  });

  it("speaks at the rate and speed asked for", async () => {
    const base = pcmOf(await speak()).length / 24000;
    expect(pcmOf(await speak({ sampleRateHz: 16000 })).length / 16000).toBeCloseTo(base, 2);
    expect(pcmOf(await speak({ sampleRateHz: 8000 })).length / 8000).toBeCloseTo(base, 2);
    expect(base / (pcmOf(await speak({ speedRatio: 1.5 })).length / 24000)).toBeCloseTo(1.5, 1);
    expect(base / (pcmOf(await speak({ speedRatio: 0.5 })).length / 24000)).toBeCloseTo(0.5, 1);
  });

  it("knows OpenAI's voices and takes a woman's for a name unknown", () => {
    expect(["alloy", "marin", "cedar", "ASH", "rms", "constructor"].map(fliteVoiceOf)).toEqual([
      "slt",
      "slt",
      "rms",
      "rms",
      "rms",
      "slt",
    ]);
  });

  it("counts characters and audio", async () => {
    const events = await speak();
    const audioMs = Math.round(pcmOf(events).length / 24);
    expect(events.at(-1)).toMatchObject({ usage: { characters: long.length, audioMs } });
  });

  it("completes without audio when there is nothing to say", async () => {
    expect(await speak({ text: " — " })).toMatchObject([{ type: "end", outcome: "completed" }]);
  });

  it("refuses a text that is too long", async () => {
    expect(await speak({ text: "word ".repeat(500) })).toMatchObject([
      { type: "end", outcome: "failed", error: { code: "provider_rejected", retryable: false } },
    ]);
  });

  it("says every sample once when its process is killed in the middle", async () => {
    const text = `${long} ${long} ${long} ${long}`;
    const undisturbed = pcmOf(await speak({ text }));
    const parts: Int16Array[] = [];
    const words: string[] = [];
    let killed = false;
    for await (const event of tts.stream({ ...request, text }, callContext(new AbortController().signal))) {
      if (event.type === "word") words.push(event.text);
      if (event.type === "end") expect(event.outcome).toBe("completed");
      if (event.type !== "audio") continue;
      parts.push(event.pcm);
      if (!killed) process.kill(speech.states().voices.pid!, "SIGKILL");
      killed = true;
    }
    expect(joinPcm(parts)).toEqual(undisturbed);
    expect(words.join(" ")).toBe(text);
  });
});

describeProviderContract("embedded voice", async () => {
  const speech = await startEngines();
  const tts = createFliteTts({ socketPath: speech.sockets.voices, clock });
  return {
    provider: tts,
    request,
    openRequest: { ...request, text: Array.from({ length: 15 }, () => long).join(" ") },
    inFlight: () => tts.inFlight,
    close: () => speech.close(),
  };
});
