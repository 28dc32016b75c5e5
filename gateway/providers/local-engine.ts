/** What the providers in front of the local engines share: a stream that ends on time, and faults in our terms. */
import type { EngineClient, EngineFailureCode } from "../../workers/speech/client.ts";
import type { CallContext, EndEvent, ProviderFault } from "./provider.ts";
import { fullFault, keyFault } from "./vendor-fault.ts";
import type { StreamCall } from "./vendor-stream.ts";
import { streamFromVendor } from "./vendor-stream.ts";

const faults: Record<EngineFailureCode, ProviderFault> = {
  overloaded: fullFault("the local engine's queue is full"),
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

/**
 * The frame of a stream whose work is done by a local engine: as `streamFromVendor`, but cancelled it ends at once (the
 * engine counts nothing that would have to be waited for), and faults are the engine's.
 */
export function streamFromEngine<Event>(
  provider: string,
  client: EngineClient,
  context: Pick<CallContext, "signal" | "deadlineMs" | "clock">,
  work: (call: StreamCall<Event>) => Promise<ProviderFault | null>,
): AsyncGenerator<Event | EndEvent> {
  return streamFromVendor(provider, context, work, {
    releaseMs: 0,
    faultOf: () => faultOf("engine_failed"),
    lateFault: () => faultOf(client.state === "ready" ? "timeout" : "unavailable"),
  });
}

/**
 * Whether an engine that the operator's folder feeds can work.
 *
 * @param setting - names the folder
 * @returns null when it is ready, else what is wrong, in one line; never rejects
 */
export async function checkEngine(
  client: EngineClient,
  setting: string,
  signal: AbortSignal,
): Promise<ProviderFault | null> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = () => resolve();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  void client.ready().then(stop);
  await promise;
  signal.removeEventListener("abort", stop);
  if (client.state === "ready") return null;
  return client.refusal === null ? faultOf("unavailable") : keyFault(`${setting}: ${client.refusal}`);
}
