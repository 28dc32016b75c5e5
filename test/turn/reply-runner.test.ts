import { describe, expect, it } from "vitest";
import type { TtsEvent, TtsRequest } from "../../gateway/providers/provider.ts";
import { preparedSentences } from "../../gateway/turn/prepared.ts";
import type { ReplyEvent } from "../../gateway/turn/reply.ts";
import { replyLimits } from "../../gateway/turn/reply-runner.ts";
import { createFakeProvider, sound, text, word } from "../resilience/fake-providers.ts";
import type { FakeAi, FakeTts } from "./reply-fixture.ts";
import {
  collect,
  failingTts,
  manualPlayback,
  markedTts,
  prepareReply,
  runReply,
  sayingAi,
  view,
} from "./reply-fixture.ts";

/** Checks what holds of every reply: order of pieces, one end, at the end. */
function expectOrder(events: ReplyEvent[]): void {
  expect(events.filter(({ type }) => type === "end")).toHaveLength(1);
  expect(events.at(-1)!.type).toBe("end");
  let open = -1;
  let closed = -1;
  for (const event of events) {
    if (event.type === "piece") {
      expect(event.index).toBe(closed + 1);
      open = event.index;
    } else if (event.type === "audio" || event.type === "word") {
      expect(event.index).toBe(open);
      expect(event.index).toBe(closed + 1);
    } else if (event.type === "pieceEnd") {
      expect(event.index).toBe(open);
      closed = event.index;
    }
  }
}

const sentences = [
  "One comes first. ",
  "Two is the second. ",
  "Three is third. ",
  "Four is fourth. ",
  "Five is last.",
];

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

describe("when providers fail", () => {
  it("goes on with the next AI before and after words, and nobody notices", async () => {
    const dead: FakeAi = createFakeProvider("dead", [{ fail: "provider_overloaded" }]);
    const dying: FakeAi = createFakeProvider("dying", [
      text("One comes fir"),
      { fail: "provider_unavailable" },
    ]);
    const { pieces, end } = await runReply({ ai: [dead, dying, sayingAi(["first. Two is next."])] });
    expect(pieces.join("")).toBe("One comes first. Two is next.");
    expect(end.outcome).toBe("completed");
    expect(end.attempts.map(({ provider, outcome }) => `${provider} ${outcome}`)).toEqual([
      "dead failed",
      "dying failed",
      "ai completed",
      "tts completed",
    ]);
  });

  it("goes on in the next voice in the middle of a piece, no word twice and none lost", async () => {
    const dying: FakeTts = createFakeProvider<TtsRequest, TtsEvent>("dying", [
      word("One", 0),
      sound(100),
      word("comes", 100),
      sound(100),
      word("first.", 200),
      sound(40),
      { fail: "provider_unavailable" },
    ]);
    const { words, samples, end } = await runReply({
      ai: [sayingAi(["One comes first."])],
      tts: [dying, markedTts()],
    });
    expect(words).toEqual(["One", "comes", "first."]);
    expect(samples).toBe(300);
    expect(end.outcome).toBe("completed");
  });

  it("says what was written and a prepared sentence when every AI failed", async () => {
    const dying: FakeAi = createFakeProvider("ai", [
      text("One comes first. Two is"),
      { fail: "provider_overloaded" },
    ]);
    const { events, pieces, end } = await runReply({ ai: [dying] });
    expectOrder(events);
    expect(pieces).toEqual(["One comes first. ", "Two ", preparedSentences.provider_overloaded]);
    expect(end).toMatchObject({ outcome: "failed", error: { code: "provider_overloaded" } });
  });

  it("says a prepared sentence for an empty answer, and one that can't be spoken", async () => {
    for (const deltas of [[], ["🎉 **"]]) {
      const { pieces, end } = await runReply({ ai: [sayingAi(deltas)] });
      expect(pieces).toEqual([preparedSentences.provider_unavailable]);
      expect(end).toMatchObject({ outcome: "failed", error: { code: "provider_unavailable" } });
    }
  });

  it("says nothing more when a restored answer was said before", async () => {
    const { pieces, end } = await runReply({ ai: [sayingAi([])], request: { spokenPrefix: "All is said." } });
    expect(pieces).toEqual([]);
    expect(end.outcome).toBe("completed");
  });

  it("plays the prepared audio when every voice failed, at the rate asked for", async () => {
    let renders = 0;
    const voice: FakeTts = createFakeProvider("tts", () => {
      renders += 1;
      return renders > Object.keys(preparedSentences).length
        ? [{ fail: "provider_unavailable" }]
        : [sound(24_000)];
    });
    const { clock, prepared, run, request } = prepareReply({ ai: [sayingAi(sentences)], tts: [voice] });
    const warming = prepared.warm(voice, {
      clock,
      voice: "v",
      signal: new AbortController().signal,
      renderMs: 1000,
    });
    expect(await clock.until(warming)).toBe(Object.keys(preparedSentences).length);
    const events = await clock.until(collect(run()));
    expectOrder(events);
    expect(view(events).pieces).toEqual([preparedSentences.provider_unavailable]);
    expect(view(events).samples).toBe(request.sampleRateHz);
    expect(view(events).ledgers).toHaveLength(1);
    expect(view(events).end).toMatchObject({ outcome: "failed", error: { code: "provider_unavailable" } });
  });

  it("finishes the pieces before the one that failed, and apologises after them", async () => {
    const tts: FakeTts = createFakeProvider("tts", ({ text: said }) =>
      said.startsWith("Three") ? [{ fail: "provider_rejected" }] : [{ wait: 20 }, sound(10)],
    );
    const { events, pieces, end } = await runReply({ ai: [sayingAi(sentences, 0, 5)], tts: [tts] });
    expectOrder(events);
    expect(pieces).toEqual(["One comes first. ", "Two is the second. ", preparedSentences.provider_rejected]);
    expect(end).toMatchObject({ outcome: "failed", error: { code: "provider_rejected" } });
  });

  it("cancels the pieces after one that failed at once, while those before it are still finished", async () => {
    const tts: FakeTts = createFakeProvider<TtsRequest, TtsEvent>("tts", ({ text: said }) => {
      if (said.startsWith("One")) return [sound(10), { wait: 2000 }, sound(10)];
      return said.startsWith("Two")
        ? [{ wait: 20 }, { fail: "provider_rejected" }]
        : [sound(10), { hang: true }];
    });
    const { clock, run } = prepareReply({ ai: [sayingAi(sentences)], tts: [tts] });
    const running = collect(run());
    await clock.advance(30);
    expect(tts.calls.length).toBeGreaterThan(2);
    expect(tts.calls.map(({ aborted }) => aborted)).toEqual([false, ...tts.calls.slice(1).map(() => true)]);
    expectOrder(await clock.until(running));
  });

  it("ends failed, without a sound, when nothing at all can speak", async () => {
    const { events, end } = await runReply({ tts: [failingTts()] });
    expect(events.map(({ type }) => type).filter((type) => type !== "answer")).toEqual(["end"]);
    expect(end).toMatchObject({ outcome: "failed", error: { code: "provider_unavailable" } });
  });

  it("breaks a voice off that never ends", async () => {
    const endless: FakeTts = createFakeProvider("tts", ({ text: said }) =>
      said.startsWith("Hello") ? Array(1000).fill(sound(8_000)) : [sound(10)],
    );
    const { samples, end } = await runReply({ tts: [endless] });
    expect(samples).toBeLessThanOrEqual((replyLimits.pieceAudioMaxMs / 1000) * 8_000 + 10);
    expect(end).toMatchObject({ outcome: "failed", error: { code: "provider_rejected" } });
  });

  it("ends failed when a stage breaks its contract", async () => {
    const broken = {
      name: "ai",
      stream: () => {
        throw new Error("a bug");
      },
    };
    const { end } = await runReply({ options: { ai: broken } });
    expect(end).toMatchObject({ outcome: "failed", error: { code: "internal_error" } });
  });
});

describe("an apology", () => {
  it("asks nobody anything and ends failed with its code", async () => {
    const ai = sayingAi(["never"]);
    const { pieces, end } = await runReply({ ai: [ai], request: { apology: "provider_overloaded" } });
    expect(ai.calls).toHaveLength(0);
    expect(pieces).toEqual([preparedSentences.provider_overloaded]);
    expect(end).toMatchObject({ outcome: "failed", error: { code: "provider_overloaded" } });
  });

  it("has words for codes that it doesn't know, and in text", async () => {
    const { text: said, ledgers } = await runReply({ request: { apology: "constructor", modality: "text" } });
    expect(said).toBe(preparedSentences.provider_unavailable);
    expect(ledgers).toHaveLength(1);
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
