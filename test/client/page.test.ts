import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loadPage } from "../../gateway/http/page.ts";
import {
  type BrowserOptions,
  findAccessibilityFaults,
  foreignHost,
  mustSkipChromium,
  readRecording,
  startBrowser,
  type TestBrowser,
} from "./chromium.ts";
import { type FakeGateway, type FakePeer, startFakeGateway } from "./fake-gateway.ts";
import { beginReply, endReply, sendUserTurn, sendWords } from "./replies.ts";

/** Noise that is like itself nowhere else: a reply that was changed or shifted can't pass for it. */
function makeNoise(samples: number): Int16Array {
  let seed = 12345;
  return Int16Array.from({ length: samples }, () => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return ((seed >> 8) & 0x3fff) - 0x2000 || 1;
  });
}

/** What was played, without the silence around it. */
function trimSilence(pcm: Int16Array): Int16Array {
  const first = pcm.findIndex((sample) => sample !== 0);
  return first < 0 ? new Int16Array(0) : pcm.slice(first, pcm.findLastIndex((sample) => sample !== 0) + 1);
}

/** Sends audio in frames of 20 ms at 24 kHz. */
function sendReplyAudio(peer: FakePeer, pcm: Int16Array): void {
  for (let at = 0; at < pcm.length; at += 480) peer.sendAudio(pcm.subarray(at, at + 480), at / 24);
}

describe("loadPage", () => {
  it("makes a small page whose every file is its own and named by its content", async () => {
    const [page, again] = await Promise.all([loadPage(), loadPage()]);
    const html = page.get("/")!;
    expect([...again].map(([path, { etag }]) => [path, etag])).toEqual(
      [...page].map(([path, { etag }]) => [path, etag]),
    );
    expect(html.contentType).toBe("text/html; charset=utf-8");
    expect(html.cacheControl).toBe("no-cache");
    const linked = [...html.body.toString().matchAll(/(?:href|src)="([^"]+)"/g)].map((match) => match[1]!);
    expect(linked).toHaveLength(3);
    for (const path of linked) expect(page.has(path)).toBe(true);
    const script = page.get(linked.find((path) => path.endsWith(".js"))!)!.body.toString();
    const worklets = [...page.keys()].filter((path) => path.includes("worklet"));
    expect(worklets).toHaveLength(2);
    for (const path of worklets) expect(script).toContain(path);
    for (const [path, { cacheControl }] of page) {
      expect(cacheControl.includes("immutable")).toBe(/^\/assets\/.+-[0-9A-Z]{8}\.(js|css)$/.test(path));
    }
    const compressed = [...page.values()].reduce((sum, { body }) => sum + gzipSync(body).length, 0);
    expect(compressed).toBeLessThan(25_000);
  });

  it("has nothing inline that a strict policy forbids", async () => {
    const html = (await loadPage()).get("/")!.body.toString();
    expect(html).not.toMatch(/ style=| on[a-z]+=|<style|<script(?![^>]* src=)/);
  });
});

describe.skipIf(mustSkipChromium())("the page, in Chromium", () => {
  let gateway: FakeGateway;
  let browser: TestBrowser;
  let page: Page;
  const complaints: string[] = [];

  async function open(path = ""): Promise<void> {
    page = await browser.context.newPage();
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(gateway.url + path);
  }

  async function talk(): Promise<FakePeer> {
    await page.getByRole("button", { name: "Talk" }).click();
    const peer = await gateway.nextPeer();
    await peer.welcome();
    await page.getByText("Listening. Say something.").waitFor();
    return peer;
  }

  beforeAll(async () => {
    gateway = await startFakeGateway(await loadPage());
    browser = await startBrowser({ speech: new Int16Array(48_000 * 60) });
  }, 60_000);

  beforeEach(() => {
    gateway.refusal = null;
    complaints.length = 0;
  });

  afterEach(async () => {
    await page.close();
  });

  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
  });

  it("sends what the microphone hears at 16 kHz, once the server has taken that format", async () => {
    await open();
    await page.getByRole("button", { name: "Talk" }).click();
    const peer = await gateway.nextPeer();
    expect(Object.fromEntries(peer.url.searchParams)).toEqual({ audio: "binary", duck: "1", debug: "1" });
    await peer.welcome();
    const { session } = peer.events[0] as { session: { audio: object } };
    expect(session.audio).toEqual({
      input: {
        format: { type: "audio/pcm", rate: 16000 },
        transcription: { model: "whisper-1" },
        turn_detection: { type: "server_vad" },
      },
      output: { format: { type: "audio/pcm", rate: 24000 } },
    });
    expect(peer.audioBytes).toBe(0);
    await expect.poll(() => peer.audioBytes, { timeout: 10_000 }).toBeGreaterThan(6400);
    expect(peer.audioBytes % 640).toBe(0);
    expect(complaints).toEqual([]);
  });

  it("plays a reply to the sample, acknowledges it to its end and shows both sides' words", async () => {
    await open("?record=1");
    const peer = await talk();
    const reply = makeNoise(24_000);
    sendUserTurn(peer, "item_1", "What is Parley?");
    beginReply(peer, "resp_1", "item_2");
    sendWords(peer, "resp_1", "item_2", "A voice gateway.");
    sendReplyAudio(peer, reply);
    endReply(peer, "resp_1", "item_2", "A voice gateway.");
    let playedMs = 0;
    while (playedMs < 1000) {
      const ack = await peer.next("parley.playback");
      expect(ack.item_id).toBe("item_2");
      expect(ack.played_ms).toBeGreaterThanOrEqual(playedMs);
      playedMs = ack.played_ms;
    }
    expect(playedMs).toBe(1000);
    await page.getByText("Listening. Say something.").waitFor();
    expect(trimSilence(await readRecording(page))).toEqual(reply);
    const log = page.getByRole("log");
    expect((await log.innerText()).split(/\n+/)).toEqual([
      "You",
      "What is Parley?",
      "Parley",
      "A voice gateway.",
    ]);
    expect(await findAccessibilityFaults(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it("falls silent when the user interrupts and tells the server how much was heard, to the millisecond", async () => {
    await open("?record=1");
    const peer = await talk();
    beginReply(peer, "resp_1", "item_2");
    sendWords(peer, "resp_1", "item_2", "One two three four five six.");
    sendReplyAudio(peer, makeNoise(24_000 * 20));
    await peer.next("parley.playback");
    await page.getByText("Speaking.").waitFor();
    peer.send({ type: "input_audio_buffer.speech_started", item_id: "item_3", audio_start_ms: 1 });
    const truncate = await peer.next("conversation.item.truncate");
    const lastAck = peer.events.findLast((event) => event.type === "parley.playback")!;
    expect(truncate).toMatchObject({ item_id: "item_2", content_index: 0, audio_end_ms: lastAck.played_ms });
    // What still comes of it is not played.
    sendReplyAudio(peer, makeNoise(4800));
    peer.send({
      type: "conversation.item.truncated",
      item_id: "item_2",
      content_index: 0,
      audio_end_ms: truncate.audio_end_ms,
    });
    await peer.next("conversation.item.retrieve");
    peer.send({
      type: "conversation.item.retrieved",
      item: {
        ...{
          type: "message",
          id: "item_2",
          object: "realtime.item",
          status: "incomplete",
          role: "assistant",
        },
        content: [{ type: "output_audio", transcript: "One two" }],
      },
    } as never);
    await page.getByText("interrupted").waitFor();
    await page.getByText("I hear you…").waitFor();
    const shown = await page.evaluate(() => window.parley.turns);
    expect(shown).toEqual([
      { itemId: "item_2", speaker: "reply", text: "One two", final: true, interrupted: true },
    ]);
    const played = trimSilence(await readRecording(page));
    // The last samples of the fade round to silence and are trimmed.
    expect(Math.abs(played.length / 24 - truncate.audio_end_ms)).toBeLessThan(2);
  });

  it("can be used by keyboard alone: Enter talks, Escape interrupts, Enter ends", async () => {
    await open();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("talk");
    await page.keyboard.press("Enter");
    const peer = await gateway.nextPeer();
    await peer.welcome();
    await page.getByText("Listening. Say something.").waitFor();
    beginReply(peer, "resp_1", "item_2");
    sendReplyAudio(peer, makeNoise(24_000 * 20));
    await page.getByText("Speaking.").waitFor();
    await page.keyboard.press("Escape");
    await peer.next("response.cancel");
    await peer.next("conversation.item.truncate");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Talk" }).waitFor();
    expect(await page.evaluate(() => window.parley.state)).toBe("closed");
  });

  it("asks for the key where one is wanted, keeps it for the tab and sends it", async () => {
    gateway.refusal = { status: 401, code: "missing_api_key" };
    await open();
    await page.getByRole("button", { name: "Talk" }).click();
    const field = page.getByLabel("API key", { exact: true });
    await field.waitFor();
    expect(await page.getByRole("alert").innerText()).toBe("This server asks for an API key.");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("key");
    expect(await findAccessibilityFaults(page)).toEqual([]);
    gateway.refusal = null;
    await field.fill("my-key");
    await field.press("Enter");
    const peer = await gateway.nextPeer();
    await peer.welcome();
    await page.getByText("Listening. Say something.").waitFor();
    expect(peer.protocols).toContain("openai-insecure-api-key.my-key");
    expect(await page.evaluate(() => [sessionStorage.length, localStorage.length, document.cookie])).toEqual([
      1,
      0,
      "",
    ]);
  });

  it("says in plain words that the server is busy, and works at the next press", async () => {
    gateway.refusal = { status: 503, code: "too_many_sessions" };
    await open();
    await page.getByRole("button", { name: "Talk" }).click();
    await page.getByText("The server is busy. Try again in a moment.").waitFor();
    gateway.refusal = null;
    await talk();
    expect(await page.getByRole("alert").innerText()).toBe("");
  });

  it("says that it connects again, and that it begins anew", async () => {
    await open();
    const peer = await talk();
    peer.close(4000, "restart");
    await page.getByText("The server is restarting. Connecting again…").waitFor();
    const second = await gateway.nextPeer();
    await second.welcome();
    await page.getByText("This is a new conversation").waitFor();
    await page.getByText("Listening. Say something.").waitFor();
    await expect.poll(() => second.audioBytes, { timeout: 10_000 }).toBeGreaterThan(0);
  });
});

describe.skipIf(mustSkipChromium())("the page without a microphone, in Chromium", () => {
  it.each<[string, BrowserOptions, string]>([
    [
      "was refused",
      { speech: new Int16Array(480), allowMicrophone: false },
      "The microphone is blocked. Allow it for this page in the browser's address bar, then try again.",
    ],
    ["is missing", { speech: null }, "No microphone was found. Plug one in, then try again."],
  ])("says what to do when it %s", async (_name, options, words) => {
    const gateway = await startFakeGateway(await loadPage());
    const browser = await startBrowser(options);
    try {
      const page = await browser.context.newPage();
      await page.goto(gateway.url);
      await page.getByRole("button", { name: "Talk" }).click();
      await page.getByRole("alert").getByText(words).waitFor();
      expect(await page.evaluate(() => window.parley.state)).toBe("closed");
      expect(await findAccessibilityFaults(page)).toEqual([]);
    } finally {
      await browser.close();
      await gateway.stop();
    }
  });

  it("says why there is none when the page is neither on https nor on localhost, and when the server is gone", async () => {
    const gateway = await startFakeGateway(await loadPage());
    const browser = await startBrowser({ speech: new Int16Array(480) });
    try {
      const page = await browser.context.newPage();
      const { port } = new URL(gateway.url);
      await page.goto(`http://${foreignHost}:${port}/`);
      await page.getByRole("button", { name: "Talk" }).click();
      await page.getByText("only on https pages and on localhost").waitFor();

      await page.goto(gateway.url);
      await gateway.stop();
      await page.getByRole("button", { name: "Talk" }).click();
      await page.getByText("The server can't be reached.").waitFor();
    } finally {
      await browser.close();
    }
  });
});
