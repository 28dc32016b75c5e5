/** Watches what chains do to vendors: dead ones get probes only, extra calls stay within their budgets. */
import type { Clock } from "../../gateway/clock.ts";
import { retryRatio } from "../../gateway/resilience/budget.ts";
import type { ChainOptions } from "../../gateway/resilience/chain.ts";
import { createGuards } from "../../gateway/resilience/guard.ts";
import { hedgeRatio } from "../../gateway/resilience/hedge.ts";
import type { Mutant } from "./simulation.ts";
import type { KeptWeather } from "./weather.ts";

export interface ChainWatch {
  readonly options: ChainOptions;
  problems(): string[];
  /** How often a voice broke off in this person's call so far. */
  brokenVoices(tenant: string): number;
  /** Ends the breakers' timers. */
  close(): void;
}

export function watchChains(clock: Clock, weather: KeptWeather, mutant: Mutant | undefined): ChainWatch {
  const problems: string[] = [];
  /** Calls since a vendor's breaker became half-open. */
  const probes = new Map<string, number>();
  const brokenVoices = new Map<string, number>();
  let calls = 0;
  let hedges = 0;
  let retries = 0;
  const guards = createGuards({
    clock,
    shared: null,
    caps: {},
    breakerWindowMs: 30_000,
    breakerResetMs: 10_000,
    hedge: { enabled: true, limitUsdPerHour: null },
    observer: {
      changed: (stage, name, state) => {
        if (state === "half_open") probes.set(`${stage}/${name}`, 0);
      },
      // A probe that told nothing may be followed by the next.
      probed: (stage, name) => {
        probes.set(`${stage}/${name}`, 0);
      },
    },
  });
  weather.onCall = (stage, vendor) => {
    calls += 1;
    const key = `${stage}/${vendor}`;
    const { state } = guards.of(stage, vendor);
    if (state === "open") problems.push(`${key} was asked although its breaker is open`);
    if (state !== "half_open") return;
    const count = (probes.get(key) ?? 0) + 1;
    probes.set(key, count);
    if (count > 1) problems.push(`${key} got ${count} calls while half-open`);
  };
  const options: ChainOptions = {
    observer: {
      // The spare is no vendor: it may stand beside one that hangs.
      hedged: (_stage, _slow, beside) => {
        if (beside !== "embedded") hedges += 1;
      },
      retried: () => {
        retries += 1;
      },
    },
    onAttempt({ stage, provider, outcome }, { tenant }) {
      if (stage === "tts" && outcome === "failed") {
        brokenVoices.set(tenant, (brokenVoices.get(tenant) ?? 0) + 1);
      }
      if (mutant === "asks dead vendors") reportOnly(stage, provider, outcome === "failed");
    },
  };
  if (mutant !== "asks dead vendors") options.guards = guards;

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
    brokenVoices: (tenant) => brokenVoices.get(tenant) ?? 0,
    problems() {
      if (hedges > calls * hedgeRatio) problems.push(`${hedges} hedges in ${calls} calls`);
      if (retries > calls * retryRatio) problems.push(`${retries} retries in ${calls} calls`);
      return [...new Set(problems)];
    },
    close: () => guards.shutdown(),
  };
}
