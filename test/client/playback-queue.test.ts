import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PlaybackEvent, PlaybackQueue } from "../../client/playback-queue.ts";

const options = {
  sampleRateHz: 24_000,
  jitter: { startMs: 80, minMs: 40, maxMs: 400 },
  maxBufferedMs: 10_000,
  maxStarvedMs: 1000,
};

/** `durationMs` of audio, every sample of it `value`. */
function chunk(itemId: string, durationMs: number, fromMs: number | null = null, value = 8192) {
  return { itemId, contentIndex: 0, fromMs, pcm: new Int16Array(durationMs * 24).fill(value) };
}

/** Reads in blocks of 128 and counts what sounded. */
function play(queue: PlaybackQueue, durationMs: number): { events: PlaybackEvent[]; sounding: number } {
  const events: PlaybackEvent[] = [];
  let sounding = 0;
  const total = durationMs * 24;
  for (let at = 0; at < total; at += 128) {
    const block = new Float32Array(Math.min(128, total - at));
    events.push(...queue.read(block));
    for (const sample of block) if (sample !== 0) sounding++;
  }
  return { events, sounding };
}

describe("PlaybackQueue", () => {
  it("begins an item 80 ms after its first audio came", () => {
    const queue = new PlaybackQueue(options);
    queue.push(chunk("a", 100));
    expect(play(queue, 80)).toEqual({ events: [], sounding: 0 });
    const { events, sounding } = play(queue, 50);
    expect(events).toEqual([{ type: "started", itemId: "a", contentIndex: 0, playedMs: 0 }]);
    expect(sounding).toBe(50 * 24);
  });

  it("begins at once when the server sends ahead: 80 ms and a piece more are there", () => {
    const queue = new PlaybackQueue(options);
    queue.push(chunk("a", 100));
    expect(play(queue, 10).sounding).toBe(0);
    queue.push(chunk("a", 100));
    expect(play(queue, 50).sounding).toBe(50 * 24);
  });

  it("doesn't wait for more of an item that is complete", () => {
    const queue = new PlaybackQueue(options);
    queue.push(chunk("a", 10));
    queue.finish("a");
    const { events, sounding } = play(queue, 20);
    expect(sounding).toBe(240);
    expect(events.map(({ type }) => type)).toEqual(["started", "finished", "drained"]);
    expect(events[1]).toMatchObject({ playedMs: 10 });
    expect(queue.busy).toBe(false);
  });

  it("counts only what was played, not the silence of an underrun", () => {
    const queue = new PlaybackQueue(options);
    queue.push(chunk("a", 100));
    const { events } = play(queue, 380);
    expect(events.map(({ type }) => type)).toEqual(["started", "underrun"]);
    expect(queue.position).toMatchObject({ itemId: "a", playedMs: 100 });
    queue.push(chunk("a", 79));
    expect(play(queue, 50).sounding).toBe(0);
    queue.finish("a");
    expect(play(queue, 40).sounding).toBe(40 * 24);
    expect(queue.position).toMatchObject({ playedMs: 140 });
  });

  it("holds the rest back longer after an underrun, by what was lacking, up to its limit", () => {
    const queue = new PlaybackQueue(options);
    queue.push(chunk("a", 100));
    play(queue, 80 + 100 + 60);
    queue.push(chunk("a", 100));
    expect(queue.jitterMs).toBeGreaterThan(135);
    expect(queue.jitterMs).toBeLessThan(146);
    expect(play(queue, 135).sounding).toBe(0);
    expect(play(queue, 50).sounding).toBeGreaterThan(0);
    play(queue, 990);
    queue.push(chunk("a", 100));
    expect(queue.jitterMs).toBe(400);
  });

  it("says what was heard when it is flushed, and fades out instead of clicking", () => {
    const queue = new PlaybackQueue(options);
    queue.push(chunk("a", 500));
    queue.finish("a");
    play(queue, 120);
    // 120 ms and the 5 ms of the fade.
    expect(queue.flush()).toEqual([{ itemId: "a", contentIndex: 0, playedMs: 125, cut: true }]);
    const tail = new Float32Array(240);
    queue.read(tail);
    for (let i = 1; i < tail.length; i++) expect(tail[i]!).toBeLessThanOrEqual(tail[i - 1]!);
    expect(tail[0]).toBeGreaterThan(0.2);
    expect(tail.subarray(120).every((sample) => sample === 0)).toBe(true);
    expect(queue.busy).toBe(false);
    expect(queue.flush()).toEqual([]);
  });

  it("marks an item that was heard to its end as not cut, and items never begun as unheard", () => {
    const queue = new PlaybackQueue(options);
    queue.push(chunk("a", 100));
    queue.finish("a");
    queue.push(chunk("b", 100));
    play(queue, 50);
    expect(queue.flush()).toEqual([
      { itemId: "a", contentIndex: 0, playedMs: 55, cut: true },
      { itemId: "b", contentIndex: 0, playedMs: 0, cut: true },
    ]);
    play(queue, 5);
    queue.push(chunk("c", 3));
    queue.finish("c");
    queue.push(chunk("d", 100));
    expect(play(queue, 2).events[0]).toMatchObject({ type: "started", itemId: "c" });
    // One millisecond is left and goes into the fade: all of it is heard.
    expect(queue.flush()[0]).toEqual({ itemId: "c", contentIndex: 0, playedMs: 3, cut: false });
  });

  it("drops what still comes of a flushed item, and plays the next one", () => {
    const queue = new PlaybackQueue(options);
    queue.push(chunk("a", 200));
    play(queue, 120);
    queue.flush();
    play(queue, 10);
    queue.push(chunk("a", 200, 200));
    expect(queue.busy).toBe(false);
    queue.push(chunk("b", 100));
    expect(play(queue, 200).events[0]).toMatchObject({ type: "started", itemId: "b" });
  });

  it("goes by the wire's media time where audio is missing, and not by its rounding", () => {
    const queue = new PlaybackQueue(options);
    queue.push(chunk("a", 100, 0));
    queue.push(chunk("a", 100, 101));
    play(queue, 280);
    expect(queue.position).toMatchObject({ playedMs: 200 });
    queue.push(chunk("a", 100, 700));
    play(queue, 300);
    expect(queue.position).toMatchObject({ playedMs: 800 });
  });

  it("refuses more than it may hold", () => {
    const queue = new PlaybackQueue({ ...options, maxBufferedMs: 150 });
    expect(queue.push(chunk("a", 100))).toBe(true);
    expect(queue.push(chunk("a", 60))).toBe(false);
    expect(queue.bufferedMs).toBe(100);
    const many = new PlaybackQueue(options);
    for (let i = 0; i < 256; i++) expect(many.push(chunk(`item_${i}`, 1))).toBe(true);
    expect(many.push(chunk("one too many", 1))).toBe(false);
  });

  it("takes nine minutes of unpaced speech at once and plays all of it", () => {
    const minutes = 9;
    const queue = new PlaybackQueue({ ...options, maxBufferedMs: 10 * 60_000 });
    for (let at = 0; at < minutes * 60; at++) expect(queue.push(chunk("a", 1000, at * 1000))).toBe(true);
    queue.finish("a");
    const { events, sounding } = play(queue, minutes * 60_000 + 10);
    expect(sounding).toBe(minutes * 60 * 24_000);
    expect(events.map(({ type }) => type)).toEqual(["started", "finished", "drained"]);
  });

  it("gives an item up whose audio stays away", () => {
    const queue = new PlaybackQueue(options);
    queue.push(chunk("a", 100));
    const { events } = play(queue, 1300);
    expect(events.map(({ type }) => type)).toEqual(["started", "underrun", "finished", "drained"]);
  });

  it("plays every sample once and counts every one, however audio and callbacks interleave", () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ push: fc.integer({ min: 1, max: 60 }) }),
        fc.record({ readMs: fc.integer({ min: 1, max: 60 }) }),
      ),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (sequence) => {
        const queue = new PlaybackQueue({ ...options, maxStarvedMs: 100_000 });
        let pushedMs = 0;
        let sounding = 0;
        for (const step of sequence) {
          if ("push" in step) {
            queue.push(chunk("a", step.push, pushedMs));
            pushedMs += step.push;
          } else {
            sounding += play(queue, step.readMs).sounding;
            expect(queue.position?.playedMs ?? 0).toBe(Math.floor(sounding / 24));
          }
        }
        queue.finish("a");
        const end = play(queue, pushedMs + 10);
        expect(sounding + end.sounding).toBe(pushedMs * 24);
        if (pushedMs > 0)
          expect(end.events).toContainEqual({
            type: "finished",
            itemId: "a",
            contentIndex: 0,
            playedMs: pushedMs,
          });
      }),
    );
  });
});
