import { describe, expect, it } from "vitest";
import type { TtsEvent, TtsRequest } from "../../gateway/providers/provider.ts";
import { preparedSentences } from "../../gateway/turn/prepared.ts";
import type { ReplyEvent } from "../../gateway/turn/reply.ts";
import { replyLimits } from "../../gateway/turn/reply-runner.ts";
import { createFakeProvider, sound, text } from "../resilience/fake-providers.ts";
import type { FakeAi, FakeTts } from "./reply-fixture.ts";
import {
  collect,
  expectOrder,
  manualPlayback,
  markedTts,
  prepareReply,
  runReply,
  sayingAi,
  sentences,
  view,
} from "./reply-fixture.ts";

describe("the rest of a reply that was broken off", () => {
  const recital = "and machines. It is small. Ask me more.";

  it("is no fault where it holds nothing that can be said", async () => {
    const { pieces, end } = await runReply({ request: { recital: "🙂" } });
    expect([pieces, end.outcome]).toEqual([[], "completed"]);
  });

  it("is said as it stands, and nothing is asked of the AI nor looked up", async () => {
    const ai = sayingAi(["Something else."]);
    const retrieve = () => Promise.reject(new Error("looked up"));
    const { events, pieces, end, ledgers } = await runReply({ ai: [ai], request: { recital }, retrieve });
    expectOrder(events);
    expect(pieces.join("")).toBe(recital);
    expect(pieces.length).toBeGreaterThan(1);
    expect(end).toMatchObject({ outcome: "completed" });
    expect(ai.calls).toEqual([]);
    expect(ledgers).toHaveLength(1);
  });

  it("goes on after what was said of it before a restore", async () => {
    const { pieces } = await runReply({ request: { recital, spokenPrefix: "and machines. " } });
    expect(pieces.join("")).toBe("It is small. Ask me more.");
  });

  it("is nothing when all of it was said", async () => {
    const { pieces, end } = await runReply({ request: { recital, spokenPrefix: recital } });
    expect([pieces, end.outcome]).toEqual([[], "completed"]);
  });

  it("ends with the prepared sentence when the voice fails in its middle", async () => {
    const tts = createFakeProvider<TtsRequest, TtsEvent>("tts", ({ text: said }) =>
      said.startsWith("It is") ? [{ fail: "provider_unavailable" }] : [sound(10, 1_000)],
    );
    const { pieces, end } = await runReply({ tts: [tts], request: { recital } });
    expect(end).toMatchObject({ outcome: "failed", error: { code: "provider_unavailable" } });
    expect(pieces).toEqual(["and machines. ", preparedSentences.provider_unavailable]);
  });
});

describe("a spoken reply", () => {
  it("tells all of its text once it is written, while it is still spoken", async () => {
    const { events } = await runReply({ ai: [sayingAi(sentences)], tts: [markedTts(50, 50)] });
    const told = events.filter((event) => event.type === "answer");
    expect(told).toEqual([{ type: "answer", text: sentences.join("") }]);
    expect(events.indexOf(told[0]!)).toBeLessThan(events.findLastIndex(({ type }) => type === "piece"));
  });

  it("tells no whole text where the answer broke off, or was written only", async () => {
    const broken = sayingAi(sentences, 0, 0, [{ fail: "provider_unavailable" }]);
    const { events } = await runReply({ ai: [broken] });
    const written = await runReply({ request: { modality: "text" } });
    for (const event of [...events, ...written.events]) expect(event.type).not.toBe("answer");
  });

  it("says every word of the answer once, in order", async () => {
    const { events, pieces, words, end } = await runReply({ ai: [sayingAi(sentences)] });
    expectOrder(events);
    expect(pieces).toEqual(sentences);
    expect(words).toEqual(sentences.join("").trim().split(" "));
    expect(end).toMatchObject({ outcome: "completed", usage: { characters: 6 } });
    expect(end.attempts).toHaveLength(2);
    expect(end.attempts).toEqual(
      expect.arrayContaining([
        { stage: "ai", provider: "ai", outcome: "completed" },
        { stage: "tts", provider: "tts", outcome: "completed" },
      ]),
    );
  });

  it("hands audio on in the order of the text, whichever voice is ready first", async () => {
    const tts: FakeTts = createFakeProvider("tts", ({ text: said }) => [
      { wait: said.startsWith("One") ? 500 : 5 },
      sound(10, said.length * 100),
    ]);
    const { events, samples } = await runReply({ ai: [sayingAi(sentences)], tts: [tts] });
    expectOrder(events);
    expect(samples).toBe(50);
    expect(tts.calls.map(({ request }) => request.text.split(" ")[0])).toEqual([
      "One",
      "Two",
      "Three",
      "Four",
      "Five",
    ]);
  });

  it("begins to speak while the answer is still being written", async () => {
    const { clock, run } = prepareReply({
      ai: [sayingAi(["In the morning, we ", "walk the dog. ", "And then?"], 100, 1000)],
    });
    const events: ReplyEvent[] = [];
    const running = collect(run(), events);
    await clock.advance(150);
    expect(view(events).pieces).toEqual(["In the morning, "]);
    expect(view(events).samples).toBe(300);
    await clock.until(running);
  });

  it("synthesises at most two pieces ahead of the one that plays", async () => {
    const control = manualPlayback();
    const tts = markedTts();
    const { clock, run } = prepareReply({ ai: [sayingAi(sentences)], tts: [tts], control });
    const running = collect(run());
    const started: number[] = [];
    for (let index = 0; index < 3; index += 1) {
      await clock.settle();
      started.push(tts.calls.length);
      control.start(index);
    }
    await clock.settle();
    started.push(tts.calls.length);
    expect(started).toEqual([2, 3, 4, 5]);
    expectOrder(await clock.until(running));
  });

  it("speaks plain words and keeps the marks in the text", async () => {
    const tts = markedTts();
    const { pieces } = await runReply({
      ai: [sayingAi(["**Bold words** come 🎉 first. Then `code`."])],
      tts: [tts],
    });
    expect(pieces.join("")).toBe("**Bold words** come 🎉 first. Then `code`.");
    expect(tts.calls.map(({ request }) => request.text)).toEqual(["Bold words come first.", "Then code."]);
  });

  it("waits for a reader that is slow, and loses nothing", async () => {
    const { clock, run } = prepareReply({ ai: [sayingAi(sentences)] });
    const events: ReplyEvent[] = [];
    const reading = (async () => {
      for await (const event of run()) {
        events.push(event);
        await new Promise<void>((resolve) => clock.timer(clock.nowMs() + 700, resolve));
      }
    })();
    await clock.until(reading);
    expectOrder(events);
    expect(view(events).pieces).toEqual(sentences);
  });

  it("asks the AI with the passages found, and without any when retrieval fails or is late", async () => {
    const passage = { id: "1", source: "s", text: "t", score: 1 };
    for (const [retrieve, passages] of [
      [() => Promise.resolve([passage]), [passage]],
      [() => Promise.reject(new Error("down")), []],
      [() => new Promise<never>(() => undefined), []],
    ] as const) {
      const ai = sayingAi(["Hello there."]);
      const { end, ledgers } = await runReply({
        ai: [ai],
        retrieve: retrieve as () => Promise<(typeof passage)[]>,
      });
      expect(end.outcome).toBe("completed");
      expect(ai.calls[0]!.request.passages).toEqual(passages);
      for (const entry of ledgers[0]!.entries.filter(({ span }) => span === "retrieve")) {
        expect(entry.durationMs).toBe(replyLimits.retrieveMs);
      }
    }
  });

  it("ends incomplete where the AI's limit or the buffer's cut it, with what was said until then", async () => {
    const cut = sayingAi(["Hello there. "], 0, 0, [
      { give: { type: "incomplete", reason: "max_output_tokens" } },
    ]);
    expect((await runReply({ ai: [cut] })).end).toMatchObject({
      outcome: "incomplete",
      reason: "max_output_tokens",
    });
    const endless = sayingAi(Array(100).fill("More words come. "));
    const { end, pieces } = await runReply({ ai: [endless], options: { limits: { textCharsMax: 170 } } });
    expect(end).toMatchObject({ outcome: "incomplete", reason: "max_output_tokens" });
    expect(pieces).toHaveLength(10);
    expect(endless.calls[0]).toMatchObject({ aborted: true, over: true });
  });

  it("says so when the limit was used up before the first word", async () => {
    const limit = { give: { type: "incomplete", reason: "max_output_tokens" } } as const;
    const { end, pieces } = await runReply({ ai: [createFakeProvider("ai", [limit])] });
    expect(end).toMatchObject({ outcome: "failed" });
    expect(pieces).not.toEqual([]);
  });

  it("sends a tool call at once, while speech waits for its playing", async () => {
    const call = { type: "toolCall", callId: "1", name: "f", arguments: "{}" } as const;
    const control = manualPlayback();
    const ai = sayingAi(sentences, 0, 0, [{ give: call }]);
    const { clock, run } = prepareReply({ ai: [ai], control });
    const events: ReplyEvent[] = [];
    const running = collect(run(), events);
    await clock.settle();
    expect(view(events).toolCalls).toEqual([call]);
    expect(view(events).pieces.length).toBeLessThan(4);
    for (let index = 0; index < 5; index += 1) {
      control.start(index);
      await clock.settle();
    }
    expectOrder(await clock.until(running));
  });

  it("with tool calls alone is completed, says nothing, and gives the line of time before the first", async () => {
    const call = { type: "toolCall", callId: "1", name: "f", arguments: "{}" } as const;
    const { events, end } = await runReply({
      ai: [createFakeProvider("ai", [{ wait: 40 }, { give: call }])],
    });
    expect(events.map(({ type }) => type)).toEqual(["ledger", "toolCall", "end"]);
    expect(events[0]).toMatchObject({
      ledger: { entries: [{ span: "overhead" }, { span: "ai", durationMs: 40 }] },
    });
    expect(end.outcome).toBe("completed");
  });

  it("breaks an answer off that calls without end", async () => {
    const call = { type: "toolCall", name: "f", arguments: "{}" } as const;
    const calls = Array.from({ length: 100 }, (_, index) => ({ give: { ...call, callId: `${index}` } }));
    const { toolCalls, end } = await runReply({ ai: [createFakeProvider("ai", calls)] });
    expect(toolCalls).toHaveLength(replyLimits.toolCallsMax);
    expect(end.outcome).toBe("incomplete");
  });
});

describe("a written reply", () => {
  it("hands text on as it comes, asks no voice, and gives the line of time before the first", async () => {
    const tts = markedTts();
    const { events, text: said } = await runReply({
      ai: [sayingAi(["Hel", "lo 👍 ", "you"], 30)],
      tts: [tts],
      request: { modality: "text" },
    });
    expect(said).toBe("Hello 👍 you");
    expect(events[0]).toMatchObject({
      type: "ledger",
      ledger: { entries: [{ span: "overhead" }, { span: "ai", durationMs: 30 }] },
    });
    expect(tts.calls).toHaveLength(0);
  });

  it("may hold nothing that can be spoken", async () => {
    const { text: said, end } = await runReply({ ai: [sayingAi(["👍"])], request: { modality: "text" } });
    expect([said, end.outcome]).toEqual(["👍", "completed"]);
  });

  it("ends with an apology when the AI fails, and incomplete at the buffer's limit", async () => {
    const failing: FakeAi = createFakeProvider("ai", [text("One "), { fail: "provider_timeout" }]);
    const { text: said, end } = await runReply({ ai: [failing], request: { modality: "text" } });
    expect(said).toBe(`One ${preparedSentences.provider_timeout}`);
    expect(end.outcome).toBe("failed");
    const endless = await runReply({
      ai: [sayingAi(Array(100).fill("word "))],
      request: { modality: "text" },
      options: { limits: { textCharsMax: 50 } },
    });
    expect(endless.text).toBe("word ".repeat(10));
    expect(endless.end.outcome).toBe("incomplete");
  });
});
