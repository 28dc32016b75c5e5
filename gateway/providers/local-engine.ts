/** What the providers in front of the local engines share: a stream that ends on time, and faults in our terms. */
import type { EngineClient, EngineFailureCode } from "../../workers/speech/client.ts";
import type { CallContext, EndEvent, ProviderFault, Usage } from "./provider.ts";

const faults: Record<EngineFailureCode, ProviderFault> = {
  overloaded: { code: "provider_overloaded", message: "the local engine's queue is full", retryable: true },
  expired: {
    code: "provider_timeout",
    message: "the local engine did not get to it in time",
    retryable: true,
  },
  timeout: { code: "provider_timeout", message: "the local engine did not answer in time", retryable: true },
  unavailable: { code: "provider_unavailable", message: "the local engine is not running", retryable: true },
  engine_failed: { code: "provider_unavailable", message: "the local engine failed", retryable: true },
  model_checksum_mismatch: {
    code: "provider_unavailable",
    message: "the local engine refused its model: a file differs from its checksum",
    retryable: false,
  },
  model_unavailable: {
    code: "provider_unavailable",
    message: "the local engine has no model",
    retryable: false,
  },
  invalid_request: {
    code: "provider_rejected",
    message: "the local engine refused the request",
    retryable: false,
  },
};

/** An engine's failure as a provider's fault. */
export function faultOf(code: EngineFailureCode): ProviderFault {
  return { ...faults[code] };
}

/** What the work behind a stream gets. */
export interface StreamCall<Event> {
  emit(event: Event): void;
  /** Aborted when the stream is over for whatever reason. */
  signal: AbortSignal;
  /** Filled in as the work goes on. */
  usage: Usage;
}

/**
 * Runs `work` and yields what it emits, then exactly one `end`: at once when the call is cancelled or its deadline
 * has come, whatever the work is waiting for. Never throws.
 *
 * @param work resolves with a fault, or null when it is done; what it throws is a bug and becomes
 *   `provider_unavailable`
 */
export async function* streamFromEngine<Event>(
  provider: string,
  client: EngineClient,
  context: Pick<CallContext, "signal" | "deadlineMs" | "clock">,
  work: (call: StreamCall<Event>) => Promise<ProviderFault | null>,
): AsyncGenerator<Event | EndEvent> {
  const usage: Usage = {};
  const events: Event[] = [];
  const abort = new AbortController();
  let end: Omit<EndEvent, "type" | "usage" | "provider"> | null = null;
  let wake = () => {};
  const finish = (how: Omit<EndEvent, "type" | "usage" | "provider">) => {
    end ??= how;
    wake();
  };
  const onAbort = () => {
    events.length = 0;
    finish({ outcome: "cancelled" });
  };
  if (context.signal.aborted) onAbort();
  context.signal.addEventListener("abort", onAbort, { once: true });
  const timer = context.clock.timer(context.deadlineMs, () => {
    const error = faultOf(client.state === "ready" ? "timeout" : "unavailable");
    finish({ outcome: "failed", error });
  });
  try {
    if (!end) {
      const emit = (event: Event) => {
        if (end) return;
        events.push(event);
        wake();
      };
      void work({ emit, signal: abort.signal, usage }).then(
        (error) => finish(error ? { outcome: "failed", error } : { outcome: "completed" }),
        () => finish({ outcome: "failed", error: faultOf("engine_failed") }),
      );
    }
    for (;;) {
      const event = events.shift();
      if (event !== undefined) yield event;
      else if (end) break;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    yield { type: "end", ...(end as Omit<EndEvent, "type" | "usage" | "provider">), usage, provider };
  } finally {
    timer.cancel();
    context.signal.removeEventListener("abort", onAbort);
    abort.abort();
  }
}
