import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createFrameReader,
  encodeFrame,
  MAX_HEADER_BYTES,
  payloadOf,
  pcmOf,
} from "../../../workers/speech/frames.ts";

describe("engine frames", () => {
  it("come out as they went in, however the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ text: fc.string(), payload: fc.uint8Array({ maxLength: 300 }) }), {
          maxLength: 8,
        }),
        fc.integer({ min: 1, max: 200 }),
        (frames, cutBytes) => {
          const bytes = Buffer.concat(
            frames.map(({ text, payload }, id) =>
              encodeFrame({ type: "event", id, event: { text } }, payload),
            ),
          );
          const reader = createFrameReader();
          const read = [];
          for (let at = 0; at < bytes.length; at += cutBytes)
            read.push(...reader.push(bytes.subarray(at, at + cutBytes)));
          expect(read.map(({ header, payload }) => ({ header, payload: [...payload] }))).toEqual(
            frames.map(({ text, payload }, id) => ({
              header: { type: "event", id, event: { text } },
              payload: [...payload],
            })),
          );
        },
      ),
    );
  });

  it("carry samples", () => {
    const pcm = Int16Array.of(-32768, -1, 0, 1, 32767);
    const [frame] = createFrameReader().push(encodeFrame({ type: "cancel", id: 1 }, payloadOf(pcm)));
    expect(pcmOf(frame!.payload)).toEqual(pcm);
  });

  it("refuses a frame larger than allowed before it has come", () => {
    const prefix = Buffer.alloc(8);
    prefix.writeUInt32LE(MAX_HEADER_BYTES + 1, 0);
    expect(() => createFrameReader().push(prefix)).toThrow("larger than allowed");
  });

  it.each(["null", "{", "7"])("refuses the header %s", (json) => {
    const prefix = Buffer.alloc(8);
    prefix.writeUInt32LE(json.length, 0);
    expect(() => createFrameReader().push(Buffer.concat([prefix, Buffer.from(json)]))).toThrow();
  });
});
