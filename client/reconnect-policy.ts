/** How a lost connection is taken up again. */
export interface ReconnectPolicy {
  /** Attempts in a row before giving up. */
  maxAttempts: number;
  /** Wait before the first attempt; it doubles with each one. */
  baseMs: number;
  /** The longest wait. */
  maxMs: number;
}

export const defaultReconnectPolicy: ReconnectPolicy = { maxAttempts: 8, baseMs: 400, maxMs: 10_000 };

/** Standard close codes after which another attempt can help: going away, lost, server's fault, restart, later. */
const worthRetrying: readonly number[] = [1001, 1005, 1006, 1011, 1012, 1013, 1014];

/** Whether a connection that was closed with `code` should be opened again: 4000 to 4499 yes, 4500 and up no. */
export function isReconnectable(code: number): boolean {
  if (code >= 4000) return code < 4500;
  return worthRetrying.includes(code);
}

/**
 * The wait before attempt number `attempt` (from 1): exponential, half of it by chance, so that the clients of a
 * restarted server don't all come back in the same moment.
 *
 * @param random - uniform in [0, 1)
 * @returns ms, or null if the attempts are used up
 */
export function reconnectDelayMs(attempt: number, policy: ReconnectPolicy, random: number): number | null {
  if (attempt > policy.maxAttempts) return null;
  const fullMs = Math.min(policy.maxMs, policy.baseMs * 2 ** (attempt - 1));
  return fullMs / 2 + (fullMs / 2) * random;
}
