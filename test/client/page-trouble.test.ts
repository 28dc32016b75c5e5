import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type BrowserOptions, findAccessibilityFaults, foreignHost, mustSkipChromium } from "./chromium.ts";
import { open, type Stage, setStage, talk } from "./page-stage.ts";
import { responseWith } from "./replies.ts";

describe.skipIf(mustSkipChromium())("the page in trouble with its server, in Chromium", () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await setStage();
  }, 60_000);
  beforeEach(() => {
    stage.gateway.refusal = null;
  });
  afterEach(() => stage.page.close());
  afterAll(() => stage?.close());

  it.each([
    [{ status: 503, code: "too_many_sessions" }, "The server is busy."],
    [{ status: 503, code: "draining" }, "The server is about to restart."],
    [{ status: 503, code: "not_ready" }, "The server is still starting."],
  ])("says %o in plain words, counts down to its next try, and gets through", async (refusal, words) => {
    stage.gateway.refusal = refusal;
    const page = await open(stage);
    await page.getByRole("button", { name: "Talk" }).click();
    await page.getByRole("alert").getByText(words).waitFor();
    await page.getByText(/Trying again in [123] s/).waitFor();
    expect(await findAccessibilityFaults(page)).toEqual([]);
    stage.gateway.refusal = null;
    await page.getByRole("button", { name: "Try again" }).click();
    await (await stage.gateway.nextPeer()).welcome();
    await page.getByText("Listening. Say something.").waitFor();
    expect(await page.locator("#notice").isVisible()).toBe(false);
    expect(await page.evaluate(() => window.parley.errors)).toEqual([refusal.code]);
  });

  it("tries again by itself, and stops trying when it is told to", async () => {
    stage.gateway.refusal = { status: 503, code: "too_many_sessions" };
    const page = await open(stage);
    await page.getByRole("button", { name: "Talk" }).click();
    // The first wait is three seconds, the second one five.
    await page.getByText("Trying again in 5 s").waitFor({ timeout: 20_000 });
    await page.getByRole("button", { name: "Stop trying" }).click();
    expect(await page.locator("#notice").isVisible()).toBe(false);
    const tries = await page.evaluate(() => window.parley.errors.length);
    stage.gateway.refusal = null;
    await talk(stage);
    expect(await page.evaluate(() => window.parley.errors.length)).toBe(tries);
  });

  it("asks for the key where one is wanted, keeps it for the tab and sends it", async () => {
    stage.gateway.refusal = { status: 401, code: "missing_api_key" };
    const page = await open(stage);
    await page.getByRole("button", { name: "Talk" }).click();
    const field = page.getByLabel("API key", { exact: true });
    await field.waitFor();
    expect(await page.getByRole("alert").innerText()).toBe("This server asks for an API key.");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("key");
    expect(await findAccessibilityFaults(page)).toEqual([]);
    stage.gateway.refusal = { status: 401, code: "invalid_api_key" };
    await field.fill("wrong");
    await field.press("Enter");
    await page.getByText("The server didn't accept this API key.").waitFor();
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
    stage.gateway.refusal = null;
    await field.fill("my-key");
    await field.press("Enter");
    const peer = await stage.gateway.nextPeer();
    await peer.welcome();
    await page.getByText("Listening. Say something.").waitFor();
    expect(peer.protocols).toContain("openai-insecure-api-key.my-key");
    const kept = await page.evaluate(() => [sessionStorage.length, localStorage.length, document.cookie]);
    expect(kept).toEqual([1, 0, ""]);
  });

  it("tells of a vendor's trouble without ending the call, and puts it away when told to", async () => {
    const page = await open(stage);
    const peer = await talk(stage);
    const failed = {
      type: "failed",
      error: { type: "server_error", code: "provider_unavailable", message: "no" },
    };
    peer.send({ type: "response.created", response: responseWith("resp_1") });
    peer.send({
      type: "response.done",
      response: responseWith("resp_1", { status: "failed", status_details: failed as never }),
    });
    await page.getByRole("alert").getByText("The engine behind the answers has trouble.").waitFor();
    expect(await page.evaluate(() => window.parley.state)).toBe("listening");
    expect(await findAccessibilityFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Dismiss" }).click();
    expect(await page.locator("#notice").isVisible()).toBe(false);
  });

  it.each([
    [4504, "The conversation reached its longest duration."],
    [4501, "This conversation goes on in another window."],
  ])("says why the server closed with %i", async (code, words) => {
    const page = await open(stage);
    const peer = await talk(stage);
    peer.close(code);
    await page.getByRole("alert").getByText(words).waitFor();
    expect(await page.evaluate(() => window.parley.state)).toBe("closed");
  });
});

describe.skipIf(mustSkipChromium())("the page without a microphone, in Chromium", () => {
  it.each<[string, BrowserOptions, string]>([
    [
      "was refused",
      { speech: new Int16Array(480), allowMicrophone: false },
      "The microphone is blocked for this page.",
    ],
    ["is missing", { speech: null }, "There is no microphone."],
  ])("says what to do when it %s", async (_name, options, words) => {
    const stage = await setStage(options);
    try {
      const page = await open(stage);
      await page.getByRole("button", { name: "Talk" }).click();
      await page.getByRole("alert").getByText(words).waitFor();
      await page.getByRole("button", { name: "Try again" }).waitFor();
      expect(await page.evaluate(() => window.parley.state)).toBe("closed");
      expect(await findAccessibilityFaults(page)).toEqual([]);
    } finally {
      await stage.close();
    }
  });

  it.each([
    ["NotReadableError", "The microphone is in use."],
    ["NotAllowedError", "The microphone is blocked for this page."],
    ["NotFoundError", "There is no microphone."],
  ])("says in plain words what the browser's %s means", async (name, words) => {
    const stage = await setStage();
    try {
      await stage.browser.context.addInitScript((error) => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", error));
      }, name);
      const page = await open(stage);
      await page.getByRole("button", { name: "Talk" }).click();
      await page.getByRole("alert").getByText(words).waitFor();
    } finally {
      await stage.close();
    }
  });

  it("says what to start the server with when the page is neither on https nor on localhost", async () => {
    const stage = await setStage();
    try {
      const page = await open(stage);
      const { port } = new URL(stage.gateway.url);
      await page.goto(`http://${foreignHost}:${port}/`);
      await page
        .getByRole("alert")
        .getByText("Browsers give no microphone to a page without https.")
        .waitFor();
      const steps = await page.locator("#notice-steps li").allInnerTexts();
      expect(steps.join(" ")).toContain("PARLEY_TLS=self npm start");
      expect(steps.join(" ")).toContain(`https://${foreignHost}:${port}/`);
      expect(steps.join(" ")).toContain(`http://localhost:${port}/`);
      expect(await findAccessibilityFaults(page)).toEqual([]);
      await page.getByRole("button", { name: "Talk" }).click();
      await page.getByRole("alert").getByText("without https").waitFor();
      expect(await page.evaluate(() => window.parley.state)).toBe("closed");
    } finally {
      await stage.close();
    }
  });

  it("says so and offers nothing more in a browser that can't hold a conversation", async () => {
    const stage = await setStage();
    try {
      await stage.browser.context.addInitScript(() => {
        Reflect.deleteProperty(globalThis, "AudioWorkletNode");
      });
      const page = await open(stage);
      await page.getByRole("alert").getByText("This browser can't hold a spoken conversation.").waitFor();
      expect(await page.getByRole("button", { name: "Talk" }).isDisabled()).toBe(true);
      expect(await findAccessibilityFaults(page)).toEqual([]);
    } finally {
      await stage.close();
    }
  });
});
