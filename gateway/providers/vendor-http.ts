/**
 * HTTP to one vendor: connections that are kept open between turns, and refusals that become faults before an SDK sees
 * them (some SDKs drop the headers that say when to come back, and read bodies without a limit).
 */
import type { Clock } from "../clock.ts";
import type { ProviderFault } from "./provider.ts";
import {
  faultFromError,
  faultFromStatus,
  readRetryAfterMs,
  VendorError,
  vendorFault,
} from "./vendor-fault.ts";

/** An idle connection is kept that long (the vendor may close it earlier): longer than the pauses of a conversation. */
const keepAliveMs = 60_000;
/** What a vendor's Keep-Alive header may raise that to. */
const keepAliveMaxMs = 600_000;
const connectMs = 10_000;
/** Connections to one vendor at most; calls beyond that wait for one. */
export const connectionsMax = 512;
/** Of a refusal's body that much is read, for its code. */
const refusalBytesMax = 64 * 1024;

/** What a refusal's body says more exactly than its status; null where it says nothing. */
export type ReadRefusal = (status: number, body: unknown) => ProviderFault | null;

export interface VendorHttp {
  /**
   * For an SDK's `fetch` option. Follows no redirects: a key must not travel to an address that nobody set.
   *
   * @throws {VendorError} for every status but 2xx
   */
  readonly fetch: typeof globalThis.fetch;
  /** Opens a connection, so that the first call finds one. Sends no key; never rejects. */
  warm(url: string): Promise<void>;
  /** Connections that are open, and calls that wait for one; undefined on a Node that doesn't tell. */
  pool(): { open: number; waiting: number } | undefined;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** What of undici's is used here. */
interface Dispatcher {
  /** By origin. */
  readonly stats?: Record<string, { connected: number; queued: number }>;
  destroy(): Promise<void>;
}

/** `fetch` in Node takes the pool to use; the types of browsers don't know that. */
type NodeRequestInit = RequestInit & { dispatcher?: Dispatcher };

/** Connections of its own for one vendor. */
export function createVendorHttp(clock: Clock, readRefusal: ReadRefusal = () => null): VendorHttp {
  const dispatcher = createDispatcher();
  const own: NodeRequestInit = dispatcher === null ? {} : { dispatcher };
  async function vendorFetch(...[input, init]: Parameters<typeof globalThis.fetch>): Promise<Response> {
    const given: NodeRequestInit = { ...init, ...own, redirect: "manual" };
    const response = await globalThis.fetch(input, given);
    if (response.ok) return response;
    const text = await readBounded(response);
    const retryAfter = response.headers.get("retry-after");
    const fault: ProviderFault =
      readRefusal(response.status, parseJson(text)) ??
      faultFromStatus(response.status, retryAfter, clock.epochMs());
    if (fault.blame === "quota" && fault.retryAfterMs === undefined) {
      const retryAfterMs = readRetryAfterMs(retryAfter, clock.epochMs());
      if (retryAfterMs !== null) fault.retryAfterMs = retryAfterMs;
    }
    throw new VendorError(fault);
  }
  return {
    fetch: vendorFetch,
    async warm(url) {
      try {
        // No HEAD: undici closes the connection after one. Whatever the answer is, it is read to its end.
        const asked: NodeRequestInit = { ...own, redirect: "manual" };
        await readBounded(await globalThis.fetch(url, asked));
      } catch {
        // The first call will tell.
      }
    },
    pool() {
      const stats = dispatcher?.stats && Object.values(dispatcher.stats);
      return stats?.reduce(
        ({ open, waiting }, { connected, queued }) => ({ open: open + connected, waiting: waiting + queued }),
        { open: 0, waiting: 0 },
      );
    },
    async close() {
      await dispatcher?.destroy();
    },
  };
}

/** Asks a vendor about itself: resolves with what is wrong, or null; what it rejects with says it, too. */
export type Question = () => Promise<ProviderFault | null>;

/**
 * A provider's `check`: what `ask` resolves with, or what its failure means. Never rejects.
 *
 * @param otherwise - what is asked where there is no address for `ask` (404, 405, gRPC 12): many servers that speak like a vendor
 *   answer questions, and none about themselves
 */
export async function probe(
  ask: Question,
  signal: AbortSignal,
  faultOf: (err: unknown) => ProviderFault = faultFromError,
  otherwise: Question | null = null,
): Promise<ProviderFault | null> {
  try {
    return await ask();
  } catch (err) {
    if (signal.aborted) return vendorFault("the vendor did not answer in time", "provider_timeout");
    const fault = faultOf(err);
    return otherwise !== null && isNoAddress(fault) ? probe(otherwise, signal, faultOf) : fault;
  }
}

/** A question that any answer answers well; one that is a stream is read to its end. */
export function answered(ask: () => PromiseLike<unknown>): Question {
  return async () => {
    const answer = await ask();
    if (typeof answer !== "object" || answer === null || !(Symbol.asyncIterator in answer)) return null;
    const pieces = (answer as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    while (!(await pieces.next()).done);
    return null;
  };
}

/** For a server in a vendor's place that can't be asked about itself. */
export const believed: Question = async () => null;

/** Whether the vendor has no such address, or takes no such call there. */
function isNoAddress({ message }: ProviderFault): boolean {
  return /\((40[45]|gRPC 12)\)/.test(message);
}

const globalDispatcher = Symbol.for("undici.globalDispatcher.1");

/**
 * A pool like the one behind `fetch`, with times of our own: that one closes idle connections after 4 s. Node does not
 * export its class, so it is taken from the pool itself; without it fetch's own pool serves.
 */
function createDispatcher(): Dispatcher | null {
  // The pool is made at the first use of fetch's parts.
  new Headers();
  const pool = (globalThis as { [globalDispatcher]?: Dispatcher })[globalDispatcher];
  if (pool === undefined) return null;
  const Pool = pool.constructor as new (options: object) => Dispatcher;
  return new Pool({
    ...{ keepAliveTimeout: keepAliveMs, keepAliveMaxTimeout: keepAliveMaxMs, connections: connectionsMax },
    // How long an answer may take is the call's own matter.
    ...{ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: connectMs } },
  });
}

async function readBounded(response: Response): Promise<string> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > refusalBytesMax) break;
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
