import { describe, expect, it } from "vitest";
import type { NewItem } from "../../gateway/session/domain.ts";
import { Room } from "./room.ts";

/** A recogniser's last word. */
type EarlyWord =
  | { type: "failed"; code: string; message: string }
  | { type: "final"; text: string; untilSample: number };
const gone = { type: "failed", code: "provider_unavailable", message: "Gone." } as const;

describe("a session", () => {
  it("listens, answers and speaks, and closes the turn's line of time with the first byte", async () => {
    const room = new Room();
    room.hear({ type: "onset", sample: 16_000 });
    room.hear({ type: "pause", sample: 32_000 });
    room.hear({ type: "alarm", key: "turn:end", sample: 40_000 });
    await room.clock.settle();
    room.hearings[0]?.push({
      type: "final",
      text: "Hello.",
      untilSample: 40_000,
      provider: "ears",
      attempts: [],
      usage: {},
    });
    await room.clock.settle();
    expect(room.replies[0]?.request.messages).toEqual([{ role: "user", text: "Hello." }]);
    await room.speak(1_000);
    await room.endReply();
    expect(room.said.at(-3)).toBe("responseDone");
    expect(room.audio.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(48_000);
    expect(room.closedTurns).toEqual([{ outcome: "completed", closed: true }]);
    room.session.close();
  });

  it("sends no audio after a cancel, and none after the caller has interrupted", async () => {
    const room = new Room();
    await room.ask();
    await room.speak(20_000);
    room.session.command({ type: "cancelResponse", responseId: null, clientEventId: null }, 0);
    const sent = room.audio.length;
    room.replies[0]?.push({ type: "audio", index: 0, pcm: new Int16Array(48_000) });
    await room.clock.advance(5_000);
    expect(room.audio).toHaveLength(sent);
    expect(room.replies[0]?.signal.aborted).toBe(true);
    await room.ask();
    await room.speak(20_000);
    room.hear({ type: "onset", sample: 16_000 });
    room.hear({ type: "alarm", key: "barge:commit", sample: 24_000 });
    const interrupted = room.audio.length;
    await room.clock.advance(5_000);
    expect(room.audio).toHaveLength(interrupted);
    expect(room.said.filter((type) => type === "responseDone")).toHaveLength(2);
    room.session.close();
  });

  it("asks the recogniser for early words over a reply, and says the rest of it where there were none", async () => {
    const room = new Room({ ducks: true });
    await room.ask();
    room.replies[0]?.push({ type: "answer", text: "Some words. And more of them." });
    await room.speak(20_000);
    room.hear({ type: "onset", sample: 16_000 });
    room.channel.readableSamples = 64_000;
    room.hear({ type: "alarm", key: "barge:probe", sample: 21_120 });
    const { audio, signal } = room.hearings[0] ?? {};
    for await (const piece of audio!.read(audio!.fromSample, signal!)) {
      if (piece.type === "samples") continue;
      expect(piece).toEqual({ type: "probe", atSample: 21_120 });
      break;
    }
    room.hear({ type: "alarm", key: "barge:commit", sample: 27_200 });
    expect(room.said).toContain("speechStarted");
    room.hear({ type: "pause", sample: 28_000 });
    room.hear({ type: "alarm", key: "turn:end", sample: 36_000 });
    const heard = { text: "", untilSample: 36_000, provider: "ears", attempts: [], usage: {} };
    room.hearings[0]?.push({ type: "final", ...heard });
    await room.clock.settle();
    expect(room.replies[1]?.request.recital).toBe("Some words. And more of them.");
    await room.speak(500, "Some words. ");
    await room.endReply();
    await room.clock.advance(600);
    expect(room.said.slice(-3)).toEqual(["responseDone", "rateLimits", "turnReport"]);
    room.session.close();
  });

  it("ends a response after the last of its paced audio, with its line of time closed though it waited", async () => {
    const room = new Room();
    await room.ask();
    await room.speak(3_000);
    await room.endReply();
    expect(room.said).not.toContain("responseDone");
    await room.clock.advance(1_100);
    expect(room.said).toContain("responseDone");
    await room.ask();
    await room.speak(200);
    await room.endReply();
    await room.clock.advance(500);
    expect(room.closedTurns).toEqual([
      { outcome: "completed", closed: true },
      { outcome: "completed", closed: true },
    ]);
    room.session.close();
  });

  it("ends a response as failed when its runner breaks off", async () => {
    const room = new Room();
    await room.ask();
    room.replies[0]?.end();
    await room.clock.settle();
    expect(room.outputs.find(({ type }) => type === "responseDone")).toMatchObject({
      response: { status: "failed", error: { code: "internal_error" } },
    });
    room.session.close();
  });

  it("takes a recogniser that ends without a word for one that failed", async () => {
    const room = new Room();
    room.hear({ type: "onset", sample: 16_000 });
    room.hear({ type: "pause", sample: 32_000 });
    room.hear({ type: "alarm", key: "turn:end", sample: 40_000 });
    room.hearings[0]?.end();
    await room.clock.settle();
    expect(room.said).toContain("transcriptionFailed");
    expect(room.replies[0]?.request.apology).toBe("provider_unavailable");
    room.session.close();
  });

  /** Somebody speaks, and the recogniser says its last word before they are done. */
  async function hearTooEarly(
    early: EarlyWord,
  ): Promise<{ room: Room; say: (word: EarlyWord) => Promise<void> }> {
    const room = new Room();
    const say = async (word: EarlyWord) => {
      room.hearings.at(-1)!.push({ ...word, provider: "ears", attempts: [], usage: {} });
      await room.clock.settle();
    };
    room.channel.receivedSamples = room.channel.readableSamples = 40_000;
    room.hear({ type: "onset", sample: 16_000 });
    await room.clock.settle();
    await say(early);
    expect(room.hearings).toHaveLength(1);
    room.hear({ type: "pause", sample: 32_000 });
    room.hear({ type: "alarm", key: "turn:end", sample: 40_000 });
    await room.clock.settle();
    return { room, say };
  }

  it.each([
    ["fails", gone],
    ["is done", { type: "final", text: "The first half", untilSample: 20_000 }],
  ] as const)(
    "asks a recogniser that %s while its speaker goes on once more at the end",
    async (_how, early) => {
      const { room, say } = await hearTooEarly(early);
      expect(room.hearings).toHaveLength(2);
      expect(room.hearings[1]!.audio.fromSample).toBe(room.hearings[0]!.audio.fromSample);
      await say({ type: "final", text: "The whole of it.", untilSample: 40_000 });
      expect(room.replies[0]!.request.messages).toEqual([{ role: "user", text: "The whole of it." }]);
      room.session.close();
    },
  );

  it("apologises when no recogniser has a word for a turn, and waits for it no more", async () => {
    const { room, say } = await hearTooEarly(gone);
    await say(gone);
    expect(room.replies.map(({ request }) => request.apology)).toEqual(["provider_unavailable"]);
    expect(room.session.state.input.pending).toEqual([]);
    room.session.close();
  });

  it("says of a written reply nothing about sound that may run out", async () => {
    const room = new Room();
    const params = { outOfBand: false, outputModality: "text" } as const;
    room.session.command({ type: "createResponse", params, clientEventId: null }, 0);
    await room.clock.settle();
    expect(room.replies[0]!.control.unplayedMs).toBeUndefined();
    room.session.close();
  });

  it("lives on when a step of it breaks, tells the client once and does the rest of the step", async () => {
    const room = new Room();
    room.faulty = "itemAdded";
    const item: NewItem = { type: "message", role: "user", parts: [{ type: "input_text", text: "Hi." }] };
    const command = { type: "createItem", previousItemId: null, item } as const;
    room.session.command({ ...command, clientEventId: "mine" }, 0);
    expect(room.failures).toEqual(["send"]);
    expect(room.outputs.slice(1)).toMatchObject([
      { type: "itemDone" },
      { type: "error", code: "internal_error", kind: "server_error", clientEventId: "mine" },
    ]);
    room.faulty = "audio";
    await room.ask();
    await room.speak(500);
    await room.endReply();
    expect(room.said).toContain("responseDone");
    room.session.close();
  });

  it("counts a refusal once, and tells when the input is full", () => {
    const room = new Room();
    room.channel.full = true;
    room.session.appendAudio(new Uint8Array(4_800), 0, "mine");
    expect(room.outputs.at(-1)).toMatchObject({
      type: "error",
      code: "input_audio_backlog_full",
      clientEventId: "mine",
    });
    room.session.command({ type: "cancelResponse", responseId: null, clientEventId: null }, 0);
    expect(room.refused).toEqual(["input_audio_backlog_full", "response_cancel_not_active"]);
  });

  it("lets go of audio that nobody needs, and keeps what an open utterance holds", async () => {
    const room = new Room();
    for (let n = 0; n < 50; n++) room.session.appendAudio(new Uint8Array(4_800), 0, null);
    const free = room.channel.receivedSamples - room.channel.keptFromSample;
    expect(free).toBeLessThanOrEqual(16 * 1_000 + 4_000);
    room.hear({ type: "onset", sample: room.channel.receivedSamples });
    const { fromSample } = room.hearings[0]?.audio ?? { fromSample: -1 };
    for (let n = 0; n < 100; n++) room.session.appendAudio(new Uint8Array(4_800), 0, null);
    expect(room.channel.keptFromSample).toBeLessThanOrEqual(fromSample);
    room.session.close();
  });

  it("stops everything when it closes: replies, recognisers, sound, timers and its place on the bus", async () => {
    const room = new Room();
    room.hear({ type: "onset", sample: 16_000 });
    await room.ask();
    await room.speak(20_000);
    await room.endReply();
    const sent = room.audio.length;
    room.session.close();
    room.session.close();
    await room.clock.advance(10_000);
    expect(room.hearings[0]?.signal.aborted).toBe(true);
    expect(room.audio).toHaveLength(sent);
    expect(room.clock.pendingTimers).toBe(0);
    expect(room.channel.calls.filter((call) => call === "close")).toHaveLength(1);
    const outputs = room.outputs.length;
    room.session.command({ type: "clearInput", atSample: 0, clientEventId: null }, 0);
    expect(room.outputs).toHaveLength(outputs);
  });

  it("begins nothing more when its socket closes in the middle of a step", async () => {
    const room = new Room();
    room.onOutput = (output) => output.type === "responseCreated" && room.session.close();
    await room.ask();
    expect(room.replies).toEqual([]);
    expect(room.outputs.at(-1)?.type).toBe("responseCreated");
  });

  it("plays a response out of band beside the conversation's own, and neither waits nor ends with the other", async () => {
    const room = new Room();
    await room.ask();
    await room.speak(10_000);
    const params = { outOfBand: true };
    room.session.command({ type: "createResponse", params, clientEventId: null }, room.clock.nowMs());
    await room.clock.settle();
    await room.speak(10_000);
    const [own, beside] = room.replies.map(({ request }) => request.responseId);
    const sentOf = (id: string | undefined) =>
      room.audio.filter(({ responseId }) => responseId === id).length;
    expect(sentOf(beside)).toBeGreaterThan(10);
    // The caller interrupts: the conversation's reply stops, the other goes on.
    room.hear({ type: "onset", sample: 16_000 });
    room.hear({ type: "alarm", key: "barge:commit", sample: 24_000 });
    await room.clock.settle();
    const [ownSent, besideSent] = [sentOf(own), sentOf(beside)];
    await room.clock.advance(3_000);
    expect(sentOf(own)).toBe(ownSent);
    expect(sentOf(beside)).toBeGreaterThan(besideSent);
    await room.endReply();
    await room.clock.advance(10_000);
    const done = room.outputs.flatMap((one) => (one.type === "responseDone" ? [one.response] : []));
    expect(done.map(({ id, status }) => [id, status])).toEqual([
      [own, "cancelled"],
      [beside, "completed"],
    ]);
    room.session.close();
    expect(room.clock.pendingTimers).toBe(0);
  });

  it("aborts a reply that still runs when it closes", async () => {
    const room = new Room();
    await room.ask();
    room.session.close();
    expect(room.replies[0]?.signal.aborted).toBe(true);
  });

  it("knows how much of a reply is unplayed, and hands one memory of the conversation to all calls", async () => {
    const room = new Room();
    await room.ask();
    await room.speak(3_000);
    const { control } = room.replies[0]!;
    expect(control.unplayedMs?.()).toBeCloseTo(3_000, -1);
    await room.clock.advance(1_000);
    expect(control.unplayedMs?.()).toBeCloseTo(2_000, -1);
    await room.endReply();
    await room.clock.advance(3_000);
    expect(control.unplayedMs?.()).toBe(0);
    await room.ask();
    expect(room.replies[1]!.control.conversation).toBe(control.conversation);
    expect(control.conversation).toMatchObject({ spareTold: false });
    room.session.close();
  });
});
