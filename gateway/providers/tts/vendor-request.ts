/** A small question to a voice vendor by HTTP: is the key right, which voices are there. */
import { malformedAnswer, VendorError } from "../vendor-fault.ts";
import type { VendorHttp } from "../vendor-http.ts";

/** Longest answer that is read. */
const answerMaxBytes = 8 * 1024 * 1024;

/**
 * Asks and reads the JSON of the answer.
 *
 * @throws {VendorError} for a status other than 2xx, or an answer that is no JSON; what `fetch` throws
 */
export async function askVendor(
  http: VendorHttp,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<unknown> {
  const response = await http.fetch(url, { headers: { ...headers }, signal });
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > answerMaxBytes) throw new VendorError({ ...malformedAnswer });
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    throw new VendorError({ ...malformedAnswer });
  }
}
