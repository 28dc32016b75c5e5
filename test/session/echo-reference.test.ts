import { describe, expect, it } from "vitest";
import { EchoReference } from "../../gateway/session/echo-reference.ts";

/** A channel that remembers what it was told: level by frame, later tellings over earlier ones. */
class Listener {
  receivedSamples = 0;
  readonly levels = new Map<number, number>();

  reference(fromSample: number, framesDb: Float32Array): void {
    expect(fromSample % 256 === 0 || framesDb.length === 0).toBe(true);
    for (const frame of this.levels.keys()) if (frame >= fromSample / 256) this.levels.delete(frame);
    framesDb.forEach((level, index) => void this.levels.set(fromSample / 256 + index, level));
  }
}

const tone = (samples: number, amplitude: number) => new Int16Array(samples).fill(amplitude);

describe("the echo reference", () => {
  it("lays what is sent on the clock of input samples, at the time at which it sounds", () => {
    const channel = new Listener();
    channel.receivedSamples = 16_000;
    new EchoReference(channel).sent(tone(2_400, 3_276), 24_000, 500);
    const frames = [...channel.levels.keys()];
    expect(frames[0]).toBe(Math.floor((16_000 + 8_000) / 256));
    expect(frames.at(-1)).toBe(Math.floor((16_000 + 8_000 + 1_599) / 256));
    for (const level of channel.levels.values()) expect(level).toBeCloseTo(-20, 1);
  });

  it("joins a stretch to the one before it within a frame", () => {
    const [whole, cut] = [new Listener(), new Listener()];
    const pcm = Int16Array.from({ length: 4_800 }, (_, i) => (i < 2_345 ? 8_000 : 200));
    new EchoReference(whole).sent(pcm, 24_000, 100);
    const reference = new EchoReference(cut);
    reference.sent(pcm.subarray(0, 2_400), 24_000, 100);
    reference.sent(pcm.subarray(2_400), 24_000, 200);
    expect([...cut.levels.keys()]).toEqual([...whole.levels.keys()]);
    for (const [frame, level] of whole.levels) expect(cut.levels.get(frame)).toBeCloseTo(level, 3);
  });

  it("forgets what the client dropped", () => {
    const channel = new Listener();
    const reference = new EchoReference(channel);
    reference.sent(tone(8_000, 1_000), 8_000, 0);
    channel.receivedSamples = 256 * 10;
    reference.flushed();
    expect([...channel.levels.keys()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("calls silence silence", () => {
    const channel = new Listener();
    new EchoReference(channel).sent(tone(1_600, 0), 16_000, 0);
    expect(new Set(channel.levels.values())).toEqual(new Set([-120]));
  });
});
