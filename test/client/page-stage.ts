/** The page in a real browser, on a gateway that does what a test tells it. */
import type { Page } from "playwright-core";
import { loadPage } from "../../gateway/http/page.ts";
import type { LevelEvent, TurnEvent } from "../../wire/extensions.ts";
import { type BrowserOptions, startBrowser, type TestBrowser } from "./chromium.ts";
import { type FakeGateway, type FakePeer, startFakeGateway } from "./fake-gateway.ts";

/** What a test of the page needs; `close` it. */
export interface Stage {
  gateway: FakeGateway;
  browser: TestBrowser;
  page: Page;
  /** Everything that went to the console as an error, and every exception. */
  complaints: string[];
  close(): Promise<void>;
}

const silence: BrowserOptions = { speech: new Int16Array(48_000 * 60) };

/** Starts a gateway and a browser; `open` comes next. */
export async function setStage(options: BrowserOptions = silence): Promise<Stage> {
  const gateway = await startFakeGateway(await loadPage());
  const browser = await startBrowser(options);
  const stage: Stage = {
    gateway,
    browser,
    page: null as unknown as Page,
    complaints: [],
    close: async () => {
      await browser.close();
      await gateway.stop();
    },
  };
  return stage;
}

/** Opens the page anew. */
export async function open(
  stage: Stage,
  path = "",
  device: { width: number; height: number } = { width: 1280, height: 900 },
): Promise<Page> {
  stage.complaints.length = 0;
  const page = await stage.browser.context.newPage();
  await page.setViewportSize(device);
  page.on("console", (message) => message.type() === "error" && stage.complaints.push(message.text()));
  page.on("pageerror", (error) => stage.complaints.push(error.message));
  await page.goto(stage.gateway.url + path);
  stage.page = page;
  return page;
}

/** Presses Talk and welcomes the call. */
export async function talk({ page, gateway }: Stage): Promise<FakePeer> {
  await page.getByRole("button", { name: "Talk" }).click();
  const peer = await gateway.nextPeer();
  await peer.welcome();
  await page.waitForFunction(() => window.parley.state === "listening");
  return peer;
}

/** Until a service worker answers for the page. */
export async function waitForWorker(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    while (navigator.serviceWorker.controller === null)
      await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve));
  });
}

/** A reply's sound in frames of 20 ms at 24 kHz. */
export function sendReplyAudio(peer: FakePeer, pcm: Int16Array): void {
  for (let at = 0; at < pcm.length; at += 480) peer.sendAudio(pcm.subarray(at, at + 480), at / 24);
}

/** Noise that is like itself nowhere else: a reply that was changed or shifted can't pass for it. */
export function makeNoise(samples: number): Int16Array {
  let seed = 12345;
  return Int16Array.from({ length: samples }, () => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return ((seed >> 8) & 0x3fff) - 0x2000 || 1;
  });
}

/** A turn's report as a gateway writes it: 600 ms of pause, 40 of its own, 160 of engines. */
export function reportOf(responseId: string, more: Partial<TurnEvent> = {}): Omit<TurnEvent, "event_id"> {
  return {
    type: "parley.turn",
    response_id: responseId,
    kind: "voice",
    spans: [
      { span: "endpoint", owner: "speaker", duration_ms: 600 },
      { span: "vad", owner: "gateway", duration_ms: 30 },
      { span: "stt", owner: "vendor", duration_ms: 100, provider: "embedded" },
      { span: "tts", owner: "vendor", duration_ms: 60, provider: "flite" },
      { span: "egress", owner: "gateway", duration_ms: 10 },
    ],
    totals: { turn_ms: 800, infra_ms: 40, vendor_ms: 160, client_ms: 0, speaker_ms: 600 },
    providers: [
      { stage: "stt", provider: "embedded", outcome: "completed" },
      { stage: "tts", provider: "flite", outcome: "completed" },
    ],
    ...more,
  };
}

/** A gate's report: loud low bands, taken down by 20 dB. */
export function levelOf(sample: number): Omit<LevelEvent, "event_id"> {
  const rawBands = Array.from({ length: 16 }, (_, band) => -40 - 2 * band);
  return {
    type: "parley.level",
    sample,
    raw_db: -38.2,
    gated_db: -57.6,
    noise_db: -51,
    speech_ratio: 0.02,
    raw_bands_db: rawBands,
    gated_bands_db: rawBands.map((db) => db - 20),
  };
}

/** Whether the Talk button is held, or stays down. */
export function isPressed(page: Page): Promise<boolean> {
  return page.evaluate(() => "pressed" in document.body.dataset);
}
