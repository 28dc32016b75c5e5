/** Microphones that are chosen while another choice is under way. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { loadCallPage } from "./call-page.ts";
import { mustSkipChromium } from "./chromium.ts";
import { startFakeGateway } from "./fake-gateway.ts";
import { installFakeMicrophone } from "./fake-microphone.ts";
import { open, type Stage, setStage } from "./page-stage.ts";

declare global {
  interface Window {
    /** Lets the oldest question for a microphone be answered: as usual, or with an error of that name. */
    answerQuestion(errorName?: string): void;
    readonly questions: number;
  }
}

/** Makes the browser ask its user about every microphone, until a test answers. Runs in the page. */
function installQuestions(): void {
  const { mediaDevices } = navigator;
  const getUserMedia = mediaDevices.getUserMedia;
  const waiting: ((errorName: string | undefined) => void)[] = [];
  mediaDevices.getUserMedia = async (constraints) => {
    const errorName = await new Promise<string | undefined>((resolve) => waiting.push(resolve));
    if (errorName !== undefined) throw new DOMException("no", errorName);
    return getUserMedia.call(mediaDevices, constraints);
  };
  window.answerQuestion = (errorName) => waiting.shift()!(errorName);
  Object.defineProperty(window, "questions", { get: () => waiting.length });
}

describe.skipIf(mustSkipChromium())("choosing a microphone, in Chromium", () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await setStage();
    await installFakeMicrophone(stage.browser.context);
    await stage.browser.context.addInitScript(installQuestions);
  }, 60_000);
  afterEach(async () => {
    await stage.page.evaluate(() => localStorage.clear());
    await stage.page.close();
  });
  afterAll(() => stage?.close());

  async function waitForQuestions(page: Page, count: number): Promise<void> {
    await page.waitForFunction((expected) => window.questions === expected, count);
  }

  async function choose(page: Page, deviceId: string): Promise<void> {
    await page.getByLabel("Microphone", { exact: true }).selectOption(deviceId);
  }

  /** Presses Talk and opens the settings while the browser still asks. */
  async function talkAndOpenSettings(): Promise<Page> {
    const page = await open(stage);
    await page.getByRole("button", { name: "Talk" }).click();
    await waitForQuestions(page, 1);
    await page.getByRole("button", { name: "Settings" }).click();
    return page;
  }

  /** Welcomes the call, about which nothing was wrong. */
  async function begin(page: Page): Promise<void> {
    await (await stage.gateway.nextPeer()).welcome();
    await page.waitForFunction(() => window.parley.state === "listening");
    expect(await page.locator("#notice").isVisible()).toBe(false);
    expect(await page.evaluate(() => window.parley.errors)).toEqual([]);
  }

  /** The devices that were opened, in order; null: the system's. */
  const asked = (page: Page) => page.evaluate(() => window.fakeMicrophone.asked);

  it("begins the call with the one that was chosen while the browser asked", async () => {
    const page = await talkAndOpenSettings();
    await choose(page, "headset");
    await waitForQuestions(page, 2);
    await page.evaluate(() => window.answerQuestion());
    await page.evaluate(() => window.answerQuestion());
    await begin(page);
    expect(await asked(page)).toEqual([null, "headset"]);
  });

  it("begins the call also when the echo is switched while the browser asks, and when the first question was denied", async () => {
    const page = await talkAndOpenSettings();
    await page.getByLabel("Take the loudspeaker's echo").uncheck();
    await waitForQuestions(page, 2);
    await page.evaluate(() => window.answerQuestion("NotAllowedError"));
    await page.evaluate(() => window.answerQuestion());
    await begin(page);
  });

  it("begins the call with the one before where the chosen one doesn't work, and says so", async () => {
    const page = await talkAndOpenSettings();
    await choose(page, "headset");
    await waitForQuestions(page, 2);
    await page.evaluate(() => window.answerQuestion());
    await page.evaluate(() => window.answerQuestion("NotReadableError"));
    await (await stage.gateway.nextPeer()).welcome();
    await page.waitForFunction(() => window.parley.state === "listening");
    expect(await page.evaluate(() => window.parley.errors)).toEqual(["microphone_busy"]);
  });

  it("takes the last one of several in a row, and calls nothing an end", async () => {
    const page = await talkAndOpenSettings();
    await page.evaluate(() => window.answerQuestion());
    await begin(page);
    for (const deviceId of ["built-in", "headset", "built-in", "headset"]) await choose(page, deviceId);
    await waitForQuestions(page, 4);
    for (let answers = 0; answers < 4; answers++) await page.evaluate(() => window.answerQuestion());
    await page.waitForFunction(() => window.fakeMicrophone.asked.length === 5);
    await page.evaluate(() => window.fakeMicrophone.unplug("built-in"));
    expect(await page.evaluate(() => [window.parley.state, ...window.parley.errors])).toEqual(["listening"]);
    expect(await page.locator("#notice").isVisible()).toBe(false);
    // It is the headset that is in use.
    await page.evaluate(() => window.fakeMicrophone.unplug("headset"));
    await waitForQuestions(page, 1);
    await page.evaluate(() => window.answerQuestion());
    await page.getByRole("alert").getByText("The microphone was unplugged or switched off.").waitFor();
  });

  it("says nothing of a choice that the end of the call overtook", async () => {
    const page = await talkAndOpenSettings();
    await page.evaluate(() => window.answerQuestion());
    await begin(page);
    await choose(page, "headset");
    await waitForQuestions(page, 1);
    await page.getByRole("button", { name: "Close settings" }).click();
    await page.getByRole("button", { name: "End" }).click();
    await page.evaluate(() => window.answerQuestion());
    await page.waitForFunction(() => window.fakeMicrophone.asked.length === 2);
    expect(await page.evaluate(() => [window.parley.state, ...window.parley.errors])).toEqual(["closed"]);
    expect(await page.locator("#notice").isVisible()).toBe(false);
  });

  it("says nothing of what goes wrong with a call that was cancelled", async () => {
    const page = await open(stage);
    await page.getByRole("button", { name: "Talk" }).click();
    await waitForQuestions(page, 1);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("Press Talk and ask something.").waitFor();
    await page.evaluate(() => window.answerQuestion("NotAllowedError"));
    await page.evaluate(() => fetch("/healthz").then((response) => response.text()));
    expect(await page.evaluate(() => [window.parley.state, ...window.parley.errors])).toEqual(["closed"]);
    expect(await page.locator("#notice").isVisible()).toBe(false);
  });

  it("prefers the chosen one to the system's when the one in use disappears meanwhile", async () => {
    const page = await talkAndOpenSettings();
    await page.evaluate(() => window.answerQuestion());
    await begin(page);
    await choose(page, "headset");
    await waitForQuestions(page, 1);
    await page.evaluate(() => window.fakeMicrophone.unplug("built-in"));
    await page.evaluate(() => window.answerQuestion());
    await page.waitForFunction(() => window.fakeMicrophone.asked.length === 2);
    expect(await asked(page)).toEqual([null, "headset"]);
    expect(await page.evaluate(() => window.questions)).toBe(0);
    expect(await page.evaluate(() => window.parley.state)).toBe("listening");
  });

  it("leaves a call alone that was begun anew, when the question of the one before is answered", async () => {
    const gateway = await startFakeGateway(await loadCallPage());
    try {
      const page = await open({ ...stage, gateway });
      stage.page = page;
      await page.waitForFunction(() => window.callPage !== undefined);
      const started = page.evaluate(async () => {
        window.callPage.make();
        const first = window.call.start().catch((error: { code: string }) => error.code);
        window.call.stop();
        return Promise.all([first, window.call.start()]);
      });
      await waitForQuestions(page, 2);
      await page.evaluate(() => window.answerQuestion("NotAllowedError"));
      await page.evaluate(() => window.answerQuestion());
      await (await gateway.nextPeer()).welcome();
      expect((await started)[0]).toBe("closed_by_caller");
      expect(await page.evaluate(() => window.call.microphoneInUse?.deviceId)).toBe("built-in");
    } finally {
      await gateway.stop();
    }
  });
});
