/** Large text and flat windows: every control is in reach, and there is room for captions. */
import type { Page } from "playwright-core";
import { afterEach, describe, expect, it } from "vitest";
import { findAccessibilityFaults, mustSkipChromium } from "./chromium.ts";
import { makeNoise, open, type Stage, sendReplyAudio, setStage, talk } from "./page-stage.ts";
import { beginReply, sendUserTurn, sendWords } from "./replies.ts";

/** What lies beside the window, by its text or name; nobody finds it there. */
function beside(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const wide = scrollWidth > clientWidth ? [`the page, by ${scrollWidth - clientWidth}`] : [];
    const lost = [...document.querySelectorAll<HTMLElement>("button, input, #status, #latest")].filter(
      (element) => {
        const { left, right, width } = element.getBoundingClientRect();
        return width > 0 && (left < 0 || right > clientWidth);
      },
    );
    return [...wide, ...lost.map(({ id, textContent }) => id || textContent)];
  });
}

/** Height of what is seen of an element without scrolling. */
function seenPx(page: Page, selector: string): Promise<number> {
  return page.evaluate((wanted) => {
    const { top, bottom } = document.querySelector(wanted)!.getBoundingClientRect();
    return Math.min(bottom, innerHeight) - Math.max(top, 0);
  }, selector);
}

/** How many lines a text takes. */
function linesOf(page: Page, selector: string): Promise<number> {
  return page.evaluate((wanted) => {
    const range = document.createRange();
    range.selectNodeContents(document.querySelector(wanted)!);
    return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size;
  }, selector);
}

/** Whether two elements cover each other. */
function overlap(page: Page, one: string, other: string): Promise<boolean> {
  return page.evaluate(
    ([first, second]) => {
      const a = document.querySelector(first!)!.getBoundingClientRect();
      const b = document.querySelector(second!)!.getBoundingClientRect();
      return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    },
    [one, other],
  );
}

/** A reply that is spoken, and one that was heard before. */
async function hearReply(stage: Stage): Promise<void> {
  const peer = await talk(stage);
  sendUserTurn(peer, "item_1", "What is Parley?");
  beginReply(peer, "resp_1", "item_2");
  sendWords(peer, "resp_1", "item_2", "A voice gateway that you host yourself. ".repeat(6));
  sendReplyAudio(peer, makeNoise(24_000 * 8));
  await stage.page.locator(".word.now").waitFor();
  await stage.page.evaluate(() => {
    document.getElementById("latest")!.textContent = "heard after 0.76 s";
  });
}

describe.skipIf(mustSkipChromium())("the page's layout, in Chromium", () => {
  let stage: Stage;

  afterEach(() => stage?.close());

  it.each([
    [
      16,
      [
        [320, 256],
        [480, 300],
        [568, 320],
        [844, 390],
        [1280, 450],
      ],
    ],
    [
      24,
      [
        [320, 568],
        [390, 844],
        [844, 390],
      ],
    ],
    [
      32,
      [
        [320, 568],
        [390, 844],
        [1024, 768],
        [1366, 768],
      ],
    ],
  ] as const)(
    "keeps every control in reach and the captions in sight with text of %i px",
    async (fontSizePx, windows) => {
      stage = await setStage({ speech: new Int16Array(48_000 * 60), fontSizePx });
      for (const [width, height] of windows) {
        const name = `${width} × ${height}`;
        const page = await open(stage, "", { width, height });
        expect(await beside(page), `${name}, idle`).toEqual([]);
        // Four lines and the way between them, or most of what there is.
        expect(await seenPx(page, "#conversation"), `${name}, idle`).toBeGreaterThan(
          Math.min(6 * fontSizePx, height * 0.38),
        );
        await hearReply(stage);
        expect(await beside(page), `${name}, speaking`).toEqual([]);
        expect(await overlap(page, "#conversation", "#status"), `${name}, speaking`).toBe(false);
        expect(await seenPx(page, "#talk"), `${name}, speaking`).toBeGreaterThan(44);
        expect(await linesOf(page, "#latest"), `${name}, speaking`).toBe(1);
        await page.getByRole("button", { name: "Settings" }).click();
        expect(await beside(page), `${name}, settings`).toEqual([]);
        await page.evaluate(() =>
          Promise.allSettled(document.getAnimations().map(({ finished }) => finished)),
        );
        expect(await findAccessibilityFaults(page), name).toEqual([]);
        await page.close();
      }
    },
    90_000,
  );

  it("keeps the talk button where it is on a phone that lies on its side", async () => {
    stage = await setStage();
    const page = await open(stage, "", { width: 640, height: 360 });
    const where = () => page.locator("#talk").boundingBox();
    const idle = await where();
    await hearReply(stage);
    // It says more now than one line holds.
    expect(await linesOf(page, "#status")).toBe(2);
    expect(await where()).toEqual(idle);
  });
});
