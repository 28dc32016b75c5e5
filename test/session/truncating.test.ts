import { describe, expect, it } from "vitest";
import { asked, Conversation, tail, textOf } from "./conversation.ts";

describe("truncation", () => {
  const spoken = (): { talk: Conversation; itemId: string } => {
    const talk = asked();
    talk.piece("One two three four.", { durationMs: 4_000, sentMs: 2_000, heardMs: 500 });
    return { talk, itemId: talk.playback?.itemId ?? "" };
  };
  const cut = (itemId: string, audioEndMs: number) =>
    ({ type: "truncateItem", itemId, contentIndex: 0, audioEndMs }) as const;

  it("of an item in progress ends it there", () => {
    const { talk, itemId } = spoken();
    const step = talk.command(cut(itemId, 1_100));
    expect(step.said).toEqual(["itemTruncated", ...tail]);
    expect(step.effects.slice(0, 2)).toMatchObject([{ type: "cancelReply" }, { type: "flushPlayback" }]);
    expect(talk.of("responseDone")[0]?.response.status).toBe("cancelled");
    expect(textOf(talk.state.items[0]?.item)).toBe("One");
  });

  it("a millisecond beyond the audio is clamped, more is refused", () => {
    const { talk, itemId } = spoken();
    expect(talk.command(cut(itemId, 2_002)).outputs).toMatchObject([
      { code: "item_truncate_invalid_audio_end_ms", param: "audio_end_ms" },
    ]);
    expect(talk.command(cut(itemId, 2_001)).outputs[0]).toMatchObject({
      type: "itemTruncated",
      audioEndMs: 2_000,
    });
  });

  it("after an interruption is the truth, also beyond what was thought to be heard", () => {
    const { talk, itemId } = spoken();
    talk.onset(5_000);
    talk.words("wait please");
    expect(textOf(talk.state.items[0]?.item)).toBe("");
    talk.playback = { ...talk.playback!, unheard: false };
    expect(talk.command(cut(itemId, 1_900)).said).toEqual(["itemTruncated"]);
    expect(textOf(talk.state.items[0]?.item)).toBe("One two");
  });

  it("of an item that newer ones follow knows how much of it was sent", () => {
    const { talk, itemId } = spoken();
    talk.endReply();
    talk.playback = null;
    expect(talk.command(cut(itemId, 2_000)).said).toEqual(["itemTruncated"]);
  });

  it("is refused for what has no reply audio", () => {
    const talk = asked({ outputModality: "text" });
    talk.step({ type: "replyText", responseId: talk.responseId, delta: "Text." });
    talk.endReply();
    const itemId = talk.state.items[0]?.item.id ?? "";
    expect(talk.command(cut(itemId, 0)).outputs).toMatchObject([{ code: "item_truncate_invalid_item_id" }]);
    expect(talk.command(cut("item_none", 0)).outputs).toMatchObject([
      { code: "item_truncate_invalid_item_id" },
    ]);
  });
});

describe("deleting an item in progress", () => {
  it("ends its response first", () => {
    const talk = asked();
    talk.piece("One.");
    const itemId = talk.playback?.itemId ?? "";
    expect(talk.command({ type: "deleteItem", itemId }).said).toEqual([...tail, "itemDeleted"]);
    expect(talk.state).toMatchObject({ items: [], responses: [] });
  });

  it("whose words are still to come lets the turn go on", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.command({ type: "deleteItem", itemId: talk.spokenId });
    expect(talk.transcribed("Hello.").said).toEqual(["responseCreated"]);
    expect(talk.state.input.pending).toEqual([]);
  });
});
