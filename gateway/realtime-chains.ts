/** Builds the three chains of a gateway process, with everything that they share: breakers, caps, budgets, prices. */
import { dirname, join } from "node:path";
import type { Config } from "./config.ts";
import type { VendorStage } from "./config-vendors.ts";
import { vendorCaps, vendorOf, vendorValues } from "./config-vendors.ts";
import type { EndpointParts } from "./gateway.ts";
import { makeProviders } from "./providers/catalog.ts";
import type { AiProvider, Attempt, CallContext, SttProvider, TtsProvider } from "./providers/provider.ts";
import { readScript } from "./providers/script.ts";
import { aiPolicy } from "./resilience/ai-policy.ts";
import type { ChainObserver, ChainOptions, Spent } from "./resilience/chain.ts";
import { createChain } from "./resilience/chain.ts";
import type { GuardObserver, Guards } from "./resilience/guard.ts";
import { createGuards } from "./resilience/guard.ts";
import { slowQuantile } from "./resilience/hedge.ts";
import { beginMs } from "./resilience/link-run.ts";
import { sttPolicy } from "./resilience/stt-policy.ts";
import { createReferenceReader } from "./resilience/tts-place.ts";
import { createTtsPolicy } from "./resilience/tts-policy.ts";
import type { VendorHealthStore } from "./state/vendor-health.ts";
import { createVendorHealthStore } from "./state/vendor-health.ts";
import type { PriceTable } from "./telemetry/prices.ts";
import { createPriceTable, listPrices, readPrices } from "./telemetry/prices.ts";

/** The embedded voice that costs least; nobody hears it. */
const readingVoice = "kal16";

/** The chains of a process. */
export interface Chains {
  stt: SttProvider;
  ai: AiProvider;
  tts: TtsProvider;
  guards: Guards;
  /** The links behind them, for checks at start. */
  links: { stt: readonly SttProvider[]; ai: readonly AiProvider[]; tts: readonly TtsProvider[] };
  close(): Promise<void>;
}

/**
 * @throws {GatewayError} `invalid_config`: an unknown engine, or a file of prices that is none
 */
export async function buildChains(parts: EndpointParts): Promise<Chains> {
  const { config, clock, metrics, speechSockets } = parts;
  const script = readScript(config.script);
  const vendor = (stage: VendorStage, name: string) => {
    const row = vendorOf(stage, name);
    return row === null ? null : vendorValues(config, row);
  };
  const { language, localTtsVoice: localVoice } = config;
  const prices = createPriceTable([
    ...(config.prices === null ? [] : readPrices(config.prices)),
    ...listPrices,
  ]);
  const links = await makeProviders(config, { clock, script, speechSockets, vendor, language, localVoice });
  const shared = openSharedHealth(parts);
  const guards = createGuards({
    ...{ clock, shared, caps: vendorCaps(config), observer: observeGuards(parts) },
    breakerWindowMs: config.breakerWindowMs,
    breakerResetMs: config.breakerResetMs,
    hedge: { enabled: config.hedge, limitUsdPerHour: hedgeLimitUsd(config) },
  });
  watchGuards(parts, guards, links);
  const options: ChainOptions = {
    guards,
    onAttempt: ({ stage, provider, outcome }: Attempt) => metrics.countAttempt(stage, provider, outcome),
    observer: observeChains(parts, guards, prices),
  };
  const deadlines = deadlinesOf(config);
  const tts = createChain(links.tts, voicePolicy(links.tts, language), {
    ...options,
    deadlines: deadlines.tts,
  });
  const voice = links.tts[0]?.name;
  // An answer that another link goes on with is heard once a voice has spoken it.
  const downstreamMs = () =>
    (voice === undefined ? null : guards.of("tts", voice).latency.quantileMs(slowQuantile)) ?? beginMs;
  const ai = createChain(links.ai, aiPolicy, { ...options, deadlines: deadlines.ai, downstreamMs });
  const stt = createChain(links.stt, sttPolicy, { ...options, deadlines: deadlines.stt });
  return {
    ...{ stt, ai, tts, guards, links },
    async close() {
      await Promise.all([stt.close?.(), ai.close?.(), tts.close?.()]);
      guards.shutdown();
      shared?.shutdown();
    },
  };
}

/** The embedded voice, where there is one, reads along for voices that tell no word times. */
function voicePolicy(links: readonly TtsProvider[], language: string) {
  const own = /^en\b/i.test(language) ? links.find(({ name }) => name === "embedded") : undefined;
  return createTtsPolicy({
    plausible: links.some(({ name }) => name !== "scripted"),
    speedOf: (link, ratio) => links.find(({ name }) => name === link)?.speedOf?.(ratio) ?? ratio,
    ...(own === undefined ? {} : { reference: createReferenceReader(own, readingVoice) }),
  });
}

function deadlinesOf(config: Config) {
  return {
    stt: { connectMs: config.sttConnectMs, usefulMs: config.sttUsefulMs, stallMs: config.sttStallMs },
    ai: { connectMs: config.aiConnectMs, usefulMs: config.aiUsefulMs, stallMs: config.aiStallMs },
    tts: { connectMs: config.ttsConnectMs, usefulMs: config.ttsUsefulMs, stallMs: config.ttsStallMs },
  };
}

function hedgeLimitUsd({ hedgeCostCentsPerHour }: Config): number | null {
  return hedgeCostCentsPerHour === 0 ? null : hedgeCostCentsPerHour / 100;
}

/** The file lies where the sockets of the speech engines do: new each start, gone after it, for this start's processes only. */
function openSharedHealth({ clock, log, speechSockets }: EndpointParts): VendorHealthStore | null {
  // On Windows the sockets are pipes, which lie nowhere.
  if (speechSockets === null || process.platform === "win32") return null;
  const path = join(dirname(speechSockets.recogniser), "vendors.sqlite");
  return createVendorHealthStore({ path, clock, log });
}

function observeGuards({ metrics, log }: EndpointParts): GuardObserver {
  return {
    changed(stage, provider, state, reason, openMs) {
      if (state === "open" && reason !== null) metrics.countBreakerOpened(stage, provider, reason);
      const fields = { stage, provider, state, reason, openMs: Math.round(openMs) };
      if (state === "open") log.warn(fields, "a vendor is left alone: its breaker opened");
      else if (state === "closed") log.info(fields, "a vendor is well again: its breaker closed");
      else log.info(fields, "a vendor may be probed: its breaker is half-open");
    },
    probed: (stage, provider, outcome) => metrics.countProbe(stage, provider, outcome),
  };
}

function observeChains({ metrics }: EndpointParts, guards: Guards, prices: PriceTable): ChainObserver {
  return {
    spent({ stage, provider, model, usage, extra }: Spent, { tenant }: CallContext) {
      metrics.addUsage(provider, model, usage);
      if (isOwn(provider)) return;
      const usd = prices.costUsd(provider, stage, model, usage);
      metrics.addCost(provider, stage, tenant, usd);
      if (extra && usd !== null) guards.hedges.spend(usd);
    },
    failedOver: (failover) => metrics.observeFailover(failover),
    hedged: (stage, slow, beside, won) => metrics.countHedge(stage, slow, beside, won),
    passedOver: (stage, provider, why) => metrics.countPassedOver(stage, provider, why),
    retried: (stage, provider) => metrics.countRetry(stage, provider),
  };
}

/** Engines of ours cost nothing. */
function isOwn(provider: string): boolean {
  return provider === "embedded" || provider === "scripted" || provider === "local";
}

function watchGuards({ metrics }: EndpointParts, guards: Guards, links: Chains["links"]): void {
  metrics.watchVendors(() =>
    guards.all().map(({ stage, name, state, inFlight }) => {
      const pool = links[stage].find((link) => link.name === name)?.pool?.();
      return { stage, provider: name, state, inFlight, ...(pool === undefined ? {} : { pool }) };
    }),
  );
}
