import { createRequire } from "node:module";
import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { passWholeFrames } from "../../gateway/transport/ws-whole-frames.ts";

const { Receiver } = createRequire(import.meta.url)("ws") as {
  Receiver: new (options: object) => TestReceiver;
};
const maxPayload = 1000;

interface TestReceiver extends NodeJS.EventEmitter {
  write(chunk: Buffer): boolean;
  writableLength: number;
}

function frame(kind: number, payload: Buffer | string): Buffer {
  const body = Buffer.from(payload);
  const key = [0x11, 0x82, 0xf3, body.length & 0xff] as const;
  const masked = body.map((byte, index) => byte ^ key[index & 3]!);
  const length =
    body.length < 126 ? [0x80 | body.length] : [0x80 | 126, body.length >> 8, body.length & 0xff];
  return Buffer.from([kind, ...length, ...key, ...masked]);
}

/** What the receiver says of `stream` when it comes in pieces that end at `cuts`. */
async function read(stream: Buffer, cuts: readonly number[], short: boolean): Promise<string[]> {
  const receiver = new Receiver({ isServer: true, maxPayload, maxFragments: 8, maxBufferedChunks: 64 });
  const told: string[] = [];
  receiver.on("message", (data: Buffer, isBinary: boolean) =>
    told.push(`${isBinary} ${data.toString("hex")}`),
  );
  receiver.on("ping", (data: Buffer) => told.push(`ping ${data}`));
  receiver.on("error", ({ code }: { code: string }) => told.push(code));
  if (short) passWholeFrames(receiver as never, maxPayload);
  let from = 0;
  for (const cut of [...cuts, stream.length]) {
    // A socket gives nothing more to a receiver that failed.
    if (!told.some((line) => line.startsWith("WS_ERR")))
      receiver.write(Buffer.from(stream.subarray(from, cut)));
    await setImmediate();
    from = cut;
  }
  return told;
}

const long = Buffer.from(Array.from({ length: 640 }, (_, index) => (index * 7) & 0xff));
const streams: Record<string, Buffer[]> = {
  "frames of every kind": [
    ...[frame(0x82, long), frame(0x81, "hé"), frame(0x82, ""), frame(0x89, "still there")],
    ...[frame(0x82, "a"), frame(0x82, "ab"), frame(0x82, "abc")],
  ],
  "a message in fragments with a ping inside": [
    ...[frame(0x82, "x"), frame(0x02, "one"), frame(0x89, "p"), frame(0x80, "two"), frame(0x81, "y")],
  ],
  "a new message inside a fragmented one": [frame(0x02, "one"), frame(0x82, "two")],
  "a text that is no UTF-8": [
    frame(0x81, "fine"),
    frame(0x81, Buffer.from([0xc3, 0x28])),
    frame(0x81, "late"),
  ],
  "a message that is too big": [
    frame(0x82, "fine"),
    frame(0x82, Buffer.alloc(maxPayload + 1)),
    frame(0x82, "late"),
  ],
  "reserved bits": [frame(0x82, "fine"), frame(0xc2, "compressed?"), frame(0x82, "late")],
};

it.each(Object.entries(streams))("reads %s as the library does, however it is cut", async (_, frames) => {
  const stream = Buffer.concat(frames);
  const expected = await read(stream, [], false);
  expect(expected.length).toBeGreaterThan(0);
  for (let cut = 0; cut <= stream.length; cut++) expect(await read(stream, [cut], true)).toEqual(expected);
  const everyByte = Array.from({ length: Math.min(60, stream.length) }, (_, index) => index + 1);
  expect(await read(stream, everyByte, true)).toEqual(expected);
});

it("takes whole frames without the library", () => {
  const receiver = new Receiver({ isServer: true, maxPayload });
  const lengths: number[] = [];
  const { write } = receiver;
  receiver.write = (chunk: Buffer) => {
    lengths.push(chunk.length);
    return write.call(receiver, chunk);
  };
  passWholeFrames(receiver as never, maxPayload);
  receiver.write(Buffer.concat([frame(0x82, long), frame(0x81, "text")]));
  expect(lengths).toEqual([]);
  receiver.write(frame(0x89, "ping"));
  expect(lengths).toEqual([frame(0x89, "ping").length]);
});
