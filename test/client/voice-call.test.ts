/** The SDK's voice call in a real browser, against a server that does what the test says. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { VoiceCallOptions } from "../../client/voice-call-events.ts";
import type { SentSession } from "../../wire/events.ts";
import { SeededRandom } from "../support/random.ts";
import { sayRecording } from "../support/speech.ts";
import { loadCallPage } from "./call-page.ts";
import type { Told } from "./call-page-entry.ts";
import { mustSkipChromium, startBrowser, type TestBrowser } from "./chromium.ts";
import { type FakeGateway, type FakePeer, sessionWith, startFakeGateway } from "./fake-gateway.ts";
import { installFakeMicrophone, say } from "./fake-microphone.ts";
import { type JitterProxy, sendInRealTime, startJitterProxy } from "./jitter-proxy.ts";
import { beginReply, endReply, responseWith, sendUserTurn, sendWords } from "./replies.ts";

/** How long the network shakes; `PARLEY_JITTER_SECONDS=60` for the whole minute. */
const jitterSeconds = Number(process.env.PARLEY_JITTER_SECONDS ?? 12);
const frame = 480;
/** A busy machine is late by itself: the player's margin covers that much of it. */
const toleratedLateMs = 12;
const maxAttempts = 3;

let gateway: FakeGateway;
let browser: TestBrowser;
let page: Page;
const complaints: string[] = [];

/** Noise that is like itself nowhere else. */
function makeNoise(samples: number, seed = 1): Int16Array {
  const random = new SeededRandom(seed);
  return Int16Array.from({ length: samples }, () => random.below(16_000) - 8_000 || 1);
}

function trimSilence(pcm: Int16Array): Int16Array {
  const first = pcm.findIndex((sample) => sample !== 0);
  return first < 0 ? new Int16Array(0) : pcm.slice(first, pcm.findLastIndex((sample) => sample !== 0) + 1);
}

async function open(
  options: Partial<Omit<VoiceCallOptions, "client" | "workletUrls">> = {},
  url = gateway.url,
): Promise<void> {
  page = await browser.context.newPage();
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(url);
  await page.waitForFunction(() => window.callPage !== undefined);
  await page.evaluate((given) => window.callPage.make(given), options);
}

async function start(): Promise<FakePeer> {
  const started = page.evaluate(() => window.call.start());
  const peer = await gateway.nextPeer();
  await peer.welcome();
  await started;
  return peer;
}

/** What the call told under that name. */
function told<Payload = Record<string, unknown>>(event: string): Promise<(Told & { payload: Payload })[]> {
  return page.evaluate((name) => window.told.filter((entry) => entry.event === name), event) as Promise<
    (Told & { payload: Payload })[]
  >;
}

async function recording(): Promise<Int16Array> {
  const base64 = await page.evaluate(() => {
    const bytes = new Uint8Array(window.call.player.recording().buffer);
    let binary = "";
    for (let i = 0; i < bytes.length; i += 0x8000)
      binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
    return btoa(binary);
  });
  return new Int16Array(Uint8Array.from(Buffer.from(base64, "base64")).buffer);
}

function sendReplyAudio(peer: FakePeer, pcm: Int16Array): void {
  for (let at = 0; at < pcm.length; at += frame) peer.sendAudio(pcm.subarray(at, at + frame), at / 24);
}

function turnDetection(session: unknown): unknown {
  return (session as { audio?: { input?: { turn_detection?: unknown } } }).audio?.input?.turn_detection;
}

describe.skipIf(mustSkipChromium())("VoiceCall, in Chromium", () => {
  beforeAll(async () => {
    gateway = await startFakeGateway(await loadCallPage());
    browser = await startBrowser({ speech: new Int16Array(480) });
    await installFakeMicrophone(browser.context);
  }, 60_000);

  beforeEach(() => {
    complaints.length = 0;
  });

  afterEach(async () => {
    await page.close();
    expect(complaints).toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
  });

  it("asks for word times, and for the echo guard only where the browser cancels no echo", async () => {
    await open();
    expect(Object.fromEntries((await start()).url.searchParams)).toEqual({ audio: "binary", words: "1" });
    await page.evaluate(() => window.call.stop());
    await page.evaluate(() => {
      window.fakeMicrophone.echoCancellation = false;
    });
    const { searchParams } = (await start()).url;
    expect(Object.fromEntries(searchParams)).toEqual({ audio: "binary", words: "1", aec: "none" });
  });

  it("tells when words are heard, by the server's times, and how loud it all is", async () => {
    await open();
    const peer = await start();
    await page.evaluate(() => {
      const levels: number[] = [];
      window.call.on("playerLevel", (level) => levels.push(level));
      Object.assign(window, { levels });
    });
    const at = { response_id: "resp_1", item_id: "item_2", content_index: 0 };
    beginReply(peer, "resp_1", "item_2");
    sendWords(peer, "resp_1", "item_2", "One two three.");
    const words = [
      { text: "One", start_ms: 0 },
      { text: "two", start_ms: 400 },
      { text: "three.", start_ms: 800 },
    ];
    peer.send({ type: "parley.words", ...at, words });
    sendReplyAudio(peer, makeNoise(24_000 * 1.2));
    endReply(peer, "resp_1", "item_2", "One two three.");
    // It listens before the reply begins, too.
    await page.waitForFunction(() => window.told.some(({ event }) => event === "heard"));
    await page.waitForFunction(() => window.call.client.state === "listening");
    const known = (await told<{ words: { text: string; startMs: number }[]; exact: boolean }>("words")).at(
      -1,
    )!;
    expect(known.payload.exact).toBe(true);
    expect(known.payload.words.map(({ text, startMs }) => [text, startMs])).toEqual([
      ["One", 0],
      ["two", 400],
      ["three.", 800],
    ]);
    const heard = (await told<{ playedMs: number; wordIndex: number }>("heard")).map(
      ({ payload }) => payload,
    );
    for (const { playedMs, wordIndex } of heard)
      expect(wordIndex).toBe(playedMs >= 800 ? 2 : playedMs >= 400 ? 1 : 0);
    expect(heard.at(-1)).toMatchObject({ playedMs: 1200, wordIndex: 2 });
    // 1.2 s at 10 to 15 a second, fewer where the browser is late.
    expect(heard.length).toBeGreaterThanOrEqual(4);
    expect(heard.length).toBeLessThanOrEqual(19);
    const levels = await page.evaluate(() => (window as unknown as { levels: number[] }).levels);
    // Noise of ±8,000 has a root mean square of 0.14.
    expect(Math.max(...levels)).toBeGreaterThan(0.13);
    expect(Math.max(...levels)).toBeLessThan(0.15);
    expect(levels.at(-1)).toBe(0);
    // Acks are fewer.
    const acks = peer.events.filter((event) => event.type === "parley.playback");
    expect(acks.length).toBeLessThan(heard.length);
    expect(acks.at(-1)).toMatchObject({ played_ms: 1200 });
  });

  it("measures the wait from the end of the voice to the first sound of the answer", async () => {
    await open();
    const peer = await start();
    const endsAtMs = await say(
      page,
      await sayRecording("What is Parley?", { beforeMs: 0, afterMs: 0 }),
      24_000,
    );
    await page.waitForFunction((atMs) => performance.now() > atMs + 400, endsAtMs);
    sendUserTurn(peer, "item_1", "What is Parley?");
    beginReply(peer, "resp_1", "item_2");
    // A breath before the first sound doesn't count.
    const breath = 24_000 * 0.2;
    const reply = new Int16Array(24_000);
    reply.set(makeNoise(reply.length - breath), breath);
    sendReplyAudio(peer, reply);
    endReply(peer, "resp_1", "item_2", "A gateway.");
    await page.waitForFunction(() => window.told.some(({ event }) => event === "answered"));
    const [answered] = await told<{ itemId: string; waitMs: number }>("answered");
    const [sounded] = await told<{ atMs: number }>("sounded");
    const expectedMs = sounded!.payload.atMs - endsAtMs;
    console.info(JSON.stringify({ waitMs: answered!.payload.waitMs, expectedMs }));
    expect(answered!.payload.itemId).toBe("item_2");
    // The fake device adds its own buffers, which the browser doesn't tell.
    expect(Math.abs(answered!.payload.waitMs - expectedMs)).toBeLessThan(150);
    expect(answered!.payload.waitMs).toBeGreaterThan(500);
    // Text is answered, too, but nobody waited in silence.
    beginReply(peer, "resp_2", "item_3");
    sendReplyAudio(peer, makeNoise(4800));
    endReply(peer, "resp_2", "item_3", "Hm.");
    await page.waitForFunction(() => window.told.filter(({ event }) => event === "sounded").length === 2);
    expect(await told("answered")).toHaveLength(1);
  });

  it("sends in push-to-talk what is said while the button is pressed, and asks for the answer", async () => {
    await open({ mode: "push-to-talk" });
    const peer = await start();
    expect(turnDetection((peer.events[0] as { session: unknown }).session)).toBeNull();
    await page.waitForFunction(() => window.call.microphoneInUse !== null);
    expect(peer.audioBytes).toBe(0);
    expect(
      await page.evaluate(() => [window.call.release(), window.call.press(), window.call.press()]),
    ).toEqual([false, true, false]);
    expect(await page.evaluate(() => window.call.client.state)).toBe("hearing");
    await expect.poll(() => peer.audioBytes, { timeout: 10_000 }).toBeGreaterThan(640 * 40);
    expect(await page.evaluate(() => window.call.release())).toBe(true);
    await peer.next("input_audio_buffer.commit");
    await peer.next("response.create");
    const sentBytes = peer.audioBytes;
    expect(await page.evaluate(() => window.call.client.state)).toBe("thinking");
    // Nothing more is sent; a round trip shows that nothing was on its way.
    await page.evaluate(() => window.call.client.clearInput());
    await peer.next("input_audio_buffer.clear");
    expect(peer.audioBytes).toBe(sentBytes);
    expect((await told<boolean>("pressed")).map(({ payload }) => payload)).toEqual([true, false]);
  });

  it("takes a touch of the button for a mistake and says how it is meant", async () => {
    await open({ mode: "push-to-talk" });
    const peer = await start();
    await page.evaluate(() => [window.call.press(), window.call.release()]);
    await peer.next("input_audio_buffer.clear");
    expect(peer.events.some((event) => event.type === "response.create")).toBe(false);
    expect((await told<{ code: string }>("error")).map(({ payload }) => payload.code)).toEqual([
      "press_too_short",
    ]);
    expect(await page.evaluate(() => window.call.client.state)).toBe("listening");
  });

  it("interrupts the reply when the button is pressed: cancel, silence, and the position that was heard", async () => {
    await open({ mode: "push-to-talk" });
    const peer = await start();
    beginReply(peer, "resp_1", "item_2");
    sendReplyAudio(peer, makeNoise(24_000 * 20));
    await peer.next("parley.playback");
    await page.evaluate(() => window.call.press());
    await peer.next("response.cancel");
    const truncate = await peer.next("conversation.item.truncate");
    expect(truncate.item_id).toBe("item_2");
    // The fade counts as heard, and is recorded while it plays.
    const recordedMs = async () => trimSilence(await recording()).length / 24;
    await expect
      .poll(async () => Math.abs((await recordedMs()) - truncate.audio_end_ms), { timeout: 10_000 })
      .toBeLessThan(2);
    const [interrupted] = await told<{ playedMs: number }>("interrupted");
    expect(interrupted!.payload.playedMs).toBe(truncate.audio_end_ms);
    // An answer that had been asked for just before is not heard either.
    peer.send({ type: "response.created", response: responseWith("resp_2") });
    await peer.next("response.cancel");
  });

  it("changes between push-to-talk and hands-free in the middle of a call", async () => {
    await open({ session: { audio: { input: { turn_detection: { type: "semantic_vad" } } } } });
    const peer = await start();
    await expect.poll(() => peer.audioBytes, { timeout: 10_000 }).toBeGreaterThan(0);
    expect(await page.evaluate(() => window.call.press())).toBe(false);
    const toButton = page.evaluate(() => window.call.setMode("push-to-talk"));
    expect(turnDetection((await peer.confirmUpdate()).session)).toBeNull();
    await toButton;
    await peer.next("input_audio_buffer.clear");
    const sentBytes = peer.audioBytes;
    const toHandsFree = page.evaluate(() => window.call.setMode("hands-free"));
    const update = await peer.next("session.update");
    expect(turnDetection(update.session)).toEqual({ type: "semantic_vad" });
    // Nothing is sent until the server has taken the mode.
    expect(peer.audioBytes).toBe(sentBytes);
    peer.send({ type: "session.updated", session: sessionWith(update.session as Partial<SentSession>) });
    await toHandsFree;
    await expect.poll(() => peer.audioBytes, { timeout: 10_000 }).toBeGreaterThan(sentBytes + 640 * 10);
    expect((await told<string>("mode")).map(({ payload }) => payload)).toEqual([
      "push-to-talk",
      "hands-free",
    ]);
  });

  it("takes another microphone when it is told to, and when the one in use disappears", async () => {
    await open();
    const peer = await start();
    const listed = await page.evaluate(() => window.call.listMicrophones());
    expect(listed.map(({ deviceId, isDefault }) => [deviceId, isDefault])).toEqual([
      ["built-in", true],
      ["headset", false],
    ]);
    await page.evaluate(() => window.call.setMicrophone({ deviceId: "headset" }));
    expect(await page.evaluate(() => window.call.microphoneInUse)).toMatchObject({ deviceId: "headset" });
    const failed = await page.evaluate(() =>
      window.call.setMicrophone({ deviceId: "no such" }).catch((error: { code: string }) => error.code),
    );
    expect(failed).toBe("microphone_missing");
    expect(await page.evaluate(() => window.call.microphoneInUse)).toMatchObject({ deviceId: "headset" });
    await page.evaluate(() => window.fakeMicrophone.unplug("headset"));
    await page.waitForFunction(() => window.call.microphoneInUse?.deviceId === "built-in");
    const using = await told<{ inUse: { deviceId: string }; lost: { code: string } | null }>("microphone");
    expect(using.map(({ payload }) => [payload.inUse.deviceId, payload.lost?.code ?? null])).toEqual([
      ["built-in", null],
      ["headset", null],
      ["built-in", "microphone_changed"],
    ]);
    await page.waitForFunction(() => window.told.some(({ event }) => event === "devices"));
    const sentBytes = peer.audioBytes;
    await expect.poll(() => peer.audioBytes, { timeout: 10_000 }).toBeGreaterThan(sentBytes);
    await page.evaluate(() => window.fakeMicrophone.unplug("built-in"));
    await page.waitForFunction(() => window.told.some(({ event }) => event === "ended"));
    const [ended] = await told<{ error: { code: string } }>("ended");
    expect(ended!.payload.error.code).toBe("microphone_ended");
  });

  it("begins with another microphone when the one that was chosen some day is gone", async () => {
    await open({ microphone: { deviceId: "gone" } });
    await start();
    const [using] = await told<{ inUse: { deviceId: string }; lost: { code: string } }>("microphone");
    expect(using!.payload).toMatchObject({
      inUse: { deviceId: "built-in" },
      lost: { code: "microphone_changed" },
    });
    expect(await page.evaluate(() => window.fakeMicrophone.asked)).toEqual(["gone", null]);
  });

  it("sends silence while it is muted, and doesn't take the button", async () => {
    await open({ mode: "push-to-talk" });
    await start();
    await page.evaluate(() => window.call.setMuted(true));
    expect(await page.evaluate(() => window.call.press())).toBe(false);
    await page.evaluate(() => window.call.setMuted(false));
    expect(await page.evaluate(() => window.call.press())).toBe(true);
    expect((await told<boolean>("muted")).map(({ payload }) => payload)).toEqual([true, false]);
  });
});

describe.skipIf(mustSkipChromium())("VoiceCall on a network with 80 ms of jitter, in Chromium", () => {
  let proxy: JitterProxy;
  const seed = 20;

  beforeAll(async () => {
    gateway = await startFakeGateway(await loadCallPage());
    proxy = await startJitterProxy(Number(new URL(gateway.url).port), new SeededRandom(seed));
    browser = await startBrowser({ speech: new Int16Array(480) });
    await installFakeMicrophone(browser.context);
  }, 60_000);

  afterAll(async () => {
    await page?.close();
    await browser?.close();
    await proxy?.stop();
    await gateway?.stop();
  });

  it(
    `plays ${jitterSeconds} s of speech that comes in real time without a gap (seed ${seed})`,
    async () => {
      const speech = makeNoise(24_000 * jitterSeconds, seed);
      for (let attempt = 1; ; attempt++) {
        const { underruns, played, machineLate } = await playThrough(proxy, speech);
        console.info(JSON.stringify({ seconds: jitterSeconds, attempt, underruns, machineLate }));
        // Where the machine itself was late, the network had more jitter than was asked for: that proves little.
        if (underruns > 0 && machineLate > 0 && attempt < maxAttempts) continue;
        if (underruns > 0 && machineLate > 0) console.warn("the machine was too busy for this test");
        expect(underruns).toBeLessThanOrEqual(machineLate);
        if (underruns > 0) return;
        // Every sample, in order, with no silence in between.
        expect(played.length).toBe(speech.length);
        expect(Buffer.compare(Buffer.from(played.buffer), Buffer.from(speech.buffer))).toBe(0);
        return;
      }
    },
    maxAttempts * (jitterSeconds + 40) * 1000,
  );
});

/** One call over the shaking network, from its start to the end of the reply. */
async function playThrough(
  proxy: JitterProxy,
  speech: Int16Array,
): Promise<{ underruns: number; played: Int16Array; machineLate: number }> {
  await page?.close();
  proxy.jitterMs = 0;
  await open({}, proxy.url);
  const peer = await start();
  proxy.jitterMs = 80;
  proxy.lates = [];
  await page.evaluate(() => {
    window.lags = [];
  });
  beginReply(peer, "resp_1", "item_2");
  await sendInRealTime(peer, speech, proxy);
  endReply(peer, "resp_1", "item_2", "Noise.");
  await page.waitForFunction(() => window.told.some(({ event }) => event === "sounded"));
  await page.waitForFunction(() => !window.call.player.playing, undefined, { timeout: 20_000 });
  const lags = await page.evaluate(() => window.lags);
  return {
    underruns: (await told("underrun")).length,
    played: trimSilence(await recording()),
    machineLate: [...lags, ...proxy.lates].filter((lateMs) => lateMs > toleratedLateMs).length,
  };
}
