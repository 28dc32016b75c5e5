/** A real browser with a microphone that hears a file. */
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import type { PageProbe } from "../../client/page/page-probe.ts";
import { wavOf } from "../support/speech.ts";

declare global {
  interface Window {
    parley: PageProbe;
  }
}

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The first browser on PATH; null if there is none. */
export function findChromium(): string | null {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of names) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not in this folder.
      }
    }
  }
  return null;
}

/**
 * Whether tests in a browser must be skipped; says so aloud.
 *
 * @throws {Error} if there is no browser and `REQUIRE_CHROMIUM=1`
 */
export function mustSkipChromium(): boolean {
  if (findChromium() !== null) return false;
  if (process.env.REQUIRE_CHROMIUM === "1")
    throw new Error("REQUIRE_CHROMIUM=1, but there is no Chromium on PATH");
  console.warn("SKIPPED: no Chromium on PATH, so the page was not tested in a browser");
  return true;
}

export interface BrowserOptions {
  /** What the microphone hears, once: mono int16 at 48 kHz. Null: there is no microphone. */
  speech: Int16Array | null;
  /** Whether the user allows the microphone. Default true. */
  allowMicrophone?: boolean;
  /** The browser's own setting for the size of text. Default 16. */
  fontSizePx?: number;
}

/** A browser of its own, and how to get rid of it. */
export interface TestBrowser {
  browser: Browser;
  context: BrowserContext;
  close(): Promise<void>;
}

/** A name of this machine that browsers don't take for this machine. */
export const foreignHost = "parley.test";
const microphoneRateHz = 48_000;

/** Starts Chromium with a fake microphone. */
export async function startBrowser(options: BrowserOptions): Promise<TestBrowser> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error("there is no Chromium on PATH");
  const folder = await mkdtemp(join(tmpdir(), "parley-browser-"));
  const args = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    `--host-resolver-rules=MAP ${foreignHost} 127.0.0.1`,
  ];
  if (options.allowMicrophone === false) args.push("--deny-permission-prompts");
  else args.push("--use-fake-ui-for-media-stream");
  if (options.fontSizePx !== undefined) args.push(`--blink-settings=defaultFontSize=${options.fontSizePx}`);
  if (options.speech !== null) {
    const file = join(folder, "microphone.wav");
    await writeFile(file, wavOf(options.speech, microphoneRateHz));
    args.push("--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${file}%noloop`);
  }
  const browser = await chromium.launch({ executablePath, headless: true, args });
  const context = await browser.newContext();
  return {
    browser,
    context,
    close: async () => {
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What the page played so far (needs `?record=1`), int16 at 24 kHz. */
export async function readRecording(page: Page): Promise<Int16Array> {
  const base64 = await page.evaluate(() => {
    const pcm = window.parley.recording();
    const bytes = new Uint8Array(pcm.buffer);
    let binary = "";
    for (let i = 0; i < bytes.length; i += 0x8000)
      binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
    return btoa(binary);
  });
  const bytes = Uint8Array.from(Buffer.from(base64, "base64"));
  return new Int16Array(bytes.buffer);
}

/** Runs axe-core on the page as it is; each fault in a line. */
export async function findAccessibilityFaults(page: Page): Promise<string[]> {
  // By the debugger's protocol, which the page's strict policy doesn't concern.
  const path = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
  const { readFile } = await import("node:fs/promises");
  await page.evaluate(await readFile(path, "utf8"));
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; help: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations.map(
      ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(" | ")}`,
    );
  });
}
