import { describe, expect, it } from "vitest";
import type { AudioPiece } from "../../gateway/providers/provider.ts";
import { type AudioSource, UtteranceAudio, wholeAudio } from "../../gateway/session/utterance-audio.ts";

/** A bus that holds the numbers of its samples; gated ones are negative. */
class Bus implements AudioSource {
  readableSamples = 0;
  gatedReadableSamples = 0;
  keepsGated = true;
  read(from: number, to: number, signal: "raw" | "gated" = "raw"): Int16Array {
    const limit = signal === "raw" ? this.readableSamples : this.gatedReadableSamples;
    if (to > limit || (signal === "gated" && !this.keepsGated)) throw new RangeError("not there");
    return Int16Array.from(
      { length: to - from },
      (_, index) => (signal === "raw" ? 1 : -1) * ((from + index) % 30_000),
    );
  }
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

function listen(audio: UtteranceAudio, fromSample = 0, signal = new AbortController().signal) {
  const pieces: AudioPiece[] = [];
  let over = false;
  const done = (async () => {
    for await (const piece of audio.read(fromSample, signal)) pieces.push(piece);
    over = true;
  })();
  const brief = () =>
    pieces.map((piece) =>
      piece.type === "samples" ? [piece.fromSample, piece.fromSample + piece.pcm.length] : piece.type,
    );
  return { pieces, brief, done, isOver: () => over };
}

describe("an utterance's audio", () => {
  it("comes in pieces of at least 100 ms as it is spoken, and ends at its end", async () => {
    const bus = new Bus();
    const audio = new UtteranceAudio(bus, 1_000, "raw");
    const reader = listen(audio);
    bus.readableSamples = 2_000;
    audio.notify();
    await settle();
    expect(reader.brief()).toEqual([]);
    bus.readableSamples = 3_000;
    audio.notify();
    await settle();
    expect(reader.brief()).toEqual([[1_000, 3_000]]);
    audio.pause(3_100);
    audio.end(11_000);
    bus.readableSamples = 20_000;
    audio.notify();
    await reader.done;
    expect(reader.brief()).toEqual([[1_000, 3_000], [3_000, 3_100], "pause", [3_100, 11_000], "end"]);
  });

  it("asks to be told at once of the samples that its end still misses", async () => {
    const bus = new Bus();
    let asked = 0;
    const audio = new UtteranceAudio(
      Object.assign(bus, {
        hasten() {
          asked += 1;
        },
      }),
      0,
      "raw",
    );
    const reader = listen(audio);
    await settle();
    expect(asked).toBe(0);
    bus.readableSamples = 500;
    audio.end(600);
    await settle();
    expect(asked).toBe(1);
    bus.readableSamples = 600;
    audio.notify();
    await reader.done;
    expect(reader.brief()).toEqual([[0, 600], "end"]);
  });

  it("tells of a probe where its sample is reached, and goes on after it", async () => {
    const bus = new Bus();
    const audio = new UtteranceAudio(bus, 0, "raw");
    const reader = listen(audio);
    audio.probe(6_000);
    bus.readableSamples = 5_000;
    audio.notify();
    await settle();
    expect(reader.brief()).toEqual([[0, 5_000]]);
    bus.readableSamples = 9_000;
    audio.notify();
    await settle();
    expect(reader.brief()).toEqual([[0, 5_000], [5_000, 6_000], "probe", [6_000, 9_000]]);
    audio.end(9_000);
    await reader.done;
  });

  it("tells of a pause that lies before what was handed on, at once", async () => {
    const bus = new Bus();
    bus.readableSamples = 8_000;
    const audio = new UtteranceAudio(bus, 0, "raw");
    const reader = listen(audio);
    await settle();
    audio.pause(5_000);
    audio.resumed(9_000);
    bus.readableSamples = 10_000;
    audio.notify();
    await settle();
    audio.end(10_000);
    await reader.done;
    expect(reader.brief()).toEqual([[0, 8_000], "pause", [8_000, 9_000], "resumed", [9_000, 10_000], "end"]);
  });

  it("waits for samples of an end that lies ahead", async () => {
    const bus = new Bus();
    const audio = new UtteranceAudio(bus, 0, "raw");
    const reader = listen(audio);
    audio.end(4_000);
    await settle();
    expect(reader.isOver()).toBe(false);
    bus.readableSamples = 4_000;
    audio.notify();
    await reader.done;
    expect(reader.brief()).toEqual([[0, 4_000], "end"]);
  });

  it("can be read again from any sample by another reader", async () => {
    const bus = new Bus();
    bus.readableSamples = 200_000;
    const audio = new UtteranceAudio(bus, 0, "raw");
    audio.end(170_000);
    const [first, second] = [listen(audio), listen(audio, 100_000)];
    await Promise.all([first.done, second.done]);
    expect(first.brief()).toEqual([[0, 160_000], [160_000, 170_000], "end"]);
    expect(second.brief()).toEqual([[100_000, 170_000], "end"]);
  });

  it("ends for a reader that gives up, and takes no marks after its end", async () => {
    const bus = new Bus();
    const audio = new UtteranceAudio(bus, 0, "raw");
    const abort = new AbortController();
    const given = listen(audio, 0, abort.signal);
    await settle();
    abort.abort();
    await given.done;
    audio.end(0);
    audio.pause(100);
    const reader = listen(audio);
    await reader.done;
    expect(reader.brief()).toEqual(["end"]);
  });

  it("is gated where it can be, and is not held up by a gate that trails at its end", async () => {
    const bus = new Bus();
    bus.readableSamples = 5_000;
    bus.gatedReadableSamples = 4_200;
    const audio = new UtteranceAudio(bus, 0, "gated");
    const reader = listen(audio);
    await settle();
    expect(reader.brief()).toEqual([[0, 4_200]]);
    audio.end(5_000);
    await reader.done;
    const [gated, tail] = reader.pieces;
    expect(gated).toMatchObject({ type: "samples", fromSample: 0 });
    expect(gated?.type === "samples" && gated.pcm[4_199]).toBe(-4_199);
    expect(tail?.type === "samples" && [tail.fromSample, tail.pcm.length, tail.pcm[0]]).toEqual([
      4_200, 800, 4_200,
    ]);
  });

  it("goes on raw when noise reduction is switched off in its middle", async () => {
    const bus = new Bus();
    bus.readableSamples = 4_000;
    bus.gatedReadableSamples = 4_000;
    bus.keepsGated = false;
    const audio = new UtteranceAudio(bus, 0, "gated");
    audio.end(4_000);
    const reader = listen(audio);
    await reader.done;
    expect(reader.pieces[0]?.type === "samples" && reader.pieces[0].pcm[3_999]).toBe(3_999);
  });

  it("that came whole is there at once", async () => {
    const reader = listen(wholeAudio(Int16Array.from([1, 2, 3])));
    await reader.done;
    expect(reader.brief()).toEqual([[0, 3], "end"]);
  });
});
