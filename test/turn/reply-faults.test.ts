import { describe, expect, it } from "vitest";
import type { TtsEvent, TtsRequest } from "../../gateway/providers/provider.ts";
import { preparedSentences } from "../../gateway/turn/prepared.ts";
import { replyLimits } from "../../gateway/turn/reply-runner.ts";
import { createFakeProvider, sound, text, word } from "../resilience/fake-providers.ts";
import type { FakeAi, FakeTts } from "./reply-fixture.ts";
import {
  collect,
  expectOrder,
  failingTts,
  markedTts,
  prepareReply,
  runReply,
  sayingAi,
  sentences,
  view,
} from "./reply-fixture.ts";

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

  it("tells what was said of a piece in which the last voice broke off", async () => {
    const marks = (said: string[]) => said.flatMap((one, index) => [word(one, index * 8_000), sound(8_000)]);
    const dying: FakeTts = createFakeProvider<TtsRequest, TtsEvent>("dying", [
      ...marks(["Two", "is", "the", "second"]),
      { fail: "provider_unavailable" },
    ]);
    const { events } = await runReply({ ai: [sayingAi(["**Two** is the second of them."])], tts: [dying] });
    const ends = events.filter((event) => event.type === "pieceEnd");
    expect(ends[0]).toEqual({ type: "pieceEnd", index: 0, said: "**Two** is the " });
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

  it("lets one speak to its end that speaks as slowly as it was asked to", async () => {
    const slow: FakeTts = createFakeProvider("tts", () => Array(80).fill(sound(8_000)));
    const { end } = await runReply({ tts: [slow], request: { speedRatio: 0.5 } });
    expect(end).toMatchObject({ outcome: "completed" });
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
