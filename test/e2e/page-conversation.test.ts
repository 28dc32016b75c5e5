/** A whole conversation on the page, in a real browser, with the embedded engines: three turns, a nod and an interruption. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ShownTurn } from "../../client/page/captions-view.ts";
import type { LevelEvent } from "../../wire/extensions.ts";
import { mustSkipChromium, readRecording, startBrowser, type TestBrowser } from "../client/chromium.ts";
import { installFakeMicrophone, say } from "../client/fake-microphone.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { sayUtterance, type TestVoice } from "../support/speech.ts";
import { transcribe } from "../support/transcribe.ts";
import { normaliseWords } from "../support/word-errors.ts";

/** One turn on a small machine, models loading and speaking included. */
const turnTimeoutMs = 90_000;
const samplesPerMs = 24;
/** Of flite's voices the one whose short words the small recogniser understands every time. */
const callerVoice: TestVoice = "slt";

/** How surely the gateway heard a voice, report by report, as it told the page. */
function collectSpeechRatios(page: Page): number[] {
  const ratios: number[] = [];
  page.on("websocket", (socket) =>
    socket.on("framereceived", ({ payload }) => {
      if (typeof payload !== "string" || !payload.includes('"parley.level"')) return;
      ratios.push((JSON.parse(payload) as LevelEvent).speech_ratio);
    }),
  );
  return ratios;
}

const interruption = "Wait, how does it handle interruptions?";

/** Speaks into the page's microphone, at once. */
async function speak(page: Page, words: string): Promise<void> {
  const { pcm, rateHz } = await sayUtterance(words, callerVoice);
  await say(page, pcm, rateHz);
}

/** Waits until `count` replies stand on the page and the last of them has sounded for `playedMs`. */
async function waitForSpeaking(page: Page, count: number, playedMs: number): Promise<void> {
  const fromSamples = await page.evaluate(() => window.parley.recording().length);
  await page.waitForFunction(
    ([wanted, samples]) => {
      const replies = window.parley.turns.filter(({ speaker }) => speaker === "reply");
      const { length } = window.parley.recording();
      return replies.length === wanted && window.parley.state === "speaking" && length >= samples;
    },
    [count, fromSamples + playedMs * samplesPerMs] as const,
    { timeout: turnTimeoutMs, polling: 50 },
  );
}

/** Waits until `count` turns stand on the page, all of them finished, and it listens again. */
async function waitForQuiet(page: Page, count: number): Promise<ShownTurn[]> {
  await page.waitForFunction(
    (wanted) => {
      const { turns, state } = window.parley;
      return turns.length >= wanted && turns.every(({ final }) => final) && state === "listening";
    },
    count,
    { timeout: turnTimeoutMs, polling: 50 },
  );
  return page.evaluate(() => window.parley.turns);
}

/** The share of `said`'s longer words that `heard` holds. */
function sharedWordRatio(said: string, heard: string): number {
  const words = new Set(normaliseWords(said).filter((word) => word.length > 3));
  const got = new Set(normaliseWords(heard));
  return [...words].filter((word) => got.has(word)).length / words.size;
}

/** What an independent ear makes of what was played since `fromSamples`. */
async function hear(page: Page, fromSamples: number): Promise<{ words: string; samples: number }> {
  const played = await readRecording(page);
  return { words: transcribe(played.subarray(fromSamples), samplesPerMs * 1000), samples: played.length };
}

describe.skipIf(mustSkipChromium())(
  "a conversation on the page, in Chromium, with the embedded engines",
  () => {
    let gateway: RunningGateway;
    let browser: TestBrowser;

    beforeAll(async () => {
      gateway = await startGateway();
      browser = await startBrowser({ speech: new Int16Array(480) });
      await installFakeMicrophone(browser.context);
    }, 120_000);

    afterAll(async () => {
      await browser?.close();
      await gateway?.stop();
    });

    it(
      "holds three turns: a reply goes on over a nod, stops when it is talked over, and only what was heard of it stays",
      async () => {
        const page = await browser.context.newPage();
        const complaints: string[] = [];
        page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
        page.on("pageerror", (error) => complaints.push(error.message));
        const speechRatios = collectSpeechRatios(page);
        await page.goto(`${gateway.url}?record=1`);
        await page.getByRole("button", { name: "Talk", exact: true }).click();
        await page.waitForFunction(() => window.parley.state === "listening", undefined, { timeout: 30_000 });

        // A question; while it is answered, the caller nods aloud.
        await speak(page, "How do I install it?");
        await waitForSpeaking(page, 1, 2_500);
        const reportsBefore = speechRatios.length;
        await speak(page, "Yeah.");
        const first = await waitForQuiet(page, 2);
        const firstHeard = await hear(page, 0);
        console.info(JSON.stringify({ first, heard: firstHeard.words }));
        expect(first.map(({ speaker, interrupted }) => [speaker, interrupted])).toEqual([
          ["user", false],
          ["reply", false],
        ]);
        expect(normaliseWords(first[0]!.text)).toContain("install");
        // The nod was heard, and all of the answer was played, the end as well as the beginning.
        expect(Math.max(...speechRatios.slice(reportsBefore))).toBeGreaterThan(0.5);
        expect(sharedWordRatio(first[1]!.text, firstHeard.words)).toBeGreaterThan(0.7);

        // A second one; its answer is talked over with a third.
        await speak(page, "What happens when a provider fails?");
        await waitForSpeaking(page, 2, 3_500);
        await speak(page, interruption);
        await page.waitForFunction(
          () => window.parley.turns.some(({ interrupted }) => interrupted),
          undefined,
          {
            timeout: turnTimeoutMs,
            polling: 20,
          },
        );
        const cut = await hear(page, firstHeard.samples);
        const last = await waitForQuiet(page, 6);
        const lastHeard = await hear(page, cut.samples);
        console.info(JSON.stringify({ last: last.slice(2), cut: cut.words, lastHeard: lastHeard.words }));
        expect(last.map(({ speaker, interrupted }) => [speaker, interrupted])).toEqual([
          ["user", false],
          ["reply", false],
          ["user", false],
          ["reply", true],
          ["user", false],
          ["reply", false],
        ]);
        // What the page keeps of the second answer is its beginning, and that is what sounded.
        const kept = last[3]!.text;
        expect(kept).toMatch(/^The next provider in the chain takes over\./);
        expect(kept).not.toContain("no sentence is repeated");
        expect(sharedWordRatio(kept, cut.words)).toBeGreaterThan(0.6);
        expect(Math.abs(normaliseWords(kept).length - normaliseWords(cut.words).length)).toBeLessThanOrEqual(
          4,
        );
        // The interruption was understood and answered to its end.
        expect(sharedWordRatio(interruption, last[4]!.text)).toBeGreaterThan(0.5);
        expect(sharedWordRatio(last[5]!.text, lastHeard.words)).toBeGreaterThan(0.7);

        const log = await page.getByRole("log").innerText();
        for (const { text } of last) expect(log.replaceAll(/\s+/g, " ")).toContain(text);
        // Every answer's wait was measured on the caller's own clock.
        const waits = await page.evaluate(() => [...window.parley.waits]);
        console.info(JSON.stringify({ waits }));
        expect(waits).toHaveLength(3);
        expect(await page.evaluate(() => window.parley.errors)).toEqual([]);
        expect(complaints).toEqual([]);
        await page.close();
      },
      4 * turnTimeoutMs,
    );
  },
);
