import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { findAccessibilityFaults, mustSkipChromium, readRecording } from "./chromium.ts";
import { makeNoise, open, type Stage, sendReplyAudio, setStage, talk } from "./page-stage.ts";
import { beginReply, endReply, sendUserTurn, sendWords } from "./replies.ts";

/** What was played, without the silence around it. */
function trimSilence(pcm: Int16Array): Int16Array {
  const first = pcm.findIndex((sample) => sample !== 0);
  return first < 0 ? new Int16Array(0) : pcm.slice(first, pcm.findLastIndex((sample) => sample !== 0) + 1);
}

describe.skipIf(mustSkipChromium())("the page, in Chromium", () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await setStage();
  }, 60_000);

  beforeEach(() => {
    stage.gateway.refusal = null;
  });

  afterEach(() => stage.page.close());
  afterAll(() => stage?.close());

  it("sends what the microphone hears at 16 kHz, once the server has taken that format", async () => {
    const page = await open(stage);
    await page.getByRole("button", { name: "Talk" }).click();
    const peer = await stage.gateway.nextPeer();
    expect(Object.fromEntries(peer.url.searchParams)).toMatchObject({
      ...{ audio: "binary", duck: "1", debug: "1", words: "1", level: "1" },
    });
    await peer.welcome();
    const { session } = peer.events[0] as { session: { audio: object } };
    expect(session.audio).toEqual({
      input: {
        format: { type: "audio/pcm", rate: 16000 },
        transcription: { model: "whisper-1" },
        noise_reduction: { type: "near_field" },
        turn_detection: { type: "semantic_vad", eagerness: "auto" },
      },
      output: { format: { type: "audio/pcm", rate: 24000 } },
    });
    await expect.poll(() => peer.audioBytes, { timeout: 10_000 }).toBeGreaterThan(6400);
    expect(peer.audioBytes % 640).toBe(0);
    expect(stage.complaints).toEqual([]);
  });

  it("plays a reply to the sample, acknowledges it to its end and shows both sides' words", async () => {
    const page = await open(stage, "?record=1");
    const peer = await talk(stage);
    const reply = makeNoise(24_000);
    sendUserTurn(peer, "item_1", "What is Parley?");
    beginReply(peer, "resp_1", "item_2");
    sendWords(peer, "resp_1", "item_2", "A voice gateway.");
    sendReplyAudio(peer, reply);
    endReply(peer, "resp_1", "item_2", "A voice gateway.");
    let playedMs = 0;
    while (playedMs < 1000) {
      const ack = await peer.next("parley.playback");
      expect(ack.item_id).toBe("item_2");
      expect(ack.played_ms).toBeGreaterThanOrEqual(playedMs);
      playedMs = ack.played_ms;
    }
    expect(playedMs).toBe(1000);
    await page.getByText("Listening. Say something.").waitFor();
    expect(trimSilence(await readRecording(page))).toEqual(reply);
    const log = page.getByRole("log");
    const lines = (await log.innerText()).split(/\n+/);
    expect(lines.filter((line) => !line.startsWith("heard after"))).toEqual([
      ...["You", "What is Parley?", "Parley", "A voice gateway."],
    ]);
    expect(await findAccessibilityFaults(page)).toEqual([]);
    expect(stage.complaints).toEqual([]);
  });

  it("falls silent when the user interrupts, tells the server how much was heard, and shows the cut", async () => {
    const page = await open(stage, "?record=1");
    const peer = await talk(stage);
    beginReply(peer, "resp_1", "item_2");
    sendWords(peer, "resp_1", "item_2", "One two three four five six.");
    sendReplyAudio(peer, makeNoise(24_000 * 20));
    await peer.next("parley.playback");
    await page.getByText("Speaking.").waitFor();
    peer.send({ type: "input_audio_buffer.speech_started", item_id: "item_3", audio_start_ms: 1 });
    const truncate = await peer.next("conversation.item.truncate");
    const lastAck = peer.events.findLast((event) => event.type === "parley.playback")!;
    expect(truncate).toMatchObject({ item_id: "item_2", content_index: 0, audio_end_ms: lastAck.played_ms });
    // What still comes of it is not played.
    sendReplyAudio(peer, makeNoise(4800));
    peer.send({
      type: "conversation.item.truncated",
      item_id: "item_2",
      content_index: 0,
      audio_end_ms: truncate.audio_end_ms,
    });
    await peer.next("conversation.item.retrieve");
    const item = {
      type: "message",
      id: "item_2",
      object: "realtime.item",
      status: "incomplete",
      role: "assistant",
    };
    peer.send({
      type: "conversation.item.retrieved",
      item: { ...item, content: [{ type: "output_audio", transcript: "One two" }] },
    } as never);
    await page.locator(".caption.interrupted").waitFor();
    await page.getByText("I hear you…").waitFor();
    const shown = await page.evaluate(() => window.parley.turns);
    expect(shown).toEqual([
      { itemId: "item_2", speaker: "reply", text: "One two", final: true, interrupted: true },
    ]);
    expect(await page.getByRole("img", { name: "interrupted here" }).count()).toBe(1);
    expect(await page.locator("s.unheard").innerText()).toBe("three four five six.");
    expect(await findAccessibilityFaults(page)).toEqual([]);
    const played = trimSilence(await readRecording(page));
    // The last samples of the fade round to silence and are trimmed.
    expect(Math.abs(played.length / 24 - truncate.audio_end_ms)).toBeLessThan(2);
  });

  it("lights the words of a reply as they are heard, and no further", async () => {
    const page = await open(stage);
    const peer = await talk(stage);
    beginReply(peer, "resp_1", "item_2");
    sendWords(peer, "resp_1", "item_2", "One two three four.");
    peer.send({
      type: "parley.words",
      ...{ response_id: "resp_1", item_id: "item_2", content_index: 0 },
      words: ["One", "two", "three", "four."].map((text, at) => ({ text, start_ms: at * 600 })),
    });
    sendReplyAudio(peer, makeNoise(24_000 * 3));
    const lit = page.locator(".word.heard, .word.now");
    const counts = new Set<number>();
    await expect
      .poll(
        async () => {
          counts.add(await lit.count());
          return page.locator(".word.now").innerText();
        },
        { timeout: 10_000, interval: 40 },
      )
      .toBe("three");
    expect(Math.max(...counts)).toBeLessThanOrEqual(3);
    expect(await page.locator(".word:not(.heard, .now)").allInnerTexts()).toEqual(["four."]);
    expect(await findAccessibilityFaults(page)).toEqual([]);
    endReply(peer, "resp_1", "item_2", "One two three four.");
    await page.getByText("Listening. Say something.").waitFor();
    expect(await page.locator(".word").count()).toBe(0);
    expect(await page.locator(".caption.reply .words").innerText()).toBe("One two three four.");
  });

  it("says that it connects again, and that it begins anew", async () => {
    const page = await open(stage);
    const peer = await talk(stage);
    peer.close(4000, "restart");
    await page.getByText("The server is restarting.").waitFor();
    const second = await stage.gateway.nextPeer();
    await second.welcome();
    await page.locator(".caption.divider").getByText("This is a new conversation").waitFor();
    await page.getByText("Listening. Say something.").waitFor();
    expect(await page.locator("#notice").isVisible()).toBe(false);
    await expect.poll(() => second.audioBytes, { timeout: 10_000 }).toBeGreaterThan(0);
  });
});
