/**
 * The frame of a provider's stream: it runs the work that talks to the vendor, yields what that emits, and ends with exactly
 * one `end`, on time, whatever the work is waiting for.
 */
import type { CallContext, EndEvent, ProviderFault, Usage } from "./provider.ts";
import { faultFromError, vendorFault } from "./vendor-fault.ts";

/** After an abort the work may take that long to let go (and to say what it used); the contract allows 50 ms in all. */
export const releaseMs = 30;
/** Events that may wait to be taken before `room()` makes the work wait. */
export const queuedEventsMax = 256;

/** What the work behind a stream gets. */
export interface StreamCall<Event> {
  /** Hands an event on; nothing happens once the call is over. */
  emit(event: Event): void;
  /** Aborted the moment that the call is over for whatever reason: cancelled, late, given up by its reader. */
  readonly signal: AbortSignal;
  /** Filled in as the work goes on; what stands here goes out with `end`, however the call ends. */
  readonly usage: Usage;
  /** Resolves while fewer than `queuedEventsMax` events wait to be taken, and when the call is over: back pressure. */
  room(): Promise<void>;
}

export interface VendorStreamOptions {
  /** What whatever the work throws means; `faultFromError` unless given. */
  faultOf?(err: unknown): ProviderFault;
  /** What a missed deadline means; "the vendor did not answer in time" unless given. */
  lateFault?(): ProviderFault;
  /** In place of `releaseMs`; 0 ends at once. */
  releaseMs?: number;
}

type Outcome = Pick<EndEvent, "outcome"> & { error?: ProviderFault };

/**
 * Runs `work` and yields what it emits, then exactly one `end`. Cancelled, it ends within `releaseMs`, or as soon as the
 * work has let go; what was emitted and not yet taken is dropped. Never throws.
 *
 * @param work - resolves with a fault, or null when it is done; what it throws becomes a fault. It must settle soon after
 *   `call.signal` aborts, and it must leave nothing behind (sockets, listeners, timers) when it settles
 */
export async function* streamFromVendor<Event>(
  provider: string,
  context: Pick<CallContext, "signal" | "deadlineMs" | "clock">,
  work: (call: StreamCall<Event>) => Promise<ProviderFault | null>,
  options: VendorStreamOptions = {},
): AsyncGenerator<Event | EndEvent> {
  const { clock, signal } = context;
  const usage: Usage = {};
  const events: Event[] = [];
  const abort = new AbortController();
  let outcome: Outcome | null = null;
  let settled = true;
  let wake = () => {};
  let makeRoom = () => {};

  const finish = (how: Outcome) => {
    if (outcome !== null) return;
    outcome = how;
    if (how.outcome === "cancelled") events.length = 0;
    abort.abort();
    makeRoom();
    wake();
  };
  const call: StreamCall<Event> = {
    emit(event) {
      if (outcome !== null) return;
      events.push(event);
      wake();
    },
    signal: abort.signal,
    usage,
    async room() {
      while (outcome === null && events.length >= queuedEventsMax) {
        await new Promise<void>((resolve) => {
          makeRoom = resolve;
        });
      }
    },
  };
  const onAbort = () => finish({ outcome: "cancelled" });
  const onLate = () =>
    finish({
      outcome: "failed",
      error: options.lateFault?.() ?? vendorFault("the vendor did not answer in time", "provider_timeout"),
    });
  const timer = clock.timer(context.deadlineMs, onLate);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    if (outcome === null) {
      settled = false;
      const settle = (how: Outcome) => {
        settled = true;
        finish(how);
        wake();
      };
      void begin(work, call).then(
        (error) => settle(error ? { outcome: "failed", error } : { outcome: "completed" }),
        (err) => settle({ outcome: "failed", error: (options.faultOf ?? faultFromError)(err) }),
      );
    }
    for (;;) {
      const event = events.shift();
      if (event !== undefined) {
        makeRoom();
        yield event;
      } else if (outcome !== null) break;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    if (!settled && options.releaseMs !== 0) {
      const release = clock.timer(clock.nowMs() + (options.releaseMs ?? releaseMs), () => wake());
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      release.cancel();
    }
    yield { type: "end", ...(outcome as Outcome), usage: { ...usage }, provider };
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", onAbort);
    // Its reader went away in the middle.
    finish({ outcome: "cancelled" });
  }
}

/** A work that throws before it is asynchronous is a work that rejects. */
async function begin<Event>(
  work: (call: StreamCall<Event>) => Promise<ProviderFault | null>,
  call: StreamCall<Event>,
): Promise<ProviderFault | null> {
  return work(call);
}
