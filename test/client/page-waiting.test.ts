/** The page while its server or the network is away, and the user waits for a call. */
import type { Page, Route } from "playwright-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mustSkipChromium } from "./chromium.ts";
import { installFakeMicrophone } from "./fake-microphone.ts";
import { open, type Stage, setStage } from "./page-stage.ts";

/** How often the page opened a microphone. */
function countMicrophones(page: Page): Promise<number> {
  return page.evaluate(() => window.fakeMicrophone.asked.length);
}

describe.skipIf(mustSkipChromium())("the page that waits for its server, in Chromium", () => {
  let stage: Stage;

  beforeEach(async () => {
    stage = await setStage();
    await installFakeMicrophone(stage.browser.context);
  }, 60_000);
  afterEach(() => stage?.close());

  /** Opens the page and asks for a call that the server refuses. */
  async function askInVain(): Promise<Page> {
    stage.gateway.refusal = { status: 503, code: "too_many_sessions" };
    const page = await open(stage);
    await page.getByRole("button", { name: "Talk" }).click();
    await page.getByRole("alert").getByText("The server is busy.").waitFor();
    return page;
  }

  it("begins the call by itself when the network is back", async () => {
    const page = await open(stage);
    await stage.browser.context.setOffline(true);
    await page.getByRole("button", { name: "Talk" }).click();
    await page.getByRole("alert").getByText("You are offline.").waitFor();
    await page.getByText(/Trying again in \d+ s/).waitFor();
    await stage.browser.context.setOffline(false);
    await (await stage.gateway.nextPeer()).welcome();
    await page.getByText("Listening. Say something.").waitFor();
    expect(await page.evaluate(() => window.parley.errors[0])).toBe("offline");
  });

  it("opens no microphone before the server would take the call", async () => {
    const page = await askInVain();
    // The first wait is three seconds, the second one five.
    await page.getByText("Trying again in 5 s").waitFor({ timeout: 20_000 });
    expect(await page.evaluate(() => window.parley.errors.length)).toBe(2);
    expect(await countMicrophones(page)).toBe(1);
    stage.gateway.refusal = null;
    await (await stage.gateway.nextPeer()).welcome();
    await page.getByText("Listening. Say something.").waitFor();
    expect(await countMicrophones(page)).toBe(2);
  });

  it("says what else is in the way by now", async () => {
    const page = await askInVain();
    stage.gateway.refusal = { status: 503, code: "draining" };
    await page.getByRole("alert").getByText("The server is about to restart.").waitFor();
  });

  it("begins no call while nobody looks: it says that the server is back", async () => {
    const page = await askInVain();
    await page.evaluate(() => Object.defineProperty(document, "hidden", { value: true, configurable: true }));
    stage.gateway.refusal = null;
    await page.getByRole("alert").getByText("The server is back.").waitFor();
    expect(await page.locator("#countdown").isVisible()).toBe(false);
    expect(await page.evaluate(() => window.parley.state)).toBe("closed");
    expect(await countMicrophones(page)).toBe(1);
    await page.getByRole("button", { name: "Talk" }).click();
    await (await stage.gateway.nextPeer()).welcome();
    await page.getByText("Listening. Say something.").waitFor();
    expect(await page.locator("#notice").isVisible()).toBe(false);
  });

  it("stops a try that is under way when it is told to stop trying", async () => {
    const page = await askInVain();
    stage.gateway.refusal = null;
    // Never welcomed.
    await stage.gateway.nextPeer();
    await page.getByText("Trying…").waitFor();
    await page.getByRole("button", { name: "Stop trying" }).click();
    await page.getByText("Press Talk and ask something.").waitFor();
    expect(await page.evaluate(() => window.parley.state)).toBe("closed");
    expect(await page.locator("#notice").isVisible()).toBe(false);
  });

  it("says no more of a server that it asked before it was told to stop trying", async () => {
    const page = await askInVain();
    let hold = (_route: Route): void => {};
    const held = new Promise<Route>((resolve) => {
      hold = resolve;
    });
    await page.route("**/v1/realtime", (route) => hold(route));
    const route = await held;
    await page.getByText("Trying…").waitFor();
    await page.getByRole("button", { name: "Stop trying" }).click();
    const answered = page.waitForResponse("**/v1/realtime");
    await route.continue();
    await (await answered).finished();
    await page.evaluate(() => fetch("/healthz").then((response) => response.text()));
    expect(await page.locator("#notice").isVisible()).toBe(false);
    expect(await page.evaluate(() => window.parley.errors)).toEqual(["too_many_sessions"]);
  });
});
