import { describe, expect, it } from "vitest";
import { Room } from "./room.ts";

const perMs = 16;

/** Two replies one after the other, both sent; the second one has more to say. */
async function twoReplies(): Promise<Room> {
  const room = new Room();
  await room.ask();
  await room.speak(1_800, "First answer, one two three. ");
  await room.endReply();
  await room.ask();
  await room.speak(6_000, "Second answer, all of it. ");
  room.replies.at(-1)!.push({ type: "answer", text: "Second answer, all of it. And more." });
  await room.clock.settle();
  return room;
}

function acknowledge(room: Room, index: number, playedMs: number): void {
  const itemId = room.session.state.items[index]!.item.id;
  room.session.command({ type: "playback", itemId, playedMs, clientEventId: null }, room.clock.nowMs());
}

/** Speech over the replies that holds no words. */
async function coughOver(room: Room, atMs: number): Promise<void> {
  const at = atMs * perMs;
  room.channel.receivedSamples = room.channel.readableSamples = at;
  room.hear({ type: "onset", sample: at });
  room.hear({ type: "alarm", key: "barge:commit", sample: at + 500 * perMs });
  room.hear({ type: "pause", sample: at + 900 * perMs });
  const end = room.session.state.alarms["turn:end"]!;
  room.channel.receivedSamples = room.channel.readableSamples = end;
  room.hear({ type: "alarm", key: "turn:end", sample: end });
  await room.clock.settle();
  const rest = { untilSample: end, provider: "ears", attempts: [], usage: {} };
  room.hearings[0]!.push({ type: "final", text: "", ...rest });
  await room.clock.settle();
}

const transcripts = (room: Room) =>
  room.session.state.items.flatMap(({ item }) =>
    item.type === "message" && item.role === "assistant"
      ? item.parts.map((part) => (part.type === "output_audio" ? part.transcript : ""))
      : [],
  );

describe("two replies, the second one sent while the first is heard", () => {
  it("are gone on with in their order, each from where it was heard to", async () => {
    const room = await twoReplies();
    await room.clock.advance(900);
    acknowledge(room, 0, 800);
    await coughOver(room, 5_000);
    expect(room.replies.at(-1)!.request.recital).toBe(
      "First answer, one two three. Second answer, all of it. And more.",
    );
    room.session.close();
  });

  it.each([
    ["tells all it played", true],
    ["leaves the first one's end out", false],
  ])("leave nothing of the first to say once a client that %s plays the second", async (_how, tellsAll) => {
    const room = await twoReplies();
    await room.clock.advance(1_600);
    acknowledge(room, 0, tellsAll ? 1_800 : 1_700);
    await room.clock.advance(1_200);
    acknowledge(room, 1, 1_100);
    await coughOver(room, 5_000);
    expect(room.replies.at(-1)!.request.recital).toBe("Second answer, all of it. And more.");
    expect(transcripts(room)[0]).toBe("First answer, one two three. ");
    room.session.close();
  });

  it("leave nothing of the first to say once the second one plays, where nothing is acknowledged", async () => {
    const room = await twoReplies();
    await room.clock.advance(1_900);
    await coughOver(room, 5_000);
    expect(room.replies.at(-1)!.request.recital).toBe("Second answer, all of it. And more.");
    room.session.close();
  });

  it("are cut apart: truncating the first leaves the second as it is, heard sooner", async () => {
    const room = await twoReplies();
    await room.clock.advance(300);
    const command = { type: "truncateItem", contentIndex: 0, audioEndMs: 400, clientEventId: "t" } as const;
    const itemId = room.session.state.items[0]!.item.id;
    room.session.command({ ...command, itemId }, room.clock.nowMs());
    await room.endReply();
    for (let step = 0; step < 100; step += 1) await room.clock.advance(100);
    expect(room.refused).toEqual([]);
    expect(transcripts(room)).toEqual(["First", "Second answer, all of it. "]);
    const secondMs = room.audio.filter((one) => one.itemId !== itemId).length * 100;
    expect(secondMs).toBe(6_000);
    expect(room.outputs.findLast(({ type }) => type === "responseDone")).toMatchObject({
      response: { status: "completed" },
    });
    room.session.close();
  });
});
