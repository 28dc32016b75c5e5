/**
 * The vendors that the contract suite runs over. To add one: a `defineVendor({ … })` in `vendors-ai.ts`, `vendors-tts.ts`
 * or `vendors-stt.ts`; `ai.test.ts`, `tts.test.ts` and `stt.test.ts` run all that stand there.
 */
import type { Clock } from "../../../gateway/clock.ts";
import type { Provider, ProviderFault } from "../../../gateway/providers/provider.ts";
import type { Fault, FaultKind, StandinName } from "../../../loadtest/standins/standin.ts";
import type { DrillWorld } from "../../../loadtest/standins/world.ts";

/** What a fault must become. */
export interface Expectation {
  code: ProviderFault["code"];
  blame: NonNullable<ProviderFault["blame"]>;
  retryAfterMs?: number;
}

/** A fault of the suite: put on by a stand-in, or `tls`: the address answers with a certificate that nobody signed. */
export type SuiteFault = FaultKind | "tls";

/** One vendor in one capability. */
export interface VendorCase<Request, Event extends { type: string }> {
  /** As chains name it. */
  name: string;
  stage: "stt" | "ai" | "tts";
  standin: StandinName;
  create(given: { url: string; apiKey: string; clock: Clock }): Provider<Request, Event>;
  /** A request that completes and has events; for recognisers of something that the world knows. */
  request(world: DrillWorld): Promise<Request>;
  /** Faults that the vendor's protocol can't say, each with the reason. */
  cannot: Partial<Record<SuiteFault, string>>;
  /** Where the vendor says a fault otherwise than the rest. */
  expected?: Partial<Record<SuiteFault, Expectation>>;
  /** Which way of speaking to it this is, where there are several. */
  variant?: string;
  /** It answers with everything at once. */
  atOnce?: true;
  /** Why its usage has no list price. */
  unpriced?: string;
  /** The model, where usage and cost are counted by it. */
  model?: string;
}

/** A case whose request and events nobody needs to know any more. */
export type AnyVendorCase = VendorCase<never, { type: string }>;

export function defineVendor<Request, Event extends { type: string }>(
  one: VendorCase<Request, Event>,
): AnyVendorCase {
  return one as unknown as AnyVendorCase;
}

const vendor = { blame: "vendor" } as const;
const unavailable: Expectation = { ...vendor, code: "provider_unavailable" };
const key: Expectation = { blame: "key", code: "provider_rejected" };

/** What each fault must become, whoever the vendor is. */
export const expectations: readonly [fault: SuiteFault, given: Omit<Fault, "kind">, expected: Expectation][] =
  [
    ["unauthorized", {}, key],
    ["forbidden", {}, key],
    ["unknown_model", {}, key],
    ["request_timeout", {}, { ...vendor, code: "provider_timeout" }],
    ["too_large", {}, { blame: "request", code: "provider_rejected" }],
    [
      "rate_limited",
      { retryAfterSeconds: 7 },
      { blame: "quota", code: "provider_overloaded", retryAfterMs: 7000 },
    ],
    ["internal_error", {}, unavailable],
    ["unavailable", {}, { ...vendor, code: "provider_overloaded" }],
    ["refuse", {}, unavailable],
    ["reset", {}, unavailable],
    ["tls", {}, unavailable],
    ["cut", { afterPieces: 1 }, unavailable],
    ["malformed", { afterPieces: 1 }, unavailable],
    ["error_in_stream", { afterPieces: 1 }, unavailable],
    ["truncated_utf8", { afterPieces: 1 }, unavailable],
    ["content_filter", {}, { blame: "request", code: "provider_rejected" }],
  ];
