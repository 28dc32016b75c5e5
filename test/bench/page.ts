import { startBrowser } from "../client/chromium.ts";
import { startCountingProxy } from "../client/counting-proxy.ts";
import { scriptedEngines, startGateway } from "../support/gateway.ts";
import { type Bench, describeMachine, percentile } from "./report.ts";

const runs = 7;

/** From the navigation's start to the moment at which every control works, in an empty browser. */
async function measureVisit(
  browser: Awaited<ReturnType<typeof startBrowser>>["browser"],
  port: number,
): Promise<{ interactiveMs: number; paintedMs: number; kilobytes: number }> {
  const proxy = await startCountingProxy(port);
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(proxy.url, { waitUntil: "networkidle" });
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => {}));
    await page.waitForLoadState("networkidle");
    const marks = await page.evaluate(() => ({
      interactive: performance.getEntriesByName("parley-interactive")[0]!.startTime,
      painted: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
    }));
    return {
      interactiveMs: marks.interactive,
      paintedMs: marks.painted,
      kilobytes: proxy.sentBytes / 1024,
    };
  } finally {
    await context.close();
    await proxy.stop();
  }
}

export const bench: Bench = {
  description: "the page: first load in bytes, time until it is interactive",
  async run() {
    const gateway = await startGateway({ env: { ...scriptedEngines } });
    const started = await startBrowser({ speech: new Int16Array(480) });
    try {
      // Until the page is bundled, nobody can visit it; and the browser's own first page is not ours to measure.
      await measureVisit(started.browser, gateway.port);
      const visits = [];
      for (let run = 0; run < runs; run++) visits.push(await measureVisit(started.browser, gateway.port));
      const interactive = visits.map(({ interactiveMs }) => interactiveMs);
      return {
        rows: [
          { name: "interactive, median", measured: percentile(interactive, 0.5), unit: "ms", atMost: 1000 },
          { name: "interactive, slowest", measured: Math.max(...interactive), unit: "ms" },
          {
            name: "first paint, median",
            measured: percentile(
              visits.map(({ paintedMs }) => paintedMs),
              0.5,
            ),
            unit: "ms",
          },
          {
            name: "first load, everything counted",
            measured: Math.max(...visits.map(({ kilobytes }) => kilobytes)),
            unit: "KB",
            atMost: 150,
          },
        ],
        notes: [`${runs} first visits in ${started.browser.version()}, ${describeMachine()}`],
        veto: null,
      };
    } finally {
      await started.close();
      await gateway.stop();
    }
  },
};
