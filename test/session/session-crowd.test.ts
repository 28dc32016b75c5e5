import { describe, expect, it } from "vitest";
import { Room } from "./room.ts";

describe("a session among a crowd", () => {
  const crowd = { now: true };
  const hold = {
    afterMs: 1_200,
    crowded: () => crowd.now,
    sentence: (rateHz: number, again: boolean) => ({
      text: again ? "Still here." : "One moment.",
      pcm: new Int16Array(rateHz).fill(9),
    }),
  };
  function spoken(room: Room): void {
    room.hear({ type: "onset", sample: 16_000 });
    room.hear({ type: "pause", sample: 32_000 });
    room.hear({ type: "alarm", key: "turn:end", sample: 40_000 });
  }
  const heard = { text: "Hello.", untilSample: 40_000, provider: "ears", attempts: [], usage: {} };

  it("lets its caller hear a sentence in time, and then the answer in an item of its own", async () => {
    const room = new Room({}, { hold });
    spoken(room);
    await room.clock.advance(690);
    expect(room.audio).toEqual([]);
    await room.clock.advance(20);
    expect(room.audio.length).toBeGreaterThan(0);
    await room.clock.advance(5_000);
    // Nothing but the sentence: the wait is silence on the line, not silence in the item.
    const bytes = () => room.audio.reduce((sum, audio) => sum + audio.bytes.length, 0);
    expect(bytes()).toBe(48_000);
    room.hearings[0]?.push({ type: "final", ...heard });
    await room.clock.settle();
    await room.speak(1_000, "Good day.");
    await room.endReply();
    await room.clock.advance(500);
    expect(bytes()).toBe(96_000);
    expect(new Set(room.audio.map(({ itemId }) => itemId)).size).toBe(2);
    const answer = room.audio.filter(({ itemId }) => itemId !== room.audio[0]!.itemId);
    expect([answer[0]!.fromMs, answer[0]!.outputIndex]).toEqual([0, 1]);
    expect(room.said.filter((type) => type === "responseCreated")).toHaveLength(1);
    expect(room.said.filter((type) => type === "responseDone")).toHaveLength(1);
    expect(room.closedTurns).toEqual([{ outcome: "completed", closed: true }]);
    expect(room.failures).toEqual([]);
    room.session.close();
    expect(room.clock.pendingTimers).toBe(0);
  });

  it("lets a caller who waits on hear another sentence, and none once the crowd is gone", async () => {
    const room = new Room({}, { hold });
    spoken(room);
    const texts = () => room.outputs.flatMap((one) => (one.type === "transcriptDelta" ? [one.delta] : []));
    await room.clock.advance(7_000);
    expect(texts()).toEqual(["One moment."]);
    await room.clock.advance(3_000);
    expect(texts()).toEqual(["One moment.", "Still here."]);
    await room.clock.advance(8_000);
    expect(texts()).toEqual(["One moment.", "Still here.", "Still here."]);
    crowd.now = false;
    await room.clock.advance(20_000);
    room.hearings[0]?.push({ type: "final", ...heard });
    await room.clock.settle();
    await room.speak(1_000, "Good day.");
    await room.endReply();
    await room.clock.advance(2_000);
    expect(texts()).toEqual(["One moment.", "Still here.", "Still here.", "Good day."]);
    expect(room.closedTurns).toEqual([{ outcome: "completed", closed: true }]);
    expect(room.failures).toEqual([]);
    crowd.now = true;
    room.session.close();
    expect(room.clock.pendingTimers).toBe(0);
  });

  it("says nothing of a crowd that is none, and looks again while it waits", async () => {
    crowd.now = false;
    const room = new Room({}, { hold });
    spoken(room);
    await room.clock.advance(2_000);
    expect(room.audio).toEqual([]);
    crowd.now = true;
    await room.clock.advance(250);
    expect(room.audio.length).toBeGreaterThan(0);
    room.session.close();
    await room.clock.advance(100);
    expect(room.clock.pendingTimers).toBe(0);
  });

  it("lets an answer that comes in time speak for itself", async () => {
    const room = new Room({}, { hold });
    spoken(room);
    room.hearings[0]?.push({ type: "final", ...heard });
    await room.clock.settle();
    await room.speak(500);
    await room.endReply();
    await room.clock.advance(3_000);
    expect(room.said.filter((type) => type === "outputItemAdded")).toHaveLength(1);
    room.session.close();
  });

  it("ends a held response with its sentence when the caller had said nothing", async () => {
    const room = new Room({}, { hold });
    spoken(room);
    await room.clock.advance(720);
    room.hearings[0]?.push({ type: "final", ...heard, text: "" });
    await room.clock.advance(1_500);
    expect(room.replies).toEqual([]);
    expect(room.outputs.find(({ type }) => type === "responseDone")).toMatchObject({
      response: { status: "completed" },
    });
    room.session.close();
  });
});
