import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadPage } from "../../gateway/http/page.ts";
import { type RunningGateway, scriptedEngines, startGateway } from "../support/gateway.ts";
import { findAccessibilityFaults, mustSkipChromium, startBrowser, type TestBrowser } from "./chromium.ts";
import { startCountingProxy } from "./counting-proxy.ts";
import { startFakeGateway } from "./fake-gateway.ts";
import { waitForWorker } from "./page-stage.ts";

/** What is promised for a first visit, everything counted. */
const maxFirstLoadBytes = 150 * 1024;

function keptPaths(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const names = await caches.keys();
    const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return requests.flat().map(({ url }) => new URL(url).pathname);
  });
}

describe.skipIf(mustSkipChromium())("the page as an app, in Chromium", () => {
  let browser: TestBrowser;

  beforeAll(async () => {
    browser = await startBrowser({ speech: new Int16Array(48_000 * 30) });
  }, 60_000);
  afterAll(() => browser?.close());

  it("sends no more than 150 KB for a first visit, its service worker included, and asks nobody else", async () => {
    const gateway: RunningGateway = await startGateway({ env: { ...scriptedEngines } });
    const proxy = await startCountingProxy(gateway.port);
    const context = await browser.browser.newContext();
    try {
      const page = await context.newPage();
      const asked: string[] = [];
      const complaints: string[] = [];
      context.on("request", (request) => asked.push(request.url()));
      page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
      await page.goto(proxy.url, { waitUntil: "networkidle" });
      await waitForWorker(page);
      await page.waitForLoadState("networkidle");
      console.info(`a first visit: ${(proxy.sentBytes / 1024).toFixed(1)} KB in ${asked.length} requests`);
      expect(proxy.sentBytes).toBeLessThanOrEqual(maxFirstLoadBytes);
      expect(proxy.sentBytes).toBeGreaterThan(20_000);
      expect(asked.filter((url) => !url.startsWith(proxy.url))).toEqual([]);
      expect(complaints).toEqual([]);

      const before = proxy.sentBytes;
      await page.reload({ waitUntil: "networkidle" });
      expect(proxy.sentBytes - before).toBeLessThan(16_000);
    } finally {
      await context.close();
      await proxy.stop();
      await gateway.stop();
    }
  }, 90_000);

  it("opens without its server, says that it is away, and notices when it is back", async () => {
    const assets = await loadPage();
    let gateway = await startFakeGateway(assets);
    const { url } = gateway;
    const context = await browser.browser.newContext();
    try {
      const page = await context.newPage();
      await page.goto(url);
      await waitForWorker(page);
      await gateway.stop();
      await page.reload();
      await page.getByRole("alert").getByText("The server can't be reached.").waitFor();
      await page.getByText(/Trying again in \d+ s/).waitFor();
      expect(await page.getByRole("button", { name: "Talk" }).isVisible()).toBe(true);
      expect(await findAccessibilityFaults(page)).toEqual([]);
      gateway = await startFakeGateway(assets, Number(new URL(url).port));
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByRole("alert").getByText("The server can't be reached.").waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Talk" }).click();
      await (await gateway.nextPeer()).welcome();
      await page.getByText("Listening. Say something.").waitFor();
    } finally {
      await context.close();
      await gateway.stop();
    }
  });

  it("keeps its own files and nothing of the API", async () => {
    const assets = await loadPage();
    const gateway = await startFakeGateway(assets);
    const context = await browser.browser.newContext();
    try {
      const page = await context.newPage();
      await page.goto(gateway.url);
      await waitForWorker(page);
      for (const path of ["/healthz", "/readyz", "/v1/realtime"])
        await page.evaluate((asked) => fetch(asked).then((response) => response.text()), path);
      await page.reload();
      const kept = await keptPaths(page);
      expect(kept.length).toBeGreaterThan(5);
      for (const path of kept) expect(assets.has(path), path).toBe(true);
      expect(kept.filter((path) => /^\/(v1|healthz|readyz|metrics)/.test(path))).toEqual([]);
    } finally {
      await context.close();
      await gateway.stop();
    }
  });

  it("is one that Chromium would install", async () => {
    const gateway = await startFakeGateway(await loadPage());
    const context = await browser.browser.newContext();
    try {
      const page = await context.newPage();
      await page.goto(gateway.url);
      await waitForWorker(page);
      const session = await context.newCDPSession(page);
      const { url, errors } = await session.send("Page.getAppManifest");
      expect(url).toBe(`${gateway.url}manifest.webmanifest`);
      expect(errors).toEqual([]);
      const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
      // A window without a profile can install nothing; nothing else may stand against it.
      expect(
        installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== "in-incognito"),
      ).toEqual([]);
    } finally {
      await context.close();
      await gateway.stop();
    }
  });
});
