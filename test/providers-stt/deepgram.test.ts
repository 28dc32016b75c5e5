import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { createDeepgramStt, deepgramLanguage } from "../../gateway/providers/stt/deepgram.ts";
import { deepgramPhraseLimits, phrasesOf } from "../../gateway/providers/stt/prompt-phrases.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import { callContext, collect } from "../contract/providers/provider-contract.ts";
import { rangeOf, samplesFrom, silence } from "../providers/engines.ts";
import { countWordErrors } from "../support/word-errors.ts";
import { finalOf, hear, LiveAudio, openBench, say, type VendorBench } from "./vendors.ts";

const sentence = "The train to the city leaves every twenty minutes.";
const clock = createSystemClock();

describe("Deepgram's connection", () => {
  let close: () => Promise<void>;
  afterEach(() => close());

  async function open(...options: Parameters<typeof openBench>): Promise<VendorBench> {
    const bench = await openBench(...options);
    close = () => bench.close();
    return bench;
  }

  it("is kept alive while no audio comes", async () => {
    const { world, stt } = await open("deepgram", { deepgram: { keepAliveMs: 600 }, sendKeepAliveMs: 200 });
    const pcm = await say(world, sentence);
    const audio = new LiveAudio();
    const events = collect(stt.stream({ audio }, callContext(new AbortController().signal)));
    audio.speak(pcm.slice(0, 16_000));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    audio.speak(pcm.slice(16_000));
    audio.end();
    expect(countWordErrors(sentence, finalOf(await events).text).errors).toBe(0);
  });

  it("gives the final without waiting where the pause was transcribed", async () => {
    const { world, stt } = await open("deepgram");
    const pcm = await say(world, sentence);
    const audio = new LiveAudio();
    audio.speak(pcm);
    audio.pause();
    audio.speak(silence(300));
    let covered = false;
    for await (const event of stt.stream({ audio }, callContext(new AbortController().signal))) {
      if (event.type === "partial" && (event.untilSample ?? 0) >= pcm.length && !covered) {
        covered = true;
        // From here on the vendor says nothing any more; the call must not need it.
        await world.faults.set("deepgram", { kind: "hang" });
        audio.speak(silence(100));
        audio.end();
      }
    }
    expect(covered).toBe(true);
  });

  it("counts at the vendor as completed once its words were there, and as cancelled before", async () => {
    const { world, stt } = await open("deepgram");
    const pcm = await say(world, sentence);
    const outcomes = () => world.calls().map(({ outcome }) => outcome);
    const whole = new LiveAudio();
    whole.speak(pcm);
    whole.end();
    await collect(stt.stream({ audio: whole }, callContext(new AbortController().signal)));
    await expect.poll(outcomes).toEqual(["completed"]);
    const left = new AbortController();
    const half = new LiveAudio();
    half.speak(pcm.slice(0, 16_000));
    const events = collect(stt.stream({ audio: half }, callContext(left.signal)));
    await expect.poll(outcomes).toEqual(["completed", "open"]);
    left.abort();
    await events.catch(() => {});
    await expect.poll(outcomes).toEqual(["completed", "cancelled"]);
  });

  it("joins what became final in between", async () => {
    const { world, stt } = await open("deepgram");
    const texts = [sentence, "She bought three apples and a loaf of bread.", "The river is very cold."];
    const audio = new LiveAudio();
    const events = collect(stt.stream({ audio }, callContext(new AbortController().signal)));
    for (const text of texts) {
      const pcm = await say(world, text);
      for (let at = 0; at < pcm.length; at += 1600) {
        audio.speak(pcm.slice(at, at + 1600));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      audio.speak(silence(800));
    }
    audio.end();
    const final = finalOf(await events);
    expect(countWordErrors(texts.join(" "), final.text).errors).toBe(0);
  });

  it("carries key, model, language and the words to expect", async () => {
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const asked: { url: URL; key: string | undefined; controls: string[] }[] = [];
    sockets.on("connection", (socket, request) => {
      const call = {
        url: new URL(request.url ?? "", "http://x"),
        key: request.headers.authorization,
        controls: [] as string[],
      };
      asked.push(call);
      socket.on("message", (data: Buffer, isBinary: boolean) => {
        if (isBinary) return;
        call.controls.push((JSON.parse(data.toString()) as { type: string }).type);
        if (call.controls.at(-1) !== "CloseStream") return;
        socket.send(JSON.stringify({ type: "Metadata", duration: 1 }));
        socket.close(1000);
      });
    });
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    const stt = createDeepgramStt({ clock, apiKey: "secret", url, model: "nova-3", language: "en-US" });
    close = async () => {
      await stt.close?.();
      for (const socket of sockets.clients) socket.terminate();
      server.close();
    };
    const pieces = [...samplesFrom(0, silence(300)), { type: "end" as const, atSample: 4_800 }];
    expect(finalOf(await hear(stt, pieces, { language: "de", prompt: "Parley; Zürich" })).text).toBe("");
    expect(asked).toHaveLength(1);
    const { url: called, key, controls } = asked[0]!;
    expect(key).toBe("Token secret");
    expect(called.pathname).toBe("/v1/listen");
    expect(called.searchParams.getAll("keyterm")).toEqual(["Parley", "Zürich"]);
    expect(Object.fromEntries(called.searchParams)).toMatchObject({
      ...{ model: "nova-3", language: "de", encoding: "linear16", sample_rate: "16000" },
      ...{ interim_results: "true", endpointing: "false" },
    });
    expect(controls).toEqual(["Finalize", "CloseStream"]);
  });

  it("takes a language that Deepgram doesn't know for the request's fault, a model for the settings'", async () => {
    const { world, stt } = await open("deepgram");
    const audio = rangeOf([...samplesFrom(0, silence(200)), { type: "end", atSample: 3_200 }]);
    await world.faults.set("deepgram", { kind: "unknown_model" });
    const { signal } = new AbortController();
    const asked = await collect(stt.stream({ audio, language: "tlh" }, callContext(signal)));
    expect(asked.at(-1)).toMatchObject({ error: { blame: "request" } });
    // Phrases can be too many as well.
    const expecting = await collect(stt.stream({ audio, prompt: "Parley" }, callContext(signal)));
    expect(expecting.at(-1)).toMatchObject({ error: { blame: "request" } });
    expect((await collect(stt.stream({ audio }, callContext(signal)))).at(-1)).toMatchObject({
      error: { blame: "key" },
    });
  });
});

describe("what Deepgram is asked for", () => {
  it.each([
    ["de-DE", "de"],
    ["en-us", "en-US"],
    ["en-CA", "en"],
    ["pt_BR", "pt-BR"],
    ["zh-hant", "zh-Hant"],
    ["nb-NO", "no"],
    ["multi", "multi"],
  ])("is a language that it knows: %s is %s", (language, asked) => {
    expect(deepgramLanguage(language)).toBe(asked);
  });

  it("is no more phrases than it takes", () => {
    const codes = Array.from({ length: 200 }, (_, at) => `Z\u00fcrich ${at}`);
    const phrases = phrasesOf(codes.join(", "), deepgramPhraseLimits);
    expect(phrases.length).toBeGreaterThan(20);
    expect(phrases).toEqual(codes.slice(0, phrases.length));
    expect(Buffer.byteLength(phrases.join(" "))).toBeLessThanOrEqual(500);
  });
});
