/**
 * `node test/pictures/screenshots.ts`: makes docs/screenshots/*.png. It starts a gateway with its embedded engines,
 * and Chromium with a microphone that hears a person ask three questions beside a fan, one of them into an answer; what the pictures show was said,
 * heard and measured.
 */
import { mkdir, stat, writeFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { joinSamples } from "../../loadtest/callers/samples.ts";
import { startBrowser } from "../client/chromium.ts";
import { repositoryRoot, startGateway } from "../support/gateway.ts";
import { sayRecording } from "../support/speech.ts";
import { packPng } from "./palette-png.ts";

const folder = `${repositoryRoot}docs/screenshots/`;
const rateHz = 48_000;
const maxBytes = 150 * 1024;
const turnTimeoutMs = 60_000;
const devices = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  desktop: { viewport: { width: 1360, height: 860 }, deviceScaleFactor: 1 },
} as const;
const schemes = ["light", "dark"] as const;
/** Into a question, while it is being heard. */
const listenedMs = 900;
/** Loud enough to be seen, −46 dBFS: a fan at the other end of the desk. */
const fanPeak = 420;
const fanSeed = 20_260;

/** A low rushing sound, the same at every run. */
function addFan(pcm: Int16Array): Int16Array {
  let state = fanSeed;
  let low = 0;
  return pcm.map((sample) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const white = state / 2 ** 31 - 1;
    low += 0.06 * (white - low);
    return Math.max(-32_768, Math.min(32_767, Math.round(sample + fanPeak * (3 * low + 0.15 * white))));
  });
}

async function takePicture(page: Page, name: string): Promise<void> {
  // The pointer rests nowhere, and what fades has faded.
  await page.mouse.move(1, 1);
  const path = `${folder}${name}.png`;
  await writeFile(path, packPng(await page.screenshot({ caret: "hide" })));
  const { size } = await stat(path);
  console.log(`${name}.png ${Math.round(size / 1024)} KB${size > maxBytes ? " (TOO BIG)" : ""}`);
}

/** Waits until that many replies were heard to their end and the page listens again. */
async function waitForReplies(page: Page, count: number): Promise<void> {
  await page.waitForFunction(
    (wanted) =>
      window.parley.state === "listening" &&
      window.parley.turns.filter(({ speaker, final }) => speaker === "reply" && final).length >= wanted,
    count,
    { timeout: turnTimeoutMs },
  );
}

async function photographCall(
  url: string,
  speech: Int16Array,
  device: keyof typeof devices,
  scheme: (typeof schemes)[number],
) {
  const started = await startBrowser({ speech });
  try {
    const context = await started.browser.newContext({ ...devices[device], colorScheme: scheme });
    const page = await context.newPage();
    await page.goto(url);
    await page.evaluate(() => document.fonts.ready);
    await takePicture(page, `idle-${device}-${scheme}`);
    await page.getByRole("button", { name: "Talk" }).click();
    await waitForReplies(page, 2);
    // While the person speaks again: the ring, the meter and the gate's picture move.
    await page.waitForFunction(() => window.parley.state === "hearing", undefined, {
      timeout: turnTimeoutMs,
    });
    await page.waitForFunction(() => document.querySelectorAll("#turns .turn").length > 0);
    if (device === "desktop") await page.locator("#turns summary").first().click();
    // A word or two, so that the ring has something to show.
    await page.waitForTimeout(listenedMs);
    await takePicture(page, `listening-${device}-${scheme}`);
    await page.waitForFunction(
      () => document.querySelectorAll(".caption.sounding .word.heard").length >= 8,
      undefined,
      { timeout: turnTimeoutMs },
    );
    await takePicture(page, `speaking-${device}-${scheme}`);
    if (device === "phone") {
      await page.getByRole("button", { name: "Measures" }).click();
      await takePicture(page, `measures-${device}-${scheme}`);
    }
  } finally {
    await started.close();
  }
}

async function photographError(url: string, device: keyof typeof devices, scheme: (typeof schemes)[number]) {
  const started = await startBrowser({ speech: new Int16Array(480), allowMicrophone: false });
  try {
    const context = await started.browser.newContext({ ...devices[device], colorScheme: scheme });
    const page = await context.newPage();
    await page.goto(url);
    await page.getByRole("button", { name: "Talk" }).click();
    await page.getByText("The microphone is blocked").waitFor();
    await takePicture(page, `error-${device}-${scheme}`);
  } finally {
    await started.close();
  }
}

await mkdir(folder, { recursive: true });
/** The second question is asked into the first answer. */
const speech = addFan(
  joinSamples([
    await sayRecording("What happens when a vendor fails?", { rateHz, beforeMs: 2500, afterMs: 8000 }),
    await sayRecording("How is latency counted?", { rateHz, beforeMs: 0, afterMs: 18_000 }),
    await sayRecording("How does it know that I have finished speaking?", {
      rateHz,
      beforeMs: 0,
      afterMs: 60_000,
    }),
  ]),
);
const only = process.argv.slice(2);
const gateway = await startGateway();
try {
  for (const device of Object.keys(devices) as (keyof typeof devices)[]) {
    for (const scheme of schemes) {
      if (only.length > 0 && !only.includes(`${device}-${scheme}`)) continue;
      await photographError(gateway.url, device, scheme);
      await photographCall(gateway.url, speech, device, scheme);
    }
  }
} finally {
  await gateway.stop();
}
