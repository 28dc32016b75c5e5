/**
 * The tables are checked against intervals written down from the recommendation's own construction (segments of
 * 16 equal steps, each twice as wide as the one before), which the code does not use.
 */
import { describe, expect, it } from "vitest";
import { decodeAlaw, decodeMulaw, encodeAlaw, encodeMulaw } from "../../wire/g711.ts";

interface Interval {
  /** Positive code as it travels. */
  code: number;
  /** Magnitudes that it stands for, int16 units, end excluded. */
  from: number;
  until: number;
  /** What it decodes to. */
  value: number;
}

/** Tables 2a/2b: decision values in 14-bit units start at -1 (that is 0), the last is 8159; outputs lie half way. */
function mulawIntervals(): Interval[] {
  const intervals: Interval[] = [];
  let from = -1;
  for (let segment = 0; segment < 8; segment++) {
    for (let step = 0; step < 16; step++) {
      const width = 2 << segment;
      const code = 0xff - (segment * 16 + step);
      intervals.push({ code, from: from * 4, until: (from + width) * 4, value: (from + width / 2) * 4 });
      from += width;
    }
  }
  return intervals;
}

/** Tables 1a/1b: 13-bit units, the first two segments have steps of 2; even bits are inverted. */
function alawIntervals(): Interval[] {
  const intervals: Interval[] = [];
  let from = 0;
  for (let segment = 0; segment < 8; segment++) {
    for (let step = 0; step < 16; step++) {
      const width = 2 << Math.max(0, segment - 1);
      const code = (0x80 | (segment * 16 + step)) ^ 0x55;
      intervals.push({ code, from: from * 8, until: (from + width) * 8, value: (from + width / 2) * 8 });
      from += width;
    }
  }
  return intervals;
}

const everySample = Int16Array.from({ length: 65_536 }, (_, i) => i - 32_768);
const everyCode = Uint8Array.from({ length: 256 }, (_, i) => i);

describe.each([
  {
    law: "mu-law",
    encode: encodeMulaw,
    decode: decodeMulaw,
    intervals: mulawIntervals(),
    end: 8159 * 4,
    sign: 0x80,
  },
  {
    law: "A-law",
    encode: encodeAlaw,
    decode: decodeAlaw,
    intervals: alawIntervals(),
    end: 4096 * 8,
    sign: 0x80,
  },
])("$law", ({ encode, decode, intervals, end, sign }) => {
  it("has intervals that end where the recommendation says", () => {
    expect(intervals.at(-1)?.until).toBe(end);
    expect(new Set(intervals.map((interval) => interval.code)).size).toBe(128);
  });

  it("encodes every sample to the code of its interval, and negative ones alike with the other sign", () => {
    const codes = encode(everySample);
    let wrong = 0;
    for (const [index, sample] of everySample.entries()) {
      // One's complement mirrors the intervals around zero.
      const magnitude = sample < 0 ? ~sample : sample;
      const interval = intervals.find((candidate) => magnitude < candidate.until) ?? intervals.at(-1)!;
      const expected = sample < 0 ? interval.code ^ sign : interval.code;
      if (codes[index] !== expected) wrong += 1;
    }
    expect(wrong).toBe(0);
  });

  it("decodes every code to the middle of its interval", () => {
    const values = decode(everyCode);
    for (const { code, value } of intervals) {
      expect(values[code]).toBe(value);
      expect(values[code ^ sign]! + 0).toBe(-value + 0);
    }
  });

  it("encodes what it decoded to the same code", () => {
    const codes = encode(decode(everyCode));
    const changed = [...everyCode].filter((code) => codes[code] !== code);
    // mu-law has two zeros; the negative one comes back as the positive.
    expect(changed).toEqual(encode === encodeMulaw ? [0x7f] : []);
  });

  it("writes into a given buffer, and refuses one that is too short", () => {
    const out = new Int16Array(3);
    expect(decode(Uint8Array.of(0, 1), out)).toBe(out);
    expect(encode(Int16Array.of(1), new Uint8Array(4))).toHaveLength(4);
    expect(() => decode(everyCode, out)).toThrow(RangeError);
    expect(() => encode(everySample, new Uint8Array(1))).toThrow(RangeError);
  });
});

describe("well-known values", () => {
  it("are as in every telephone", () => {
    expect([...encodeMulaw(Int16Array.of(0, 32767, -32768))]).toEqual([0xff, 0x80, 0x00]);
    expect([...decodeMulaw(Uint8Array.of(0xff, 0x80, 0x00))]).toEqual([0, 32124, -32124]);
    expect([...encodeAlaw(Int16Array.of(0, 32767, -32768))]).toEqual([0xd5, 0xaa, 0x2a]);
    expect([...decodeAlaw(Uint8Array.of(0xd5, 0xaa, 0x2a))]).toEqual([8, 32256, -32256]);
  });
});
