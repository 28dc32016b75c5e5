/** The page while its server is upgraded: windows of two versions, one service worker. */
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { PageAsset } from "../../gateway/http/app.ts";
import { loadPage } from "../../gateway/http/page.ts";
import { findAccessibilityFaults, mustSkipChromium, startBrowser, type TestBrowser } from "./chromium.ts";
import { type FakeGateway, startFakeGateway } from "./fake-gateway.ts";
import { waitForWorker } from "./page-stage.ts";

const banner = "A newer version of this page is ready.";

describe.skipIf(mustSkipChromium())("the page while its server is upgraded, in Chromium", () => {
  let browser: TestBrowser;
  let older: Map<string, PageAsset>;
  let newer: Map<string, PageAsset>;
  let served: Map<string, PageAsset>;
  let gateway: FakeGateway;
  let context: BrowserContext;

  beforeAll(async () => {
    browser = await startBrowser({ speech: new Int16Array(48_000 * 30) });
    [older, newer] = await Promise.all([loadPage(), loadPage({ minify: false })]);
  }, 60_000);
  beforeEach(async () => {
    served = new Map(older);
    gateway = await startFakeGateway(served);
    context = await browser.browser.newContext();
  });
  afterEach(async () => {
    await context.close();
    await gateway.stop();
  });
  afterAll(() => browser?.close());

  function upgrade(): void {
    served.clear();
    for (const [path, asset] of newer) served.set(path, asset);
  }

  async function open(): Promise<Page> {
    const page = await context.newPage();
    await page.goto(gateway.url);
    await waitForWorker(page);
    return page;
  }

  /** By the names of its files. */
  async function isNewer(page: Page): Promise<boolean> {
    const script = await page.evaluate(() => document.scripts[0]!.getAttribute("src")!);
    return newer.has(script) && !older.has(script);
  }

  const caches = (page: Page) => page.evaluate(() => window.caches.keys());

  async function waitForWaitingWorker(page: Page): Promise<void> {
    await page.evaluate(async () => {
      const registration = await navigator.serviceWorker.ready;
      while (registration.waiting === null) await new Promise((resolve) => setTimeout(resolve, 20));
    });
  }

  it("offers a newer version to an older page, changes to it when told to, and throws the old one away", async () => {
    const page = await open();
    const [old] = await caches(page);
    upgrade();
    const other = await open();
    await page.getByText(banner).waitFor();
    expect(await findAccessibilityFaults(page)).toEqual([]);
    const reloaded = page.waitForEvent("load");
    await page.getByRole("button", { name: "Use it" }).click();
    await reloaded;
    await expect.poll(async () => (await caches(page)).length).toBe(1);
    expect((await caches(page))[0]).not.toBe(old);
    expect(await isNewer(page)).toBe(true);
    expect(await page.getByText(banner).isVisible()).toBe(false);
    expect(await other.getByText(banner).isVisible()).toBe(false);
  });

  it("changes an older page also when another window has begun to use the newer version", async () => {
    const [page, other] = [await open(), await open()];
    upgrade();
    await open();
    for (const offered of [page, other]) {
      await offered.getByText(banner).waitFor();
      const reloaded = offered.waitForEvent("load");
      await offered.getByRole("button", { name: "Use it" }).click();
      await reloaded;
      expect(await isNewer(offered)).toBe(true);
    }
  });

  it("offers nothing to a page that is the newer version already", async () => {
    const page = await open();
    upgrade();
    await page.reload();
    await waitForWaitingWorker(page);
    expect(await isNewer(page)).toBe(true);
    // The worker's answer is on its way: a question asked after the page's own is answered after it.
    await page.evaluate(async () => {
      const { waiting } = await navigator.serviceWorker.ready;
      const { port1, port2 } = new MessageChannel();
      const answered = new Promise((resolve) => port1.addEventListener("message", resolve));
      port1.start();
      waiting!.postMessage([], [port2]);
      await answered;
    });
    expect(await page.getByText(banner).isVisible()).toBe(false);
  });

  it("says that it must be reloaded where its files are gone, and talks again once it is", async () => {
    await context.close();
    context = await browser.browser.newContext({ serviceWorkers: "block" });
    const page = await context.newPage();
    await page.goto(gateway.url);
    await page.getByText("Press Talk and ask something.").waitFor();
    upgrade();
    await page.getByRole("button", { name: "Talk" }).click();
    await page.getByRole("alert").getByText("Parley was updated.").waitFor();
    expect(await page.evaluate(() => window.parley.errors)).toEqual(["page_outdated"]);
    expect(await page.locator("#countdown").isVisible()).toBe(false);
    expect(await findAccessibilityFaults(page)).toEqual([]);
    const reloaded = page.waitForEvent("load");
    await page.getByRole("button", { name: "Reload" }).click();
    await reloaded;
    await page.getByRole("button", { name: "Talk" }).click();
    await (await gateway.nextPeer()).welcome();
    await page.getByText("Listening. Say something.").waitFor();
  });

  it("doesn't take a server that is away for a newer one", async () => {
    await context.close();
    context = await browser.browser.newContext({ serviceWorkers: "block" });
    const page = await context.newPage();
    await page.goto(gateway.url);
    await gateway.stop();
    await page.getByRole("button", { name: "Talk" }).click();
    await page.getByRole("alert").getByText("The server can't be reached.").waitFor();
    expect(await page.getByRole("button", { name: "Reload" }).count()).toBe(0);
  });
});
