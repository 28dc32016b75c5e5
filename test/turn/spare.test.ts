import { describe, expect, it } from "vitest";
import type { AiMessage } from "../../gateway/providers/provider.ts";
import { createConversationMemory } from "../../gateway/turn/conversation-memory.ts";
import { createCrowd, crowdedMs } from "../../gateway/turn/crowd.ts";
import {
  createPreparedSentences,
  crowdAgainCode,
  crowdCode,
  preparedSentences,
  spareCode,
} from "../../gateway/turn/prepared.ts";
import { createFakeProvider, sound, text } from "../resilience/fake-providers.ts";
import { createFakeClock } from "./fake-clock.ts";
import type { FakeAi, FakeTts, Setting } from "./reply-fixture.ts";
import { instantPlayback, markedTts, runReply, sayingAi } from "./reply-fixture.ts";

const told = preparedSentences[spareCode]!;
const named = (ai: FakeAi, name: string): FakeAi => ({ ...ai, name });
const embedded = () => named(sayingAi(["It is late."]), "embedded");
const dead = (): FakeAi => createFakeProvider("vendor", [{ fail: "provider_unavailable" }]);

describe("the spare that answers", () => {
  const conversation = createConversationMemory();
  const control = { ...instantPlayback, conversation };
  const setting = (ai: FakeAi[], more: Setting = {}): Setting => ({
    ai,
    control,
    options: { spareAi: "embedded" },
    ...more,
  });

  it("says so once, before its answer, until a vendor has answered again", async () => {
    const first = await runReply(setting([dead(), embedded()]));
    expect(first.pieces).toEqual([`${told} `, "It is late."]);
    expect(first.events.find(({ type }) => type === "answer")).toMatchObject({ text: `${told} It is late.` });
    expect(first.ledgers).toHaveLength(1);
    const messages: AiMessage[] = [
      { role: "user", text: "Hello?" },
      { role: "assistant", text: `${told} It is late.` },
      { role: "user", text: "How late?" },
    ];
    const second = await runReply(setting([dead(), embedded()], { request: { messages } }));
    expect(second.pieces).toEqual(["It is late."]);
    const well = await runReply(setting([named(sayingAi(["I am back."]), "vendor"), embedded()]));
    expect(well.pieces).toEqual(["I am back."]);
    expect((await runReply(setting([dead(), embedded()]))).pieces[0]).toBe(`${told} `);
  });

  it("says nothing of it beside the conversation, and says so in the conversation later", async () => {
    conversation.spareTold = false;
    const aside = { modality: "text", outOfBand: true } as const;
    const beside = await runReply(setting([dead(), embedded()], { request: aside }));
    const written = beside.events.map((event) => (event.type === "text" ? event.delta : "")).join("");
    expect(written).toBe("It is late.");
    expect((await runReply(setting([dead(), embedded()]))).pieces[0]).toBe(`${told} `);
  });

  it("says so again when the caller spoke over it", async () => {
    conversation.spareTold = false;
    await runReply(setting([dead(), embedded()]));
    const messages: AiMessage[] = [
      { role: "user", text: "Hello?" },
      { role: "assistant", text: "My usual", interrupted: true },
      { role: "user", text: "How late is it?" },
    ];
    const again = await runReply(setting([dead(), embedded()], { request: { messages } }));
    expect(again.pieces).toEqual([`${told} `, "It is late."]);
  });

  it("does not say so in the middle of an answer that a vendor began", async () => {
    conversation.spareTold = false;
    const dying: FakeAi = createFakeProvider("vendor", [text("It is "), { fail: "provider_timeout" }]);
    const { pieces } = await runReply(setting([dying, named(sayingAi(["late."]), "embedded")]));
    expect(pieces.join("")).toBe("It is late.");
  });

  it("says nothing of it where no vendor stands before it, or nobody remembers", async () => {
    conversation.spareTold = false;
    expect((await runReply({ ai: [embedded()], control })).pieces).toEqual(["It is late."]);
    const alone = await runReply({ ai: [dead(), embedded()], options: { spareAi: "embedded" } });
    expect(alone.pieces).toEqual(["It is late."]);
  });

  it("writes it where the answer is written", async () => {
    conversation.spareTold = false;
    const written = await runReply(setting([dead(), embedded()], { request: { modality: "text" } }));
    expect(written.text).toBe(`${told} It is late.`);
    expect(written.ledgers).toHaveLength(1);
  });

  it("plays the prepared audio where there is some", async () => {
    conversation.spareTold = false;
    const clock = createFakeClock();
    const prepared = createPreparedSentences();
    const render: FakeTts = createFakeProvider("tts", [sound(24_000)]);
    const signal = new AbortController().signal;
    await prepared.warm(render, { clock, voice: "v", signal, renderMs: 1_000 });
    const tts = markedTts();
    const options = { spareAi: "embedded", prepared };
    const { samples } = await runReply({ ai: [dead(), embedded()], tts: [tts], control, options });
    expect(tts.calls.map(({ request }) => request.text)).toEqual(["It is late."]);
    expect(samples).toBe(8_000 + 300);
  });
});

describe("calls of a reply", () => {
  it("are told how much is unplayed, and whose conversation it is", async () => {
    const conversation = createConversationMemory();
    const seen: (number | undefined)[] = [];
    const spy: FakeTts = {
      ...markedTts(),
      stream: (request, context) => {
        seen.push(context.unplayedMs?.());
        expect(context.conversation).toBe(conversation);
        return markedTts().stream(request, context);
      },
    };
    const control = { ...instantPlayback, conversation, unplayedMs: () => 700 };
    await runReply({ ai: [sayingAi(["One comes first. ", "Two is next."])], tts: [spy], control });
    expect(seen).toEqual([700, 700]);
  });

  it("count what waits behind a piece that is slow", async () => {
    const unplayed: (() => number)[] = [];
    const tts: FakeTts = {
      ...markedTts(),
      stream: (request, context) => {
        unplayed.push(context.unplayedMs!);
        const slow = request.text.startsWith("One");
        const steps = slow ? [{ wait: 500 }, sound(800)] : [sound(1_600)];
        return createFakeProvider<typeof request, never>("tts", steps as never[]).stream(request, context);
      },
    };
    let before = -1;
    let behind = -1;
    const clock = createFakeClock();
    clock.timer(clock.nowMs() + 400, () => {
      before = unplayed[0]!();
      behind = unplayed[1]!();
    });
    const control = { ...instantPlayback, unplayedMs: () => 50 };
    await runReply({ clock, ai: [sayingAi(["One comes first. ", "Two is next."])], tts: [tts], control });
    expect([before, behind]).toEqual([50, 250]);
  });
});

describe("a crowd", () => {
  it("is there when an engine would let a call wait, and has a sentence once that is rendered", async () => {
    const prepared = createPreparedSentences();
    let waitMs = 0;
    const crowd = createCrowd([{}, { waitMs: () => waitMs }], prepared);
    expect([crowd.crowded(), crowd.sentence(8_000, false)]).toEqual([false, null]);
    waitMs = crowdedMs + 1;
    const clock = createFakeClock();
    const signal = new AbortController().signal;
    const voice: FakeTts = createFakeProvider("tts", [sound(24_000)]);
    await prepared.warm(voice, { clock, voice: "v", signal, renderMs: 1_000 });
    expect(crowd.crowded()).toBe(true);
    expect(crowd.sentence(8_000, false)).toMatchObject({ text: preparedSentences[crowdCode] });
    expect(crowd.sentence(8_000, true)).toMatchObject({ text: preparedSentences[crowdAgainCode] });
    expect(crowd.sentence(8_000, false)!.pcm).toHaveLength(8_000);
  });
});
