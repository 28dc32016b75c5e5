/** A voice call with a server that knows the plain protocol only: base64 at 24 kHz, no extensions. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadCallPage } from "./call-page.ts";
import { mustSkipChromium, startBrowser, type TestBrowser } from "./chromium.ts";
import { type FakeGateway, type FakePeer, startFakeGateway } from "./fake-gateway.ts";
import { installFakeMicrophone, say } from "./fake-microphone.ts";
import { beginReply, endReply, sendWords } from "./replies.ts";

const rateHz = 24_000;
const toneHz = 300;

function makeTone(seconds: number): Int16Array {
  return Int16Array.from({ length: seconds * rateHz }, (_, at) =>
    Math.round(12_000 * Math.sin((2 * Math.PI * toneHz * at) / rateHz)),
  );
}

/** What the microphone sent so far. */
function sentFrames(peer: FakePeer): Int16Array[] {
  return peer.events.flatMap((event) => {
    if (event.type !== "input_audio_buffer.append") return [];
    return [new Int16Array(new Uint8Array(Buffer.from(event.audio, "base64")).buffer)];
  });
}

function isLoud(frame: Int16Array): boolean {
  return frame.some((sample) => Math.abs(sample) > 4000);
}

describe.skipIf(mustSkipChromium())("VoiceCall with a base64 client, in Chromium", () => {
  let gateway: FakeGateway;
  let browser: TestBrowser;
  let page: Page;
  let peer: FakePeer;

  beforeAll(async () => {
    gateway = await startFakeGateway(await loadCallPage());
    browser = await startBrowser({ speech: new Int16Array(480) });
    await installFakeMicrophone(browser.context);
    page = await browser.context.newPage();
    await page.goto(gateway.url);
    await page.waitForFunction(() => window.callPage !== undefined);
    await page.evaluate(() => window.callPage.make({}, "base64"));
    const started = page.evaluate(() => window.call.start());
    peer = await gateway.nextPeer();
    await peer.welcome();
    await started;
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
  });

  it("asks for the protocol's own rate both ways, and for no extension", () => {
    expect(Object.fromEntries(peer.url.searchParams)).toEqual({});
    const format = { type: "audio/pcm", rate: rateHz };
    expect(peer.events.find(({ type }) => type === "session.update")).toMatchObject({
      session: { audio: { input: { format }, output: { format } } },
    });
  });

  it("sends what the microphone hears at that rate", async () => {
    await say(page, makeTone(1), rateHz);
    await expect.poll(() => sentFrames(peer).filter(isLoud).length, { timeout: 20_000 }).toBeGreaterThan(40);
    const frames = sentFrames(peer);
    // 20 ms each.
    expect(new Set(frames.map(({ length }) => length))).toEqual(new Set([480]));
    const loud = frames.filter(isLoud).flatMap((frame) => [...frame]);
    const rises = loud.flatMap((sample, at) => (at > 0 && sample >= 0 && loud[at - 1]! < 0 ? [at] : []));
    const periods = rises.slice(1).map((at, index) => at - rises[index]!);
    // The usual one: a busy machine leaves gaps in what it records.
    const period = periods.toSorted((a, b) => a - b)[Math.floor(periods.length / 2)]!;
    expect(Math.abs(period - rateHz / toneHz)).toBeLessThanOrEqual(1);
    expect(peer.audioBytes).toBe(0);
  });

  it("plays the reply whole, and lights its words one after another without being told their times", async () => {
    const reply = makeTone(1.2).map((sample) => sample || 1);
    beginReply(peer, "resp_1", "item_2");
    sendWords(peer, "resp_1", "item_2", "One two three four.");
    for (let at = 0; at < reply.length; at += 2400) {
      peer.send({
        type: "response.output_audio.delta",
        ...{ response_id: "resp_1", item_id: "item_2", output_index: 0, content_index: 0 },
        delta: Buffer.from(reply.slice(at, at + 2400).buffer).toString("base64"),
      });
    }
    endReply(peer, "resp_1", "item_2", "One two three four.");
    await page.waitForFunction(() =>
      window.told.some(
        ({ event, payload }) => event === "heard" && (payload as { playedMs: number }).playedMs === 1200,
      ),
    );
    const heard = await page.evaluate(() =>
      window.told
        .filter(({ event }) => event === "heard")
        .map(({ payload }) => payload as { playedMs: number; wordIndex: number }),
    );
    for (const { playedMs, wordIndex } of heard) {
      if (playedMs < 200) expect(wordIndex).toBe(0);
      if (playedMs < 800) expect(wordIndex).toBeLessThan(3);
    }
    expect(heard.at(-1)?.wordIndex).toBe(3);
    const playedSamples = () =>
      page.evaluate(() => window.call.player.recording().filter((sample) => sample !== 0).length);
    await expect.poll(playedSamples).toBe(reply.length);
    expect(peer.events.some(({ type }) => type === "parley.playback")).toBe(false);
  });
});
