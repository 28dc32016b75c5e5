import { afterEach, describe, expect, it } from "vitest";
import { decodeMulaw } from "../../wire/g711.ts";
import { pcm16k, Stage, samplesPerMs } from "./playback-stage.ts";

const pcm8k = { type: "audio/pcmu" } as const;

const noSignal = new AbortController().signal;
let stage: Stage;
afterEach(() => stage?.playback.close());

describe("reply audio", () => {
  it("goes out at once, never more than two seconds ahead of its playing, and without a gap", async () => {
    stage = new Stage();
    stage.open("a");
    stage.say("a", 0, 10_000);
    stage.playback.finish("a");
    expect(stage.sentMs("a")).toBe(2_000);
    for (let ms = 10; ms <= 9_000; ms += 10) {
      await stage.clock.advance(10);
      const aheadMs = stage.sentMs("a") - ms;
      expect(aheadMs).toBeLessThanOrEqual(2_000);
      expect(aheadMs).toBeGreaterThanOrEqual(Math.min(1_800, 10_000 - ms));
    }
    expect(stage.told).toEqual(["started piece 0 @0", "drained a"]);
    expect(stage.sent.map(({ fromMs }) => fromMs)).toEqual(stage.sent.map((_audio, index) => index * 100));
    expect(stage.playback.active).toBe(false);
  });

  it("keeps the client's clock going with silence while the next words are late", async () => {
    stage = new Stage();
    stage.open("a");
    stage.say("a", 0, 300);
    await stage.clock.advance(1_000);
    expect(stage.sentMs("a")).toBeGreaterThanOrEqual(1_000);
    expect(stage.sentMs("a")).toBeLessThanOrEqual(1_160);
    // Silence is nothing that one could still hear.
    expect(stage.playback.unplayedMs("a")).toBe(0);
    stage.say("a", 1, 200);
    expect(stage.playback.unplayedMs("a")).toBeGreaterThanOrEqual(200);
    expect(stage.playback.unplayedMs("a")).toBeLessThanOrEqual(360);
    stage.playback.finish("a");
    const runs = stage.runs("a");
    expect(runs.map(({ value }) => value)).toEqual([1, 0, 2]);
    expect(stage.told[1]).toBe(`started piece 1 @${300 + (runs[1]?.ms ?? 0)}`);
    expect(stage.told.at(-1)).toBe("drained a");
  });

  it("sends no silence before its first sound and none after its end", async () => {
    stage = new Stage();
    stage.open("a");
    stage.playback.piece("a", 0, "late");
    await stage.clock.advance(3_000);
    expect(stage.sent).toEqual([]);
    stage.sound("a", 0, 100);
    stage.playback.finish("a");
    await stage.clock.advance(3_000);
    expect(stage.sentMs("a")).toBe(100);
  });

  it("counts silence inside a piece where its words are placed", async () => {
    stage = new Stage();
    stage.open("a");
    stage.playback.piece("a", 0, "one two");
    stage.playback.word("a", 0, "one", 0);
    stage.sound("a", 0, 200);
    await stage.clock.advance(240);
    stage.playback.word("a", 0, "two", 200 * samplesPerMs);
    stage.sound("a", 0, 300);
    stage.playback.pieceEnd("a", 0);
    const silentMs = stage.runs("a")[1]?.ms ?? 0;
    expect(silentMs).toBeGreaterThan(0);
    expect(stage.known).toMatchObject([
      {
        durationMs: 500 + silentMs,
        silences: [{ fromMs: 200, durationMs: silentMs }],
        words: [
          { text: "one", fromMs: 0 },
          { text: "two", fromMs: 200 + silentMs },
        ],
      },
    ]);
  });

  it("says when words sound: at once with their piece, later ones as the voice tells them", async () => {
    stage = new Stage();
    stage.open("a");
    stage.say("a", 0, 300);
    stage.playback.piece("a", 1, "one two");
    stage.playback.word("a", 1, "one", 0);
    expect(stage.words).toEqual([]);
    stage.sound("a", 1, 200);
    expect(stage.words).toEqual([{ itemId: "item_a", text: "one", fromMs: 300 }]);
    stage.playback.word("a", 1, "two", 100 * samplesPerMs);
    expect(stage.words.at(-1)).toEqual({ itemId: "item_a", text: "two", fromMs: 400 });
  });

  it("says in how long what it sends will sound", async () => {
    stage = new Stage();
    stage.open("a");
    stage.say("a", 0, 300);
    expect(stage.sounding).toEqual([0, 100, 200].map((inMs) => ({ ms: 100, inMs })));
    await stage.clock.advance(150);
    stage.say("a", 1, 100);
    expect(stage.sounding.at(-1)).toEqual({ ms: 100, inMs: 150 });
  });

  it("of two responses goes out one after the other, however it comes in", async () => {
    stage = new Stage();
    stage.open("a");
    stage.open("b");
    stage.say("b", 0, 500);
    stage.playback.finish("b");
    expect(stage.sent).toEqual([]);
    stage.say("a", 0, 3_000);
    stage.playback.finish("a");
    await stage.clock.advance(4_000);
    expect(stage.sent.map(({ responseId }) => responseId).join("")).toMatch(/^a+b+$/);
    expect(stage.told).toEqual(["started piece 0 @0", "drained a", "started piece 0 @0", "drained b"]);
    expect(stage.sent.find(({ responseId }) => responseId === "b")?.fromMs).toBe(0);
  });

  it("is mu-law for a client of G.711", () => {
    stage = new Stage();
    stage.open("a", pcm8k);
    stage.playback.piece("a", 0, "x");
    stage.playback.samples("a", 0, new Int16Array(1_600).fill(8_031));
    stage.playback.finish("a");
    expect(stage.sent.map(({ bytes, fromMs }) => [bytes.length, fromMs])).toEqual([
      [800, 0],
      [800, 100],
    ]);
    const decoded = decodeMulaw(stage.sent[0]?.bytes ?? new Uint8Array());
    expect(Math.abs((decoded[0] ?? 0) - 8_031)).toBeLessThan(300);
  });

  it("without sound is passed over: its end is the reply's", () => {
    stage = new Stage();
    stage.open("a");
    stage.playback.piece("a", 0, "…");
    stage.playback.pieceEnd("a", 0);
    stage.playback.finish("a");
    expect([stage.sent, stage.told]).toEqual([[], ["drained a"]]);
  });

  it("of a response that is gone is dropped when it should begin", () => {
    stage = new Stage();
    stage.gone.add("a");
    stage.open("a");
    stage.say("a", 0, 500);
    expect(stage.sent).toEqual([]);
    expect(stage.playback.active).toBe(false);
  });
});

describe("the listener's position", () => {
  it("is nowhere before the first sound", () => {
    stage = new Stage();
    expect(stage.playback.position()).toBeNull();
  });

  it("follows the clock with a lag, up to what was sent", async () => {
    stage = new Stage();
    stage.open("a");
    stage.say("a", 0, 1_500);
    stage.playback.finish("a");
    const heard: number[] = [];
    for (const ms of [100, 200, 500, 800, 200]) {
      await stage.clock.advance(ms);
      heard.push(stage.playback.position()?.heardMs ?? -1);
    }
    expect(heard).toEqual([0, 100, 600, 1_400, 1_500]);
    expect(stage.playback.position()).toMatchObject({ itemId: "item_a", sentMs: 1_500, unheard: false });
  });

  it("is what the client says once it says anything, never backwards, never beyond what was sent", async () => {
    stage = new Stage();
    stage.open("a");
    stage.say("a", 0, 5_000);
    await stage.clock.advance(1_000);
    stage.playback.acknowledge("item_a", 450);
    expect(stage.playback.position()?.heardMs).toBe(450);
    stage.playback.acknowledge("item_a", 300);
    expect(stage.playback.position()?.heardMs).toBe(450);
    stage.playback.acknowledge("item_a", 99_000);
    const position = stage.playback.position();
    expect(position?.heardMs).toBe(position?.sentMs);
    stage.playback.acknowledge("item_unknown", 1);
  });

  it("does not stay unheard for ever when the client's last words on it never come", async () => {
    stage = new Stage();
    stage.open("a");
    stage.say("a", 0, 1_000);
    stage.playback.finish("a");
    await stage.clock.advance(500);
    stage.playback.acknowledge("item_a", 400);
    await stage.clock.advance(2_000);
    expect(stage.playback.position()?.unheard).toBe(true);
    await stage.clock.advance(2_000);
    expect(stage.playback.position()?.unheard).toBe(false);
  });

  it("stands still at a flush, while what was sent stays known", async () => {
    stage = new Stage();
    stage.open("a");
    stage.say("a", 0, 5_000);
    await stage.clock.advance(1_000);
    stage.playback.cancel("a");
    stage.playback.flush();
    const stopped = stage.playback.position();
    expect(stopped).toMatchObject({ heardMs: 800, unheard: false });
    expect(stopped?.sentMs).toBeGreaterThan(2_800);
    await stage.clock.advance(5_000);
    expect(stage.playback.position()).toEqual(stopped);
  });

  it("stands still at a flush in the last moments of an item, too", async () => {
    stage = new Stage();
    stage.open("a");
    stage.say("a", 0, 1_000);
    stage.playback.finish("a");
    await stage.clock.advance(1_100);
    expect(stage.playback.position()).toMatchObject({ heardMs: 900, unheard: true });
    stage.playback.flush();
    await stage.clock.advance(500);
    expect(stage.playback.position()).toMatchObject({ heardMs: 900, unheard: false });
  });

  it("tells of a reply that waits behind the one that plays", async () => {
    stage = new Stage();
    stage.open("a");
    stage.say("a", 0, 1_000);
    stage.playback.finish("a");
    stage.open("b");
    stage.say("b", 0, 500);
    stage.playback.finish("b");
    await stage.clock.advance(600);
    expect(stage.playback.position()).toMatchObject({
      itemId: "item_a",
      heardMs: 400,
      unheard: true,
      others: [{ itemId: "item_b", sentMs: 500, heardMs: 0, unheard: true }],
    });
    await stage.clock.advance(700);
    expect(stage.playback.position()).toMatchObject({
      itemId: "item_b",
      heardMs: 100,
      others: [{ itemId: "item_a" }],
    });
  });

  it("does not run on through a stall in which nothing was sent", async () => {
    stage = new Stage();
    stage.playback.open("a", pcm16k, 16_000);
    stage.playback.piece("a", 0, "x");
    stage.sound("a", 0, 1_000);
    // No ticker: nothing pumps for four seconds.
    await stage.clock.advance(5_000);
    stage.sound("a", 0, 9_000);
    const sentMs = stage.sent.reduce((sum, { bytes }) => sum + bytes.length / 32, 0);
    expect(sentMs).toBe(3_000);
    expect(stage.playback.position()?.heardMs).toBe(800);
  });
});

describe("a cancelled reply", () => {
  it("sends nothing more, plays on what was sent, and the next one follows it", async () => {
    stage = new Stage();
    stage.open("a");
    stage.say("a", 0, 9_000);
    stage.playback.cancel("a");
    stage.sound("a", 0, 1_000);
    stage.playback.finish("a");
    stage.open("b");
    stage.say("b", 0, 400);
    await stage.clock.advance(1_000);
    expect([stage.sentMs("a"), stage.sentMs("b")]).toEqual([2_000, 400]);
    expect(stage.playback.position()).toMatchObject({ itemId: "item_a", heardMs: 800 });
  });

  it("that was flushed makes room for the next one at once", async () => {
    stage = new Stage();
    stage.open("a");
    stage.say("a", 0, 9_000);
    stage.playback.cancel("a");
    stage.playback.flush();
    stage.open("b");
    stage.say("b", 0, 1_000);
    await stage.clock.advance(500);
    expect(stage.playback.position()).toMatchObject({ itemId: "item_b", heardMs: 300 });
  });
});

describe("whoever waits for a piece to begin", () => {
  it("goes on when it is sent, in order", async () => {
    stage = new Stage();
    stage.open("a");
    const begun: number[] = [];
    for (const index of [0, 1])
      void stage.playback.waitStarted("a", index, noSignal).then(() => begun.push(index));
    stage.say("a", 0, 3_000);
    stage.say("a", 1, 1_000);
    await stage.clock.settle();
    expect(begun).toEqual([0]);
    await stage.clock.advance(900);
    expect(begun).toEqual([0]);
    await stage.clock.advance(300);
    expect(begun).toEqual([0, 1]);
    await stage.playback.waitStarted("a", 0, noSignal);
  });

  it("goes on when the response is cancelled, when the wait is given up, and when a piece is passed over", async () => {
    stage = new Stage();
    stage.open("a");
    stage.playback.piece("a", 0, "…");
    const silent = stage.playback.waitStarted("a", 0, noSignal);
    stage.playback.pieceEnd("a", 0);
    await silent;
    const abort = new AbortController();
    const given = stage.playback.waitStarted("a", 7, abort.signal);
    abort.abort();
    await given;
    const cancelled = stage.playback.waitStarted("a", 9, noSignal);
    stage.playback.cancel("a");
    await cancelled;
    await stage.playback.waitStarted("a", 10, noSignal);
  });
});
