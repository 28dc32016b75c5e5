import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sayRecording } from "../support/speech.ts";
import { findAccessibilityFaults, mustSkipChromium } from "./chromium.ts";
import type { FakePeer } from "./fake-gateway.ts";
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
import { beginReply, endReply, sendUserTurn, sendWords } from "./replies.ts";

/** A whole turn, from the user's words to the report. */
async function takeTurn({ page }: Stage, peer: FakePeer, number: number, question: string): Promise<void> {
  const [response, asked, answered] = [`resp_${number}`, `item_${number}u`, `item_${number}r`];
  sendUserTurn(peer, asked, question);
  beginReply(peer, response, answered);
  sendWords(peer, response, answered, "A voice gateway.");
  sendReplyAudio(peer, makeNoise(12_000));
  endReply(peer, response, answered, "A voice gateway.");
  peer.send(reportOf(response));
  // It is shown before the reply; what comes after the report is that the reply is over.
  await page
    .locator("#turns summary")
    .nth(number - 1)
    .waitFor();
  await page.getByText("Listening. Say something.").waitFor();
}

describe.skipIf(mustSkipChromium())("the page's measures, in Chromium", () => {
  let stage: Stage;

  beforeAll(async () => {
    // Somebody speaks: without a voice there is no end of one to count from.
    const speech = await sayRecording("What is Parley?", { rateHz: 48_000, beforeMs: 100, afterMs: 60_000 });
    stage = await setStage({ speech });
  }, 60_000);
  afterAll(() => stage?.close());

  it("shows each turn's ledger as a waterfall, the time until it was heard, and the session's sums", async () => {
    const page = await open(stage);
    const peer = await talk(stage);
    // The voice is heard, and over.
    const level = async () => Number(await page.locator("#meter").getAttribute("aria-valuenow"));
    await expect.poll(level, { timeout: 20_000, interval: 50 }).toBeGreaterThan(15);
    await expect.poll(level, { timeout: 20_000 }).toBeLessThan(10);
    await takeTurn(stage, peer, 1, "What is Parley?");
    const waits = await page.evaluate(() => [...window.parley.waits]);
    expect(waits).toHaveLength(1);
    const shown = `${(waits[0]! / 1000).toFixed(2)}`;
    expect(await page.locator("#headline-figure").innerText()).toMatch(new RegExp(`^${shown}\\s*s$`));
    expect(await page.locator("#headline-note").innerText()).toContain("40 ms of it Parley's own");
    expect(await page.locator(".caption.reply .aside").innerText()).toBe(`heard after ${shown} s`);

    const summary = page.locator("#turns summary");
    expect(await summary.locator(".asked").innerText()).toBe("What is Parley?");
    expect(await summary.locator(".wait").innerText()).toBe(`${shown} s`);
    const widths = await summary
      .locator(".bar i")
      .evaluateAll((segments) =>
        segments.map((segment) => [segment.className, (segment as HTMLElement).style.width]),
      );
    expect(widths).toEqual([
      ...[
        ["speaker", "75%"],
        ["gateway", "3.75%"],
        ["vendor", "12.5%"],
        ["vendor", "7.5%"],
        ["gateway", "1.25%"],
      ],
    ]);
    await summary.focus();
    await page.keyboard.press("Enter");
    const rows = await page.locator("#turns .spans tr").allInnerTexts();
    expect(rows.map((row) => row.replaceAll(/\s+/g, " ").trim())).toEqual([
      "had you finished? your pause 600 ms",
      "hearing the pause Parley 30 ms",
      "writing it down engines: embedded 100 ms",
      "first sound engines: flite 60 ms",
      "onto the network Parley 10.0 ms",
    ]);
    // Each block begins where the one before it ends.
    const starts = await page
      .locator("#turns .lane i")
      .evaluateAll((blocks) => blocks.map((block) => (block as HTMLElement).style.marginLeft));
    expect(starts).toEqual(["0%", "75%", "78.75%", "91.25%", "98.75%"]);
    expect(await findAccessibilityFaults(page)).toEqual([]);

    await takeTurn(stage, peer, 2, "And then?");
    expect(await page.locator("#turns .asked").allInnerTexts()).toEqual(["And then?", "What is Parley?"]);
    const totals = await page.locator("#totals div").allInnerTexts();
    const sums = Object.fromEntries(totals.map((row) => row.split("\n") as [string, string]));
    expect(sums).toMatchObject({
      Turns: "2",
      "Interrupted by you": "0",
      "Parley's own share, median": "40 ms",
    });
    expect(sums.Engines).toBe("stt embedded, tts flite");
    expect(sums["Minutes heard"]).toBe("0:01");
    await page.close();
  });

  it("draws what the gate takes away: the picture changes, the figures stand beside it", async () => {
    const page = await open(stage);
    const peer = await talk(stage);
    const picture = () =>
      page.evaluate(() => (document.getElementById("gate") as HTMLCanvasElement).toDataURL());
    const before = await picture();
    for (let i = 0; i < 12; i++) peer.send(levelOf(1600 * i));
    await expect.poll(picture).not.toBe(before);
    await expect.poll(() => page.locator("#gate-in").innerText()).toBe("−38 dB");
    expect(await page.locator("#gate-out").innerText()).toBe("−58 dB");
    expect(await page.locator("#gate-noise").innerText()).toBe("−51 dB");
    expect(await page.locator("#gate").getAttribute("aria-label")).toContain("−38 dB in, −58 dB out");
    await page.getByRole("button", { name: "End" }).click();
    await expect.poll(() => page.locator("#gate-in").innerText()).toBe("–");
    await page.close();
  });

  it("moves the microphone's meter with the voice, and lets it fall when muted", async () => {
    const page = await open(stage);
    await talk(stage);
    const level = () =>
      page.evaluate(() => Number(document.getElementById("meter")!.style.getPropertyValue("--level")));
    await expect.poll(level, { timeout: 10_000, interval: 30 }).toBeGreaterThan(0.1);
    await page.getByRole("button", { name: "Mute" }).click();
    await expect.poll(level).toBe(0);
    await page.close();
  });

  it("saves the conversation with its measures as a text", async () => {
    const page = await open(stage);
    expect(await page.getByRole("button", { name: "Save" }).isDisabled()).toBe(true);
    const peer = await talk(stage);
    await takeTurn(stage, peer, 1, "What is Parley?");
    const waiting = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save" }).click();
    const download = await waiting;
    expect(download.suggestedFilename()).toMatch(/^parley-\d{4}-\d\d-\d\d-\d{4}\.md$/);
    const text = await readFile(await download.path(), "utf8");
    expect(text).toMatch(/^# A conversation with Parley, /);
    expect(text).toMatch(
      /\*\*You\*\* \(.+\): What is Parley\?\n\n\*\*Parley\*\* \(.+\): A voice gateway\.\n/,
    );
    expect(text).toMatch(/\| 1 \| What is Parley\? \| .+ \| 800 ms \| 40 ms \|/);
    expect(stage.complaints).toEqual([]);
    await page.close();
  });
});
