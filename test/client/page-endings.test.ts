/** What stays on the page of a conversation that ended in the middle of something. */
import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sayRecording } from "../support/speech.ts";
import { findAccessibilityFaults, mustSkipChromium } from "./chromium.ts";
import type { FakePeer } from "./fake-gateway.ts";
import { installFakeMicrophone, say } from "./fake-microphone.ts";
import { makeNoise, open, reportOf, type Stage, sendReplyAudio, setStage, talk } from "./page-stage.ts";
import { beginReply, endReply, sendUserTurn, sendWords } from "./replies.ts";

const words = "One two three four.";

describe.skipIf(mustSkipChromium())("a conversation's end on the page, in Chromium", () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await setStage();
    await installFakeMicrophone(stage.browser.context);
  }, 60_000);
  afterEach(() => stage.page.close());
  afterAll(() => stage?.close());

  /** Asks, and hears the reply up to its second word; the others would sound much later. */
  async function hearTwoWords(peer: FakePeer): Promise<void> {
    const { page } = stage;
    // Without a voice there is no wait, and no row of one.
    const speech = await sayRecording("What is Parley?", { beforeMs: 0, afterMs: 0 });
    const endsAtMs = await say(page, speech, 24_000);
    await page.waitForFunction((atMs) => performance.now() > atMs + 200, endsAtMs);
    sendUserTurn(peer, "item_1", "What is Parley?");
    beginReply(peer, "resp_1", "item_2");
    sendWords(peer, "resp_1", "item_2", words);
    peer.send({
      type: "parley.words",
      ...{ response_id: "resp_1", item_id: "item_2", content_index: 0 },
      words: words.split(" ").map((text, at) => ({ text, start_ms: at < 2 ? at * 300 : 60_000 + at })),
    });
    sendReplyAudio(peer, makeNoise(24_000 * 20));
    await page.locator(".word.now").getByText("two").waitFor();
    await page.locator("#turns summary").waitFor();
  }

  async function expectCutAfterTwoWords(page: Page): Promise<void> {
    const reply = page.locator(".caption.reply");
    await reply.getByText("cut off").waitFor();
    expect(await reply.getAttribute("aria-busy")).toBe("false");
    expect(await page.locator(".sounding, .word, .waiting").count()).toBe(0);
    expect(await reply.getByRole("img", { name: "cut off here" }).count()).toBe(1);
    expect(await reply.locator("s.unheard").innerText()).toBe("three four.");
    expect((await page.evaluate(() => window.parley.turns)).at(-1)).toMatchObject({
      ...{ text: "One two", final: true, interrupted: true },
    });
    await page.locator("#turns summary").click();
    expect(await page.locator("#turns .note").innerText()).toBe(
      "The conversation ended before the server's report of this turn came.",
    );
    const waiting = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save" }).click();
    const text = await readFile(await (await waiting).path(), "utf8");
    expect(text).toMatch(/\*\*Parley\*\* \(.+\): One two — \*cut off\*\n/);
    expect(text).not.toContain("three");
    expect(await findAccessibilityFaults(page)).toEqual([]);
  }

  it.each([
    ["while its words still come", false],
    ["when the server has told it to its end", true],
  ])("cuts an answer where the user pressed End, %s", async (_name, told) => {
    const page = await open(stage);
    const peer = await talk(stage);
    await hearTwoWords(peer);
    if (told) {
      endReply(peer, "resp_1", "item_2", words);
      await page.locator(".caption.reply[aria-busy=false]").waitFor();
    }
    await page.getByRole("button", { name: "End" }).click();
    await expectCutAfterTwoWords(page);
  });

  it("cuts an answer where the server was lost, and keeps no place for words that never came", async () => {
    const page = await open(stage);
    const peer = await talk(stage);
    await hearTwoWords(peer);
    peer.send({ type: "input_audio_buffer.committed", item_id: "item_3", previous_item_id: "item_2" });
    await page.locator(".caption.user .waiting").waitFor();
    peer.terminate();
    await expectCutAfterTwoWords(page);
    await (await stage.gateway.nextPeer()).welcome();
    await page.locator(".caption.divider").getByText("This is a new conversation").waitFor();
    expect(await page.locator(".caption").count()).toBe(3);
  });

  it("keeps an answer whole that was heard whole", async () => {
    const page = await open(stage);
    const peer = await talk(stage);
    beginReply(peer, "resp_1", "item_2");
    sendWords(peer, "resp_1", "item_2", words);
    sendReplyAudio(peer, makeNoise(12_000));
    endReply(peer, "resp_1", "item_2", words);
    peer.send(reportOf("resp_1"));
    await page.getByText("Speaking.").waitFor();
    await page.getByText("Listening. Say something.").waitFor();
    await page.getByRole("button", { name: "End" }).click();
    await page.getByText("Press Talk and ask something.").waitFor();
    expect((await page.evaluate(() => window.parley.turns)).at(-1)).toMatchObject({
      ...{ text: words, interrupted: false },
    });
    expect(await page.locator(".caption.interrupted, .caption.sounding").count()).toBe(0);
  });

  it("draws a line where a new conversation begins, and none for calls that never stood", async () => {
    const page = await open(stage);
    const peer = await talk(stage);
    expect(await page.locator(".caption.divider").count()).toBe(0);
    sendUserTurn(peer, "item_1", "What is Parley?");
    await page.locator(".caption.user").getByText("What is Parley?").waitFor();
    await page.getByRole("button", { name: "End" }).click();
    stage.gateway.refusal = { status: 503, code: "too_many_sessions" };
    await page.getByRole("button", { name: "Talk" }).click();
    await page.getByRole("alert").getByText("The server is busy.").waitFor();
    stage.gateway.refusal = null;
    const again = await talk(stage);
    sendUserTurn(again, "item_9", "And then?");
    await page.locator(".caption.user").getByText("And then?").waitFor();
    expect(await page.locator(".caption").allInnerTexts()).toEqual([
      expect.stringContaining("What is Parley?"),
      "A new conversation: what was said before is forgotten.",
      expect.stringContaining("And then?"),
    ]);
  });

  it("calls an answer that nobody heard so, beside the question that it was for", async () => {
    const page = await open(stage);
    const peer = await talk(stage);
    peer.send({ type: "input_audio_buffer.committed", item_id: "item_1", previous_item_id: null });
    beginReply(peer, "resp_1", "item_2");
    endReply(peer, "resp_1", "item_2", "", "cancelled");
    peer.send(
      reportOf("resp_1", {
        totals: { turn_ms: 160, infra_ms: 0, vendor_ms: 160, client_ms: 0, speaker_ms: 0 },
        providers: [
          { stage: "stt", provider: "deepgram", outcome: "failed" },
          { stage: "stt", provider: "embedded", outcome: "completed" },
        ],
      }),
    );
    sendUserTurn(peer, "item_1", "What is Parley?");
    const row = page.locator("#turns summary");
    await row.getByText("What is Parley?").waitFor();
    expect(await row.locator(".wait").innerText()).toBe("not heard");
    const totals = await page.locator("#totals div").allInnerTexts();
    const sums = Object.fromEntries(totals.map((line) => line.split("\n") as [string, string]));
    expect(sums).toMatchObject({ Turns: "1", "Parley's own share, median": "–" });
    expect(sums.Engines).toBe("stt deepgram (failed once), stt embedded");
  });
});
