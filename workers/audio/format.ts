/** Arithmetic of input formats. */
import type { InputFormat } from "./messages.ts";

/** Bytes of a sample. */
export function sampleBytes(format: InputFormat): number {
  return format.encoding === "pcm16" ? 2 : 1;
}

/** Whether bytes of one format can go on in the other. */
export function isSameFormat(a: InputFormat, b: InputFormat): boolean {
  return a.encoding === b.encoding && a.sampleRateHz === b.sampleRateHz;
}
