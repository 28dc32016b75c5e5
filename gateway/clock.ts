/** A pending timer; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

/** The one source of time and chance; handed in by `main`, replaced in tests and simulations. */
export interface Clock {
  /** Monotonic milliseconds (fractional), the same line in every thread of the process (`process.hrtime`). */
  nowMs(): number;
  /** Wall clock, milliseconds since the Unix epoch. For timestamps shown to people and expiry only. */
  epochMs(): number;
  /** Runs `fn` once when `nowMs()` reaches `atMs`; at once (next turn of the loop) if that is past. */
  timer(atMs: number, fn: () => void): Timer;
  /** Uniform in [0, 1). */
  random(): number;
  /** `bytes` random bytes as base64url, for ids and tokens. */
  randomId(bytes: number): string;
}
