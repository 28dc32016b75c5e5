/** The faults in force: put on, taken off, resolved for one call. */
import type { Fault, FaultKind, StandinName } from "./standin.ts";

export const faultKinds = [
  "refuse",
  "hang",
  "reset",
  "unauthorized",
  "forbidden",
  "request_timeout",
  "too_large",
  "rate_limited",
  "internal_error",
  "unavailable",
  "unknown_model",
  "stall",
  "cut",
  "error_in_stream",
  "malformed",
  "truncated_utf8",
  "content_filter",
  "empty_answer",
  "empty_audio",
  "silent_audio",
  "final_without_audio",
  "noise",
  "wrong_rate",
  "slow_first",
  "slow_drip",
  "brown_out",
  "flapping",
] as const satisfies readonly FaultKind[];

/** Faults that strike in the stream, after `afterPieces`. */
export const streamFaults: ReadonlySet<FaultKind> = new Set([
  "stall",
  "cut",
  "error_in_stream",
  "malformed",
  "truncated_utf8",
]);

const defaultSlowFirstMs = 10_000;
const defaultDripMs = 1500;
const defaultLatencyRatio = 10;
const defaultPeriodMs = 2000;
const defaultAfterPieces = 1;

/** Bounds of a fault's numbers. */
export const faultLimits = {
  afterPieces: [0, 10_000],
  share: [0, 1],
  retryAfterSeconds: [0, 86_400],
  delayMs: [0, 600_000],
  latencyRatio: [1, 1000],
  periodMs: [100, 600_000],
} as const satisfies Record<Exclude<keyof Fault, "kind">, readonly [number, number]>;

const wholeNumbers: ReadonlySet<string> = new Set(["afterPieces", "retryAfterSeconds"]);

/** A fault that can't be. */
export class FaultError extends Error {}

/**
 * Reads a fault that came from outside.
 *
 * @throws {FaultError} that names what is wrong with it
 */
export function parseFault(value: unknown): Fault {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new FaultError("a fault is an object with a kind");
  }
  const given = value as Record<string, unknown>;
  const kind = faultKinds.find((one) => one === given.kind);
  if (kind === undefined) throw new FaultError(`kind must be one of: ${faultKinds.join(", ")}`);
  const fault: Fault = { kind };
  for (const [name, number] of Object.entries(given)) {
    if (name === "kind") continue;
    if (!Object.hasOwn(faultLimits, name)) throw new FaultError(`a fault has no ${name.slice(0, 40)}`);
    const key = name as keyof typeof faultLimits;
    const [least, most] = faultLimits[key];
    if (typeof number !== "number" || !(number >= least && number <= most)) {
      throw new FaultError(`${key} must be a number from ${least} to ${most}`);
    }
    if (wholeNumbers.has(key) && !Number.isInteger(number)) throw new FaultError(`${key} must be whole`);
    fault[key] = number;
  }
  if (kind === "refuse" && fault.share !== undefined && fault.share !== 1) {
    throw new FaultError("refuse closes the listener: it has no share");
  }
  return fault;
}

/** What a fault makes of one call. */
export interface ResolvedFault {
  /** What the stand-in has to do; null when nothing. */
  fault: Fault | null;
  /** What was in force and hit the call, for the record. */
  hit: FaultKind | null;
  /** In place of the drawn time to the first output. */
  firstMs: number | null;
  /** In place of the drawn time between pieces. */
  pieceMs: number | null;
  latencyRatio: number;
}

const unharmed: ResolvedFault = { fault: null, hit: null, firstMs: null, pieceMs: null, latencyRatio: 1 };

/**
 * Decides what the fault in force does to one call.
 *
 * @param heldMs - for how long it has been in force
 * @param random - the call's own; one draw is taken
 */
export function resolveFault(fault: Fault | null, heldMs: number, random: () => number): ResolvedFault {
  // Drawn in any case, so that putting a fault on doesn't change a call's other draws.
  const draw = random();
  if (fault === null || draw >= (fault.share ?? 1)) return unharmed;
  const hit = { ...unharmed, fault, hit: fault.kind };
  switch (fault.kind) {
    case "brown_out":
      return { ...hit, fault: null, latencyRatio: fault.latencyRatio ?? defaultLatencyRatio };
    case "flapping": {
      const periodMs = fault.periodMs ?? defaultPeriodMs;
      const down = heldMs % periodMs < periodMs / 2;
      return down ? { ...hit, fault: { kind: "unavailable" } } : unharmed;
    }
    case "refuse":
      // Who comes through while the listener closes is thrown out.
      return { ...hit, fault: { kind: "reset" } };
    case "slow_first":
      return { ...hit, firstMs: fault.delayMs ?? defaultSlowFirstMs };
    case "slow_drip":
      return { ...hit, pieceMs: fault.delayMs ?? defaultDripMs };
    default:
      return hit;
  }
}

/** Whether a stream must fail now, after that many pieces. */
export function failsAfter(fault: Fault | null, pieces: number): boolean {
  return (
    fault !== null && streamFaults.has(fault.kind) && pieces >= (fault.afterPieces ?? defaultAfterPieces)
  );
}

/** Told when a stand-in must stop or begin to accept connections. */
export type SetListening = (name: StandinName, listening: boolean) => Promise<void>;

/** Which fault is on which stand-in; at most one on each. */
export class FaultBoard {
  readonly #faults = new Map<StandinName, { fault: Fault; sinceMs: number }>();
  readonly #nowMs: () => number;
  #setListening: SetListening = async () => {};

  /** @param nowMs - a clock that never goes back */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Who carries out `refuse`. */
  onListening(setListening: SetListening): void {
    this.#setListening = setListening;
  }

  /** Puts a fault on, in place of the last one, or takes it off; resolves when it is in force. */
  async set(name: StandinName, fault: Fault | null): Promise<void> {
    const refused = this.#faults.get(name)?.fault.kind === "refuse";
    if (fault === null) this.#faults.delete(name);
    else this.#faults.set(name, { fault: { ...fault }, sinceMs: this.#nowMs() });
    const refuses = fault?.kind === "refuse";
    if (refused !== refuses) await this.#setListening(name, !refuses);
  }

  /** The same on all of them at once: a region goes down, or comes back. */
  async setAll(names: readonly StandinName[], fault: Fault | null): Promise<void> {
    await Promise.all(names.map((name) => this.set(name, fault)));
  }

  get(name: StandinName): Fault | null {
    return this.#faults.get(name)?.fault ?? null;
  }

  resolve(name: StandinName, random: () => number): ResolvedFault {
    const held = this.#faults.get(name);
    return resolveFault(held?.fault ?? null, held ? this.#nowMs() - held.sinceMs : 0, random);
  }
}
