/**
 * A child of a cancellation scope: process, session, turn, attempt. `AbortSignal.any` on a signal that lives
 * long keeps every derived signal alive; a scope takes its listener off again when it is closed.
 */
export interface Scope {
  readonly signal: AbortSignal;
  /** Cancels this scope and those under it, never the parent. Idempotent. */
  abort(): void;
  /** Lets go of the parent (does not cancel). Call it in `finally`. Idempotent. */
  close(): void;
}

/** One reason for all: a fresh DOMException for every cancelled turn would cost a stack trace each. */
const scopeAborted = new DOMException("The scope was cancelled", "AbortError");

/**
 * Opens a scope under `parent`.
 *
 * @param parent - cancels the child too; null for a root
 */
export function openScope(parent: AbortSignal | null): Scope {
  const controller = new AbortController();
  const onParentAbort = () => controller.abort(scopeAborted);
  if (parent?.aborted) controller.abort(scopeAborted);
  else parent?.addEventListener("abort", onParentAbort, { once: true });
  return {
    signal: controller.signal,
    abort() {
      if (!controller.signal.aborted) controller.abort(scopeAborted);
    },
    close() {
      parent?.removeEventListener("abort", onParentAbort);
    },
  };
}
