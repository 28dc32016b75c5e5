/** Small pictures of few colours as PNG files. */
import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";

export type Colour = readonly [red: number, green: number, blue: number];

/**
 * @param pixels - one index into `colours` each, row by row from the top
 * @throws {RangeError} if the pixels don't fill the picture or there are more than 256 colours
 */
export function encodePng(
  width: number,
  height: number,
  pixels: Uint8Array,
  colours: readonly Colour[],
): Buffer {
  if (pixels.length !== width * height)
    throw new RangeError(`${pixels.length} pixels are not ${width} x ${height}`);
  if (colours.length > 256) throw new RangeError(`${colours.length} colours are too many`);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  // Each row begins with its filter: none.
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("PLTE", Buffer.from(colours.flat())),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "ascii"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  framed.set(body, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
