import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Backlog } from "../../../workers/audio/backlog.ts";
import { FrameStamps, rememberedFrames } from "../../../workers/audio/frame-stamps.ts";

describe("backlog", () => {
  it("gives bytes back in order with their frames' times, within its limits", () => {
    const action = fc.oneof(
      fc.record({ push: fc.nat(100_000) }),
      fc.record({ shift: fc.nat(20_000) }),
      fc.record({ clear: fc.constant(true) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const budget = { leftBytes: 300_000 };
        const backlog = new Backlog(200_000, budget);
        let model: { byte: number; time: number }[] = [];
        let next = 0;
        for (const [time, act] of actions.entries()) {
          if ("push" in act) {
            if (!backlog.hasRoom(act.push)) {
              expect(model.length + act.push).toBeGreaterThan(200_000);
              continue;
            }
            const bytes = Uint8Array.from({ length: act.push }, () => next++ & 0xff);
            backlog.push(bytes, time);
            for (const byte of bytes) model.push({ byte, time });
          } else if ("shift" in act) {
            const piece = backlog.shift(act.shift);
            if (piece === null) {
              expect(model.length === 0 || act.shift === 0).toBe(true);
              continue;
            }
            expect(piece.bytes.length).toBeLessThanOrEqual(act.shift);
            const wanted = model.slice(0, piece.bytes.length);
            expect([...piece.bytes]).toEqual(wanted.map(({ byte }) => byte));
            expect(wanted.every(({ time: at }) => at === piece.readAtMs)).toBe(true);
            model = model.slice(piece.bytes.length);
          } else {
            backlog.clear();
            model = [];
          }
          expect(backlog.sizeBytes).toBe(model.length);
          expect(budget.leftBytes).toBe(300_000 - model.length);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("stops telling frames apart when there are too many, and keeps their bytes", () => {
    const backlog = new Backlog(1_000_000, { leftBytes: 1_000_000 });
    for (let i = 0; i < 10_000; i++) backlog.push(Uint8Array.of(i & 0xff), i);
    const bytes: number[] = [];
    for (let piece = backlog.shift(1000); piece !== null; piece = backlog.shift(1000))
      bytes.push(...piece.bytes);
    expect(bytes).toEqual(Array.from({ length: 10_000 }, (_, i) => i & 0xff));
  });
});

describe("frame stamps", () => {
  it("find the frame that holds a sample as long as it's remembered", () => {
    const stamps = new FrameStamps();
    expect(stamps.find(0)).toBeNull();
    const frames = rememberedFrames + 100;
    for (let i = 0; i < frames; i++) {
      stamps.push((i + 1) * 10, i, i + 0.5);
      stamps.push((i + 1) * 10, 1e9, 1e9);
    }
    for (let sample = 0; sample < frames * 10; sample++) {
      const frame = Math.floor(sample / 10);
      const wanted = frame < 100 ? null : { readAtMs: frame, inBusAtMs: frame + 0.5 };
      expect(stamps.find(sample)).toEqual(wanted);
    }
    expect(stamps.find(frames * 10)).toBeNull();
  });
});
