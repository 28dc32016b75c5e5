/** Notices of trouble that passes: they go when it has passed, and not before. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sayRecording } from "../support/speech.ts";
import { mustSkipChromium } from "./chromium.ts";
import type { FakePeer } from "./fake-gateway.ts";
import { installFakeMicrophone, say } from "./fake-microphone.ts";
import { makeNoise, open, type Stage, sendReplyAudio, setStage, talk } from "./page-stage.ts";
import { beginReply, endReply, responseWith, sendUserTurn, sendWords } from "./replies.ts";

function failReply(peer: FakePeer, responseId: string): void {
  const failed = {
    type: "failed",
    error: { type: "server_error", code: "provider_unavailable", message: "no" },
  };
  peer.send({ type: "response.created", response: responseWith(responseId) });
  peer.send({
    type: "response.done",
    response: responseWith(responseId, { status: "failed", status_details: failed as never }),
  });
}

describe.skipIf(mustSkipChromium())("the page's notices of passing trouble, in Chromium", () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await setStage();
    await installFakeMicrophone(stage.browser.context);
  }, 60_000);
  afterEach(() => stage.page.close());
  afterAll(() => stage?.close());

  /** Whether the page's one notice is there. */
  const notice = () => stage.page.locator("#notice").isVisible();

  it("says that the engine has trouble until the next answer is heard", async () => {
    const page = await open(stage);
    const peer = await talk(stage);
    failReply(peer, "resp_1");
    const trouble = page.getByRole("alert").getByText("The engine behind the answers has trouble.");
    await trouble.waitFor();
    const speech = await sayRecording("What is Parley?", { beforeMs: 0, afterMs: 0 });
    const endsAtMs = await say(page, speech, 24_000);
    await page.waitForFunction((atMs) => performance.now() > atMs + 200, endsAtMs);
    sendUserTurn(peer, "item_1", "What is Parley?");
    beginReply(peer, "resp_2", "item_2");
    sendWords(peer, "resp_2", "item_2", "A voice gateway.");
    await page.getByText("A voice gateway.").waitFor();
    expect(await notice()).toBe(true);
    sendReplyAudio(peer, makeNoise(24_000));
    endReply(peer, "resp_2", "item_2", "A voice gateway.");
    await trouble.waitFor({ state: "hidden" });
    expect(await notice()).toBe(false);
  });

  it("says how the button is meant until it goes down again", async () => {
    const page = await open(stage, "?mode=push-to-talk");
    await talk(stage);
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    // Down and up twice within one moment: it stays down, and is let go at once.
    await page.evaluate(() => {
      for (const type of ["keydown", "keyup", "keydown", "keyup"])
        document.body.dispatchEvent(new KeyboardEvent(type, { key: " ", code: "Space", bubbles: true }));
    });
    await page.getByRole("alert").getByText("Hold the button down while you speak").waitFor();
    await page.keyboard.down("Space");
    await page.locator("#notice").waitFor({ state: "hidden" });
    await page.keyboard.up("Space");
  });

  it("says that another microphone is used, long enough to read, and then no more", async () => {
    const page = await open(stage);
    await talk(stage);
    await page.evaluate(() => window.fakeMicrophone.unplug("built-in"));
    const changed = page.getByRole("alert").getByText("Another one is used now.");
    await changed.waitFor();
    await changed.waitFor({ state: "hidden", timeout: 25_000 });
    expect(await notice()).toBe(false);
    expect(await page.evaluate(() => window.parley.state)).toBe("listening");
  });
});
