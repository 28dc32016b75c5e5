/** How many more calls than asked for the process may make: every call earns a share of one, every extra call spends one. */
export interface CallBudget {
  /** A call began. */
  earn(): void;
  /** Takes one extra call; false when none was earned. */
  take(): boolean;
}

/** Retries a call. */
export const retryRatio = 0.2;
/** Extra calls that may be saved up: a burst after quiet hours stays a burst. */
export const savedMax = 20;

/**
 * A budget that begins empty, so extra calls never are more than `ratio` of all calls, from the first one on.
 *
 * @param ratio - extra calls a call, 0 to 1
 */
export function createCallBudget(ratio: number): CallBudget {
  // Counted in calls, not in shares of one: sums of 0.05 would drift.
  const costCalls = 1 / ratio;
  let saved = 0;
  return {
    earn() {
      saved = Math.min(savedMax * costCalls, saved + 1);
    },
    take() {
      if (saved < costCalls) return false;
      saved -= costCalls;
      return true;
    },
  };
}
