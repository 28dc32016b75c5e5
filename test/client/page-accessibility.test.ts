import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findAccessibilityFaults, mustSkipChromium } from "./chromium.ts";
import {
  levelOf,
  makeNoise,
  open,
  reportOf,
  type Stage,
  sendReplyAudio,
  setStage,
  talk,
} from "./page-stage.ts";
import { beginReply, sendUserTurn, sendWords } from "./replies.ts";

const devices = {
  phone: { width: 390, height: 844 },
  "small phone": { width: 320, height: 568 },
  tablet: { width: 820, height: 1180 },
  desktop: { width: 1360, height: 860 },
} as const;

/** What lies beside the page and can only be reached by scrolling sideways. */
function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

describe.skipIf(mustSkipChromium())("the page for everybody, in Chromium", () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await setStage();
  }, 60_000);
  afterAll(() => stage?.close());

  it.each(
    Object.keys(devices).flatMap((device) =>
      (["light", "dark"] as const).map((scheme) => [device as keyof typeof devices, scheme] as const),
    ),
  )("has no fault that axe-core finds on a %s, %s, in any state", async (device, scheme) => {
    const page = await open(stage, "", devices[device]);
    await page.emulateMedia({ colorScheme: scheme });
    const faults: string[] = [];
    const check = async (state: string): Promise<void> => {
      // Half-faded words have half the contrast.
      await page.evaluate(() => Promise.allSettled(document.getAnimations().map(({ finished }) => finished)));
      for (const fault of await findAccessibilityFaults(page)) faults.push(`${state}: ${fault}`);
      if ((await overflow(page)) > 0) faults.push(`${state}: wider than the window`);
    };
    await check("idle");
    await page.getByRole("button", { name: "Settings" }).click();
    await check("settings");
    await page.getByRole("button", { name: "Done" }).click();
    await page.keyboard.press("?");
    await check("keys");
    await page.keyboard.press("Escape");
    const peer = await talk(stage);
    await check("listening");
    sendUserTurn(peer, "item_1", "What is Parley?");
    await page.getByText("Thinking…").waitFor();
    await check("thinking");
    beginReply(peer, "resp_1", "item_2");
    sendWords(peer, "resp_1", "item_2", "One two three four five six seven eight.");
    sendReplyAudio(peer, makeNoise(24_000 * 8));
    peer.send(reportOf("resp_1"));
    peer.send(levelOf(1600));
    await page.locator(".word.now").waitFor();
    await check("speaking");
    if (device !== "desktop") await page.getByRole("button", { name: "Measures" }).click();
    await page.locator("#turns summary").click();
    await check("measures");
    peer.close(4504);
    await page.getByRole("alert").getByText("longest duration").waitFor();
    await check("ended");
    expect(faults).toEqual([]);
    await page.close();
  });

  it("moves nothing where people asked for that, and shows the owners in forced colours", async () => {
    const page = await open(stage);
    await page.emulateMedia({ reducedMotion: "reduce", forcedColors: "active" });
    await page.getByRole("button", { name: "Settings" }).click();
    const moving = await page.evaluate(() => document.getAnimations().length);
    expect(moving).toBe(0);
    await page.getByRole("button", { name: "Done" }).click();
    const shown = await page.locator("#legend .swatch").evaluateAll((swatches) =>
      swatches.map((swatch) => {
        const { backgroundColor, backgroundImage, borderStyle } = getComputedStyle(swatch);
        return [`${backgroundColor} ${backgroundImage}`, borderStyle];
      }),
    );
    expect(new Set(shown.map(([fill]) => fill)).size).toBe(4);
    expect(shown.every(([, border]) => border === "solid")).toBe(true);
    expect(await findAccessibilityFaults(page)).toEqual([]);
    await page.close();
  });

  it("keeps the talk button where it is in every state", async () => {
    const page = await open(stage, "", devices.phone);
    const where = () => page.locator("#talk").boundingBox();
    const idle = await where();
    const peer = await talk(stage);
    expect(await where()).toEqual(idle);
    sendUserTurn(peer, "item_1", "What is Parley?");
    beginReply(peer, "resp_1", "item_2");
    sendWords(peer, "resp_1", "item_2", "A voice gateway. ".repeat(40));
    sendReplyAudio(peer, makeNoise(24_000 * 4));
    await page.getByText("Speaking.").waitFor();
    expect(await where()).toEqual(idle);
    peer.close(4504);
    await page.getByRole("alert").getByText("longest duration").waitFor();
    expect(await where()).toEqual(idle);
    await page.close();
  });
});
