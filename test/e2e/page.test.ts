import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { joinSamples } from "../../loadtest/callers/samples.ts";
import {
  findAccessibilityFaults,
  mustSkipChromium,
  readRecording,
  startBrowser,
  type TestBrowser,
} from "../client/chromium.ts";
import { type RunningGateway, scriptedEngines, startGateway } from "../support/gateway.ts";
import { sayRecording } from "../support/speech.ts";
import { transcribe } from "../support/transcribe.ts";
import { normaliseWords } from "../support/word-errors.ts";

/** A whole spoken turn on a small machine, models loading included. */
const turnTimeoutMs = 60_000;
const question = "What happens when a vendor dies?";
const plainReply =
  "Then the next vendor takes over. It goes on after the last word that was spoken, so nothing is lost and nothing is said twice.";

interface ReplyShown {
  user: string;
  reply: string;
}

/** Waits until both sides' words stand on the page and the reply was played to its end. */
async function waitForTurn(page: Page): Promise<ReplyShown> {
  await page.waitForFunction(
    () => {
      const turns = window.parley.turns.filter((turn) => turn.final);
      const answered =
        turns.some((turn) => turn.speaker === "reply") && turns.some((turn) => turn.speaker === "user");
      return answered && window.parley.state === "listening";
    },
    undefined,
    { timeout: turnTimeoutMs },
  );
  return page.evaluate(() => {
    const textOf = (speaker: string): string =>
      window.parley.turns
        .filter((turn) => turn.speaker === speaker)
        .map((turn) => turn.text)
        .join(" ");
    return { user: textOf("user"), reply: textOf("reply") };
  });
}

/** The share of `said`'s longer words that `heard` holds. */
function sharedWordRatio(said: string, heard: string): number {
  const words = new Set(normaliseWords(said).filter((word) => word.length > 3));
  const got = new Set(normaliseWords(heard));
  return [...words].filter((word) => got.has(word)).length / words.size;
}

describe.skipIf(mustSkipChromium())("the page, in Chromium, on a real gateway", () => {
  let gateway: RunningGateway;
  let browser: TestBrowser;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "parley-script-"));
    const script = join(folder, "script.json");
    // What a listener can write down: on a busy machine the embedded answerer may quote a setting.
    await writeFile(script, JSON.stringify({ reply: plainReply }));
    gateway = await startGateway({ env: { PARLEY_AI: "scripted", PARLEY_SCRIPT: script } });
    // The silence after it outlasts the test: the fake device must not fall back to its beeps.
    const speech = await sayRecording(question, { rateHz: 48_000, beforeMs: 2000, afterMs: 60_000 });
    browser = await startBrowser({ speech });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it(
    "hears a question from the microphone, shows both sides' words and plays the answer",
    async () => {
      const page = await browser.context.newPage();
      const complaints: string[] = [];
      page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(error.message));
      await page.goto(`${gateway.url}?record=1`);
      await page.getByRole("button", { name: "Talk" }).click();
      const { user, reply } = await waitForTurn(page);
      const heard = transcribe(await readRecording(page), 24_000);
      console.info(JSON.stringify({ user, reply, heard }));

      expect(normaliseWords(user)).toEqual(expect.arrayContaining(["what", "happens"]));
      await expect(page.getByRole("log").innerText()).resolves.toContain(reply);
      expect(normaliseWords(reply).length).toBeGreaterThan(4);
      // flite's voice through Whisper loses a word now and then; most of the reply must be there.
      expect(sharedWordRatio(reply, heard)).toBeGreaterThan(0.7);
      expect(await page.evaluate(() => window.parley.errors)).toEqual([]);
      expect(complaints).toEqual([]);
      expect(await findAccessibilityFaults(page)).toEqual([]);
      await page.getByRole("button", { name: "End" }).click();
      await page.getByRole("button", { name: "Talk" }).waitFor();
      expect(await page.evaluate(() => window.parley.state)).toBe("closed");
      await page.close();
    },
    turnTimeoutMs + 30_000,
  );
});

describe.skipIf(mustSkipChromium())("the page, in Chromium, on a real gateway with much to say", () => {
  const reply = Array.from(
    { length: 12 },
    (_, i) => `This is sentence number ${i + 1} of a long reply.`,
  ).join(" ");
  let gateway: RunningGateway;
  let browser: TestBrowser;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "parley-script-"));
    const script = join(folder, "script.json");
    await writeFile(script, JSON.stringify({ reply }));
    gateway = await startGateway({ env: { PARLEY_AI: "scripted", PARLEY_SCRIPT: script } });
    const speech = joinSamples([
      await sayRecording(question, { rateHz: 48_000, beforeMs: 2000, afterMs: 6000 }),
      await sayRecording("Wait, tell me something else instead.", { rateHz: 48_000, afterMs: 60_000 }),
    ]);
    browser = await startBrowser({ speech });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it(
    "falls silent when the user talks over the reply, and keeps only the words that were heard",
    async () => {
      const page = await browser.context.newPage();
      await page.goto(`${gateway.url}?record=1`);
      await page.getByRole("button", { name: "Talk" }).click();
      await page.waitForFunction(() => window.parley.turns.some((turn) => turn.interrupted), undefined, {
        timeout: turnTimeoutMs,
      });
      const pcm = await readRecording(page);
      const turns = await page.evaluate(() => window.parley.turns);
      const cut = turns.find((turn) => turn.interrupted)!;
      const heard = transcribe(pcm.subarray(0, 28 * 24_000), 24_000);
      console.info(JSON.stringify({ cut: cut.text, heard, playedMs: Math.round(pcm.length / 24) }));

      expect(reply.startsWith(cut.text)).toBe(true);
      expect(cut.text.length).toBeGreaterThan(10);
      expect(cut.text.length).toBeLessThan(reply.length / 2);
      // The next reply may have begun meanwhile; what was heard of the first one comes first.
      expect(normaliseWords(heard)).toEqual(
        expect.arrayContaining(["this", "is", "sentence", "number", "one"]),
      );
      expect(await page.evaluate(() => window.parley.errors)).toEqual([]);
      await page.close();
    },
    turnTimeoutMs + 30_000,
  );
});

describe.skipIf(mustSkipChromium())("the page, in Chromium, on a real gateway with keys", () => {
  let gateway: RunningGateway;
  let browser: TestBrowser;
  const key = "testkey0123456789abcdef";

  beforeAll(async () => {
    gateway = await startGateway({ env: { ...scriptedEngines, PARLEY_API_KEYS: `page:${key}` } });
    browser = await startBrowser({ speech: new Int16Array(48_000) });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
  });

  it("asks for the key, tells that a wrong one is wrong, and connects with the right one", async () => {
    const page = await browser.context.newPage();
    await page.goto(gateway.url);
    await page.getByRole("button", { name: "Talk" }).click();
    const field = page.getByLabel("API key", { exact: true });
    await field.waitFor();
    expect(await page.getByRole("alert").innerText()).toBe("This server asks for an API key.");
    expect(await findAccessibilityFaults(page)).toEqual([]);

    await field.fill("wrong-key");
    await field.press("Enter");
    await page.getByText("The server didn't accept this API key.").waitFor();

    await field.fill(key);
    await field.press("Enter");
    await page.waitForFunction(() => window.parley.state === "listening", undefined, { timeout: 20_000 });
    expect(await field.isVisible()).toBe(false);
    await page.close();
  }, 60_000);
});
