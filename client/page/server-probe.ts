/** Questions to the server that need neither a conversation nor a microphone. */
import type { ParleyError } from "../parley-error.ts";
import { diagnoseRefusal } from "../server-link.ts";

const probeTimeoutMs = 4000;

/** Whether the server answers at all, and its version if it tells; null: it doesn't answer. */
export async function askHealth(): Promise<{ version?: string } | null> {
  try {
    const response = await fetch("/healthz", {
      cache: "no-store",
      signal: AbortSignal.timeout(probeTimeoutMs),
    });
    return (await response.json()) as { version?: string };
  } catch {
    return null;
  }
}

/**
 * What stands against a conversation right now; null: nothing.
 *
 * @param url - where the conversation would be
 */
export async function findHindrance(url: URL, apiKey: string): Promise<ParleyError | null> {
  const error = await diagnoseRefusal(url, apiKey, probeTimeoutMs);
  // All that is wrong is that it was asked by plain HTTP.
  return error.code === "upgrade_required" ? null : error;
}
