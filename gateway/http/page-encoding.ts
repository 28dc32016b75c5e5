import type { PageAsset } from "./app.ts";

/** The bytes of an answer and the headers that say what they are. */
export interface EncodedAsset {
  body: Buffer;
  headers: Record<string, string>;
  etag: string;
}

/** What a browser takes of it, at its best: brotli, gzip, or the file as it is. */
export function encodeAsset(asset: PageAsset, acceptEncoding: string | undefined): EncodedAsset {
  const { packed } = asset;
  if (packed === undefined) return { body: asset.body, etag: asset.etag, headers: {} };
  const encoding = (["br", "gzip"] as const).find((name) => accepts(acceptEncoding ?? "", name));
  if (encoding === undefined)
    return { body: asset.body, etag: asset.etag, headers: { Vary: "Accept-Encoding" } };
  return {
    body: packed[encoding],
    // Other bytes, another tag: a strong one promises the same bytes.
    etag: asset.etag.replace(/"$/, `-${encoding}"`),
    headers: { Vary: "Accept-Encoding", "Content-Encoding": encoding },
  };
}

/** Whether an Accept-Encoding header allows it; a weight of 0 forbids. */
function accepts(header: string, name: string): boolean {
  for (const part of header.toLowerCase().split(",")) {
    const [token = "", ...parameters] = part.split(";").map((piece) => piece.trim());
    if (token !== name) continue;
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    return weight === undefined || Number(weight.slice(2)) > 0;
  }
  return false;
}
