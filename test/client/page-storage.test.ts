import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { mustSkipChromium } from "./chromium.ts";
import { open, type Stage, setStage, talk } from "./page-stage.ts";

describe.skipIf(mustSkipChromium())("the page in a browser that blocks site data, in Chromium", () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await setStage();
    await stage.browser.context.addInitScript(() => {
      for (const name of ["localStorage", "sessionStorage"]) {
        Object.defineProperty(globalThis, name, {
          get: () => {
            throw new DOMException("Access is denied for this document.", "SecurityError");
          },
        });
      }
    });
  }, 60_000);
  afterEach(() => stage.page.close());
  afterAll(() => stage?.close());

  it("talks all the same, and settings hold until the page is closed", async () => {
    const page = await open(stage);
    await page.getByLabel("Hold to talk").check();
    await talk(stage);
    await page.getByText("Hold to talk.", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByLabel("Voice").selectOption("ash");
    await page.getByRole("button", { name: "Back to the defaults" }).click();
    expect(await page.getByLabel("Voice").inputValue()).toBe("");
    expect(stage.complaints).toEqual([]);
  });

  it("takes a key, forgets one that was not accepted, and asks again", async () => {
    stage.gateway.refusal = { status: 401, code: "missing_api_key" };
    const page = await open(stage);
    await page.getByRole("button", { name: "Talk" }).click();
    const field = page.getByLabel("API key", { exact: true });
    stage.gateway.refusal = { status: 401, code: "invalid_api_key" };
    await field.fill("wrong");
    await field.press("Enter");
    await page.getByText("The server didn't accept this API key.").waitFor();
    stage.gateway.refusal = null;
    await field.fill("my-key");
    await field.press("Enter");
    const peer = await stage.gateway.nextPeer();
    await peer.welcome();
    await page.getByText("Listening. Say something.").waitFor();
    expect(peer.protocols).toContain("openai-insecure-api-key.my-key");
  });
});
