/** The dial's button where presses go wrong: muted, doubled, or taken away half-way. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { mustSkipChromium } from "./chromium.ts";
import { isPressed, open, type Stage, setStage, talk } from "./page-stage.ts";

const phone = { width: 390, height: 844 };

/** The second click of a double click on Talk. */
async function clickOnceMore(page: Page): Promise<void> {
  await page.locator("#talk").hover();
  await page.mouse.down({ clickCount: 2 });
  await page.mouse.up({ clickCount: 2 });
}

describe.skipIf(mustSkipChromium())("the page's Talk button, in Chromium", () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await setStage();
  }, 60_000);
  afterEach(async () => {
    await stage.page.evaluate(() => localStorage.clear());
    await stage.page.close();
  });
  afterAll(() => stage?.close());

  it("hears whoever holds it, also one who was muted before; until then it stays muted", async () => {
    const page = await open(stage, "", phone);
    const peer = await talk(stage);
    await page.getByRole("button", { name: "Mute" }).click();
    await page.getByText("Muted. Parley doesn't hear you.").waitFor();
    await page.getByLabel("Hold to talk").check();
    await peer.confirmUpdate();
    await page.getByText("Muted. Hold to talk.").waitFor();
    await page.getByLabel("Hands-free").check();
    await peer.confirmUpdate();
    await page.getByText("Muted. Parley doesn't hear you.").waitFor();
    await page.getByLabel("Hold to talk").check();
    await peer.confirmUpdate();
    const before = peer.audioBytes;
    await page.getByRole("button", { name: "Hold to talk" }).hover();
    await page.mouse.down();
    await page.getByText("Let go when you have finished.").waitFor();
    await expect.poll(() => peer.audioBytes).toBeGreaterThan(before + 16_000);
    await page.mouse.up();
    await peer.next("input_audio_buffer.commit");
    await page.getByText("Thinking…").waitFor();
    expect(await page.evaluate(() => "muted" in document.body.dataset)).toBe(false);
  });

  it("takes a double click for one: the call begins, and is neither cancelled nor muted", async () => {
    const page = await open(stage);
    await page.getByRole("button", { name: "Talk" }).click();
    await clickOnceMore(page);
    const peer = await stage.gateway.nextPeer();
    await peer.welcome();
    await page.getByText("Listening. Say something.").waitFor();
    await clickOnceMore(page);
    expect(await page.locator("#status").innerText()).toBe("Listening. Say something.");
    // A click of its own counts again, as does the second one of two that mute.
    await page.getByRole("button", { name: "Mute" }).dblclick();
    await page.getByText("Listening. Say something.").waitFor();
    await page.getByRole("button", { name: "Mute" }).click();
    await page.getByText("Muted. Parley doesn't hear you.").waitFor();
  });

  it("doesn't stay down after a double click that began the call", async () => {
    const page = await open(stage, "?mode=push-to-talk");
    await talk(stage);
    await clickOnceMore(page);
    await page.getByText("Hold to talk.", { exact: true }).waitFor();
    expect(await isPressed(page)).toBe(false);
  });

  it("ends the turn when Enter is let go, wherever the focus has gone meanwhile", async () => {
    const page = await open(stage, "?mode=push-to-talk");
    const peer = await talk(stage);
    await page.locator("#talk").focus();
    await page.keyboard.down("Enter");
    await page.getByText("Let go when you have finished.").waitFor();
    await expect.poll(() => peer.audioBytes).toBeGreaterThan(16_000);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.id)).not.toBe("talk");
    await page.keyboard.up("Enter");
    await peer.next("input_audio_buffer.commit");
    expect(await isPressed(page)).toBe(false);
  });

  it.each([
    ["the window loses the focus", () => window.dispatchEvent(new Event("blur"))],
    [
      "the page is hidden",
      () => {
        Object.defineProperty(document, "hidden", { value: true, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      },
    ],
    [
      "the system takes the finger away",
      () => document.querySelector("#talk")!.dispatchEvent(new PointerEvent("pointercancel")),
    ],
  ])("never stays down when %s, however short the press was", async (_name, leave) => {
    const page = await open(stage, "?mode=push-to-talk");
    const peer = await talk(stage);
    await page.locator("#talk").hover();
    // Pressed and left in one moment: no press is shorter.
    await page.evaluate(
      `document.querySelector("#talk").setPointerCapture = () => {};
       document.querySelector("#talk").dispatchEvent(new PointerEvent("pointerdown", { button: 0 }));
       (${String(leave)})();`,
    );
    expect(await isPressed(page)).toBe(false);
    await peer.next("input_audio_buffer.clear");
    expect(await page.locator("#status").innerText()).toBe("Hold to talk.");
    // One that stays down by itself ends, too.
    await page.locator("#talk").click();
    await page.getByText("Press once more when you have finished.").waitFor();
    await page.evaluate(`(${String(leave)})()`);
    expect(await isPressed(page)).toBe(false);
  });
});
