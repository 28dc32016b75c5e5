import { describe, expect, it } from "vitest";
import { JitterTarget } from "../../client/jitter-target.ts";

const limits = { startMs: 80, minMs: 40, maxMs: 400 };

/** `seconds` of 100 ms pieces that are late by `lateMs(piece)`. */
function receive(target: JitterTarget, seconds: number, lateMs: (piece: number) => number): void {
  for (let piece = 0; piece < seconds * 10; piece++) target.arrived(lateMs(piece), 100);
}

describe("JitterTarget", () => {
  it("begins with its start", () => {
    expect(new JitterTarget(limits).valueMs).toBe(80);
  });

  it("grows by what an underrun lacked, at least a little, never beyond its limit", () => {
    const target = new JitterTarget(limits);
    target.underran(3);
    expect(target.valueMs).toBe(100);
    target.underran(70);
    expect(target.valueMs).toBe(170);
    target.underran(5000);
    expect(target.valueMs).toBe(400);
  });

  it("shrinks slowly while arrivals are even, down to its floor", () => {
    const target = new JitterTarget(limits);
    receive(target, 1, () => 100);
    expect(target.valueMs).toBe(78);
    receive(target, 60, () => 100);
    expect(target.valueMs).toBe(40);
  });

  it("keeps what the jitter needs, and a margin", () => {
    const target = new JitterTarget({ ...limits, startMs: 200 });
    receive(target, 120, (piece) => (piece % 2) * 80);
    expect(target.valueMs).toBe(100);
  });

  it("makes room for a jitter before it is heard", () => {
    const target = new JitterTarget(limits);
    receive(target, 1, (piece) => (piece % 3) * 60);
    expect(target.valueMs).toBe(140);
  });

  it("learns nothing from a server that sends ahead", () => {
    const target = new JitterTarget(limits);
    receive(target, 20, (piece) => -piece * 100);
    expect(target.valueMs).toBe(80);
  });

  it("refuses limits that contradict each other", () => {
    expect(() => new JitterTarget({ startMs: 20, minMs: 40, maxMs: 400 })).toThrow(RangeError);
    expect(() => new JitterTarget({ startMs: 80, minMs: 40, maxMs: 60 })).toThrow(RangeError);
  });
});
