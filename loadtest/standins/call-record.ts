/** The record of calls: who was called when, what was done to the call, what it held. */
import type { CallDetail, FaultKind, StandinName } from "./standin.ts";

/** Calls that are kept; older ones are forgotten. */
export const maxCalls = 10_000;
/** Recorded speech that is kept over all calls; the oldest goes first. Nine minutes at 16 kHz are 16 MiB. */
export const maxKeptPcmBytes = 512 * 1024 * 1024;

export interface CallRecord {
  readonly id: number;
  readonly standin: StandinName;
  /** Unix time, ms. */
  readonly startedAtMs: number;
  /** From the start to the first wait that was waited out: what the caller takes for the first output. Null before. */
  firstMs: number | null;
  /** From the start to the end; null while it runs. */
  durationMs: number | null;
  outcome: "open" | "completed" | "cancelled" | "failed";
  /** The fault that struck this call; one that strikes in the stream, once it has. */
  fault: FaultKind | null;
  detail: CallDetail;
}

export class CallBook {
  readonly #calls: CallRecord[] = [];
  readonly #withPcm: CallRecord[] = [];
  #pcmBytes = 0;
  #dropped = 0;

  add(record: CallRecord): void {
    this.#calls.push(record);
    if (this.#calls.length <= maxCalls) return;
    this.#calls.shift();
    this.#dropped++;
  }

  note(record: CallRecord, detail: CallDetail): void {
    const bytesBefore = record.detail.pcm?.byteLength ?? 0;
    record.detail = { ...record.detail, ...detail };
    const bytes = record.detail.pcm?.byteLength ?? 0;
    if (bytes === bytesBefore) return;
    this.#pcmBytes += bytes - bytesBefore;
    if (bytesBefore === 0) this.#withPcm.push(record);
    while (this.#pcmBytes > maxKeptPcmBytes && this.#withPcm.length > 1) this.#forgetPcm();
  }

  #forgetPcm(): void {
    const oldest = this.#withPcm.shift();
    if (oldest === undefined) return;
    this.#pcmBytes -= oldest.detail.pcm?.byteLength ?? 0;
    const { pcm: _, ...rest } = oldest.detail;
    oldest.detail = rest;
  }

  /** Kept calls, oldest first. */
  list(): readonly CallRecord[] {
    return this.#calls;
  }

  /** How many were forgotten. */
  get dropped(): number {
    return this.#dropped;
  }

  clear(): void {
    this.#calls.length = 0;
    this.#withPcm.length = 0;
    this.#pcmBytes = 0;
    this.#dropped = 0;
  }
}
