/**
 * Watches what chains do to vendors: dead ones get probes only and are left alone for as long as was promised, extra calls
 * and caps are kept, nobody well is blamed.
 */
import type { Clock } from "../../gateway/clock.ts";
import type { CallContext, Provider } from "../../gateway/providers/provider.ts";
import { retryRatio } from "../../gateway/resilience/budget.ts";
import type { CapLimits } from "../../gateway/resilience/caps.ts";
import type { ChainOptions } from "../../gateway/resilience/chain.ts";
import { createGuards } from "../../gateway/resilience/guard.ts";
import { hedgeRatio } from "../../gateway/resilience/hedge.ts";
import type { Dice } from "./dice.ts";
import { type Mutant, spoilGuards } from "./mutants.ts";
import { resetMs, VoteTally, windowMs } from "./vote-tally.ts";
import type { KeptWeather } from "./weather.ts";

/** What happened, so that a run in which nothing did is noticed. */
export interface ChainCounts {
  /** Calls made again on a fresh connection. */
  retries: number;
  /** Links started beside a slow one, vendors only. */
  hedges: number;
  /** Those that were first. */
  hedgesWon: number;
  /** Calls that found out whether a vendor is well again. */
  probes: number;
  /** Vendors that were not asked since they had as many calls as they may. */
  full: number;
  /** Vendors that were not asked since the turn had waited long enough. */
  late: number;
}

export interface ChainWatch {
  readonly options: ChainOptions;
  readonly counts: ChainCounts;
  /** The same chain; its calls earn shares of extra ones. */
  counted<Request, Event>(chain: Provider<Request, Event>): Provider<Request, Event>;
  problems(): string[];
  /** How often a voice broke off in this person's call so far. */
  brokenVoices(tenant: string): number;
  /** Ends the breakers' timers. */
  close(): void;
}

/** Some vendors take so many calls at once only, in some runs. */
function drawCaps(dice: Dice): Readonly<Record<string, CapLimits>> {
  if (!dice.chance(0.3)) return {};
  const keys = ["stt/google", "stt/deepgram", "ai/gemini", "ai/claude", "tts/google", "tts/elevenlabs"];
  const capped = keys.filter(() => dice.chance(0.5));
  return Object.fromEntries(capped.map((key) => [key, { inFlight: dice.whole(1, 3), perMinute: 0 }]));
}

function offersTools(request: unknown): boolean {
  const { tools = [] } = request as { tools?: readonly unknown[] };
  return tools.length > 0;
}

export function watchChains(
  clock: Clock,
  weather: KeptWeather,
  dice: Dice,
  mutant: Mutant | undefined,
): ChainWatch {
  /** The first of each kind. */
  const problems = new Map<string, string>();
  const note = (kind: string, problem: string) => {
    if (!problems.has(kind)) problems.set(kind, problem);
  };
  const counts: ChainCounts = { retries: 0, hedges: 0, hedgesWon: 0, probes: 0, full: 0, late: 0 };
  /** Calls since a vendor's breaker became half-open. */
  const probes = new Map<string, number>();
  const inFlight = new Map<string, number>();
  const brokenVoices = new Map<string, number>();
  /** Calls in which vendors may call tools. */
  const withTools = new WeakSet<CallContext>();
  const caps = mutant === "asks dead vendors" ? {} : drawCaps(dice);
  let calls = 0;
  const tally = new VoteTally(clock);
  const guards = createGuards({
    clock,
    shared: null,
    caps: mutant === "calls full vendors" ? {} : caps,
    breakerWindowMs: windowMs,
    breakerResetMs: mutant === "probes too early" ? resetMs / 10 : resetMs,
    hedge: { enabled: true, limitUsdPerHour: null },
    observer: {
      changed: (stage, name, state, reason) => {
        const key = `${stage}/${name}`;
        if (state === "half_open") probes.set(key, 0);
        if (state === "open") tally.opened(key, reason);
        if (state === "open" && !weather.wasIll(key))
          note(`${key} blamed`, `${key} was well and is blamed: ${reason}`);
      },
      // A probe that told nothing may be followed by the next.
      probed: (stage, name) => {
        counts.probes += 1;
        probes.set(`${stage}/${name}`, 0);
      },
    },
  });
  weather.watcher = {
    called(key) {
      const [stage, name] = key.split("/") as ["stt" | "ai" | "tts", string];
      const working = (inFlight.get(key) ?? 0) + 1;
      inFlight.set(key, working);
      const most = caps[key]?.inFlight ?? Number.POSITIVE_INFINITY;
      if (working > most) note(`${key} full`, `${key} had ${working} calls at once, ${most} allowed`);
      const { state } = guards.of(stage, name);
      if (state === "open") note(`${key} open`, `${key} was asked although its breaker is open`);
      const objection = tally.objection(key, state);
      if (objection !== null) note(`${key} tally`, `${key} ${objection}`);
      if (state !== "half_open") return;
      const count = (probes.get(key) ?? 0) + 1;
      probes.set(key, count);
      if (count > 1) note(`${key} probes`, `${key} got ${count} calls while half-open`);
    },
    left: (key) => void inFlight.set(key, (inFlight.get(key) ?? 0) - 1),
  };
  const options: ChainOptions = {
    observer: {
      hedged: (_stage, _slow, beside, won) => {
        if (won && beside !== "embedded") counts.hedgesWon += 1;
      },
      passedOver: (_stage, _provider, why) => {
        if (why !== "open") counts[why] += 1;
      },
      retried: () => {
        counts.retries += 1;
        if (counts.retries > calls * retryRatio)
          note("retries", `${counts.retries} retries in ${calls} calls`);
      },
    },
    onAttempt({ stage, provider, outcome, hedge }, context) {
      const { tenant } = context;
      if (hedge && withTools.has(context)) note("tools", `${provider} was asked beside another, with tools`);
      // The spare costs nothing: it may stand beside any vendor that hangs.
      if (hedge && provider !== "embedded") {
        counts.hedges += 1;
        if (counts.hedges > calls * hedgeRatio) note("hedges", `${counts.hedges} hedges in ${calls} calls`);
      }
      if (stage === "tts" && outcome === "failed") {
        brokenVoices.set(tenant, (brokenVoices.get(tenant) ?? 0) + 1);
      }
      if (mutant === "asks dead vendors") reportOnly(stage, provider, outcome === "failed");
    },
  };
  if (mutant !== "asks dead vendors") {
    const spoilt = spoilGuards(guards, mutant);
    // It hears what chains say of a call, whatever a mutant makes of that.
    options.guards = { ...spoilt, of: (stage, name) => tally.watched(spoilt.of(stage, name)) };
  }

  /** Breakers that open while nobody heeds them. */
  function reportOnly(stage: "stt" | "ai" | "tts", provider: string, failed: boolean): void {
    const admission = guards.of(stage, provider).admit();
    if (typeof admission === "string") return;
    if (failed) admission.fail({ code: "provider_unavailable", message: "failed", retryable: true });
    else {
      admission.useful(1);
      admission.end();
    }
  }

  return {
    options,
    counts,
    counted: (chain) => ({
      ...chain,
      stream(request, context) {
        calls += 1;
        if (offersTools(request)) withTools.add(context);
        return chain.stream(request, context);
      },
    }),
    brokenVoices: (tenant) => brokenVoices.get(tenant) ?? 0,
    problems: () => [...problems.values()],
    close: () => guards.shutdown(),
  };
}
