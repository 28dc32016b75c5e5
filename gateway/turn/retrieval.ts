/** Retrieval inside a turn: in time, or not at all. */
import type { Clock } from "../clock.ts";
import type { Passage } from "../providers/provider.ts";
import { openScope } from "../resilience/scope.ts";

/** What was found; nothing if it failed or came too late. */
export interface Retrieved {
  passages: Passage[];
  outcome: "completed" | "cancelled" | "failed";
}

/**
 * Runs `retrieve` until it is done, the deadline passes or the signal aborts; the call is cancelled then and what
 * it still brings is dropped. Never rejects.
 */
export function retrieveInTime(
  retrieve: (signal: AbortSignal) => Promise<Passage[]>,
  { clock, deadlineMs, signal }: { clock: Clock; deadlineMs: number; signal: AbortSignal },
): Promise<Retrieved> {
  return new Promise((resolve) => {
    const scope = openScope(signal);
    const end = (passages: Passage[], outcome: Retrieved["outcome"]) => {
      timer.cancel();
      scope.signal.removeEventListener("abort", onAbort);
      scope.close();
      resolve({ passages, outcome });
    };
    const onAbort = () => end([], signal.aborted ? "cancelled" : "failed");
    const timer = clock.timer(deadlineMs, () => scope.abort());
    scope.signal.addEventListener("abort", onAbort);
    if (scope.signal.aborted) return onAbort();
    retrieve(scope.signal).then(
      (passages) => end(passages, "completed"),
      () => end([], signal.aborted ? "cancelled" : "failed"),
    );
  });
}
