/**
 * What of opossum 10 is used, in types that tell the truth: those published are of version 8, hide `options`, whose
 * `resetTimeout` is read anew at every opening, and call the bucket interval's owner by another name.
 */
import CircuitBreaker from "opossum";

/** A call's outcome, told after the fact: the circuit counts votes, it runs nothing. */
export type Vote = "success" | "failure";

export interface Circuit {
  readonly closed: boolean;
  readonly opened: boolean;
  readonly halfOpen: boolean;
  readonly stats: { fires: number; failures: number; successes: number; rejects: number };
  readonly options: { resetTimeout: number };
  /** Resolves or rejects as the vote says, once it is counted. */
  fire(vote: Vote): Promise<void>;
  open(): void;
  close(): void;
  shutdown(): void;
  on(event: "open" | "close" | "halfOpen", listener: () => void): void;
}

export interface CircuitOptions {
  name: string;
  /** How far back votes count. */
  windowMs: number;
  /** How long it stays open before a probe, unless an opening says otherwise. */
  resetMs: number;
  /** Votes before which it never opens by itself. */
  votesLeast: number;
  /** Above this share of failures, in percent, it opens. */
  failurePercent: number;
}

/** Pieces of the window: a failure is forgotten at most that part of it too late. */
const buckets = 10;

/** A refused vote: made once, since its stack says nothing. */
const refused = new Error("the call failed");

export function createCircuit(options: CircuitOptions): Circuit {
  const count = (vote: Vote) => (vote === "success" ? Promise.resolve() : Promise.reject(refused));
  return new CircuitBreaker(count, {
    name: options.name,
    // Deadlines are the chain's, with a signal a call: the circuit's own one would abort its healthy siblings.
    timeout: false,
    resetTimeout: options.resetMs,
    volumeThreshold: options.votesLeast,
    errorThresholdPercentage: options.failurePercent,
    rollingCountTimeout: options.windowMs,
    rollingCountBuckets: buckets,
    // Sorting every latency for every failure cost eight times as much as the rest.
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
  }) as unknown as Circuit;
}
