import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeFrame,
  encodeFrame,
  encodeFrameInto,
  frameHeaderBytes,
  writeFrameHeader,
  writeFrameSequence,
} from "../../wire/binary-frames.ts";

const uint32 = fc.nat({ max: 0xffff_ffff });

describe("binary frames", () => {
  it("put sequence and media time first, little-endian", () => {
    expect([...encodeFrame(0x01020304, 0xa0b0c0d0, Uint8Array.of(9, 8))]).toEqual([
      4, 3, 2, 1, 0xd0, 0xc0, 0xb0, 0xa0, 9, 8,
    ]);
  });

  it("come back as they were sent", () => {
    fc.assert(
      fc.property(uint32, uint32, fc.uint8Array(), (sequence, mediaTimeMs, samples) => {
        const decoded = decodeFrame(encodeFrame(sequence, mediaTimeMs, samples));
        expect(decoded).toEqual({ ok: true, frame: { sequence, mediaTimeMs, samples } });
      }),
    );
  });

  it("are written into a part of a larger buffer, and nothing around it changes", () => {
    const pool = new Uint8Array(32).fill(7);
    const written = encodeFrameInto(pool.subarray(5, 20), 1, 2, Uint8Array.of(3, 4));
    expect(written).toBe(10);
    expect([...pool]).toEqual([...Array(5).fill(7), 1, 0, 0, 0, 2, 0, 0, 0, 3, 4, ...Array(17).fill(7)]);
    expect(decodeFrame(pool.subarray(5, 15))).toMatchObject({ frame: { sequence: 1, mediaTimeMs: 2 } });
  });

  it("are renumbered in place", () => {
    const frame = encodeFrame(1, 20, Uint8Array.of(5));
    writeFrameSequence(frame, 77);
    expect(decodeFrame(frame)).toMatchObject({
      frame: { sequence: 77, mediaTimeMs: 20, samples: Uint8Array.of(5) },
    });
  });

  it("round fractions of a millisecond", () => {
    expect(decodeFrame(encodeFrame(0, 19.6, new Uint8Array()))).toMatchObject({ frame: { mediaTimeMs: 20 } });
  });

  it("hand out samples without copying them", () => {
    const message = encodeFrame(0, 0, Uint8Array.of(1));
    const decoded = decodeFrame(message);
    expect(decoded.ok && decoded.frame.samples.buffer).toBe(message.buffer);
  });

  it("are refused when the header is not whole", () => {
    for (let length = 0; length < frameHeaderBytes; length++) {
      expect(decodeFrame(new Uint8Array(length))).toMatchObject({ ok: false, code: "invalid_audio" });
    }
    expect(decodeFrame(new Uint8Array(frameHeaderBytes))).toMatchObject({ ok: true });
  });

  it.each([-1, 0x1_0000_0000, Number.NaN, 0.5])("cannot carry the sequence %d", (sequence) => {
    expect(() => encodeFrame(sequence, 0, new Uint8Array())).toThrow(RangeError);
    expect(() => writeFrameSequence(new Uint8Array(8), sequence)).toThrow(RangeError);
  });

  it.each([-1, 0x1_0000_0000, Number.NaN])("cannot carry the media time %d", (mediaTimeMs) => {
    expect(() => encodeFrame(0, mediaTimeMs, new Uint8Array())).toThrow(RangeError);
  });

  it("don't fit a buffer that is too short", () => {
    expect(() => encodeFrameInto(new Uint8Array(9), 0, 0, Uint8Array.of(1, 2))).toThrow(RangeError);
    expect(() => writeFrameHeader(new Uint8Array(7), 0, 0)).toThrow(RangeError);
  });
});
