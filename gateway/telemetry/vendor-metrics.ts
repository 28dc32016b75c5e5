/** What is counted of vendors: calls given up and taken over, money, breakers, caps. */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Attempt, Usage } from "../providers/provider.ts";

type Stage = Attempt["stage"];

/** Upper edges in seconds of the time that we add to a failover, dense around its 50 ms. */
export const failoverBuckets = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.2, 0.5, 1,
];

/** A vendor in one stage, as things stand. */
export interface VendorReading {
  stage: Stage;
  provider: string;
  state: "closed" | "half_open" | "open";
  inFlight: number;
  /** Absent where no connections are kept. */
  pool?: { open: number; waiting: number };
}

export interface VendorMetrics {
  /** Asked at every scrape. */
  watchVendors(read: () => readonly VendorReading[]): void;
  countBreakerOpened(stage: Stage, provider: string, reason: string): void;
  countProbe(stage: Stage, provider: string, outcome: string): void;
  countPassedOver(stage: Stage, provider: string, why: string): void;
  countHedge(stage: Stage, slow: string, beside: string, won: boolean): void;
  countRetry(stage: Stage, provider: string): void;
  observeFailover(failover: {
    stage: Stage;
    from: string;
    to: string;
    code: string;
    addedMs: number;
    midway: boolean;
  }): void;
  addUsage(provider: string, model: string, usage: Usage): void;
  addCost(provider: string, capability: Stage, tenant: string, usd: number | null): void;
}

const stateValues = { closed: 0, half_open: 1, open: 2 } as const;
const units = ["inputTokens", "outputTokens", "audioMs", "characters"] as const;
const unitNames = {
  inputTokens: "input_tokens",
  outputTokens: "output_tokens",
  audioMs: "audio_ms",
  characters: "characters",
} as const;

/** @param bounded - makes a label of a value that comes from outside, with a limit on their number */
export function createVendorMetrics(
  registers: Registry[],
  bounded: () => (value: string) => string,
): VendorMetrics {
  return {
    ...createStateMetrics(registers),
    ...createRescueMetrics(registers),
    ...createCostMetrics(registers, bounded),
  };
}

function createStateMetrics(
  registers: Registry[],
): Pick<VendorMetrics, "watchVendors" | "countBreakerOpened" | "countProbe"> {
  let read: () => readonly VendorReading[] = () => [];
  const labelNames = ["stage", "provider"] as const;
  function gauge(
    name: string,
    help: string,
    value: (reading: VendorReading) => number | undefined,
    aggregator?: "max",
  ) {
    new Gauge({
      ...{ name, help, labelNames, registers },
      ...(aggregator === undefined ? {} : { aggregator }),
      collect() {
        for (const reading of read()) {
          const now = value(reading);
          if (now !== undefined) this.set({ stage: reading.stage, provider: reading.provider }, now);
        }
      },
    });
  }
  gauge(
    "parley_breaker_state",
    "0 closed, 1 half-open, 2 open; the worst of all processes",
    ({ state }) => stateValues[state],
    "max",
  );
  gauge("parley_vendor_in_flight", "Calls at a vendor now", ({ inFlight }) => inFlight);
  gauge("parley_vendor_pool", "Connections to a vendor that are kept", ({ pool }) => pool?.open);
  gauge("parley_vendor_waiting", "Calls that wait for a connection to a vendor", ({ pool }) => pool?.waiting);
  const opened = new Counter({
    name: "parley_breaker_opened_total",
    help: "Breakers that opened, by reason",
    labelNames: ["stage", "provider", "reason"],
    registers,
  });
  const probes = new Counter({
    name: "parley_probes_total",
    help: "Calls that found out whether a vendor is well again",
    labelNames: ["stage", "provider", "outcome"],
    registers,
  });
  return {
    watchVendors(reader) {
      read = reader;
    },
    countBreakerOpened: (stage, provider, reason) => opened.inc({ stage, provider, reason }),
    countProbe: (stage, provider, outcome) => probes.inc({ stage, provider, outcome }),
  };
}

function createRescueMetrics(
  registers: Registry[],
): Pick<VendorMetrics, "countPassedOver" | "countHedge" | "countRetry" | "observeFailover"> {
  const passedOver = new Counter({
    name: "parley_vendor_passed_over_total",
    help: "Calls that did not go to a vendor because its breaker was open or its caps were reached",
    labelNames: ["stage", "provider", "why"],
    registers,
  });
  const hedges = new Counter({
    name: "parley_hedges_total",
    help: "Second vendors started beside a slow one",
    labelNames: ["stage", "slow", "beside", "outcome"],
    registers,
  });
  const retries = new Counter({
    name: "parley_retries_total",
    help: "Calls made again at the same vendor after a connection was cut",
    labelNames: ["stage", "provider"],
    registers,
  });
  const failovers = new Counter({
    name: "parley_failovers_total",
    help: "Calls that the next link took over",
    labelNames: ["stage", "from", "to", "code", "midway"],
    registers,
  });
  const seconds = new Histogram({
    name: "parley_failover_seconds",
    help: "Time that the gateway added between a link's failure (or its deadline) and the call of the next one",
    labelNames: ["stage"],
    buckets: failoverBuckets,
    registers,
  });
  return {
    countPassedOver: (stage, provider, why) => passedOver.inc({ stage, provider, why }),
    countHedge: (stage, slow, beside, won) =>
      hedges.inc({ stage, slow, beside, outcome: won ? "won" : "lost" }),
    countRetry: (stage, provider) => retries.inc({ stage, provider }),
    observeFailover({ stage, from, to, code, addedMs, midway }) {
      failovers.inc({ stage, from, to, code, midway: String(midway) });
      seconds.observe({ stage }, addedMs / 1000);
    },
  };
}

function createCostMetrics(
  registers: Registry[],
  bounded: () => (value: string) => string,
): Pick<VendorMetrics, "addUsage" | "addCost"> {
  const tenantLabel = bounded();
  const usageTotal = new Counter({
    name: "parley_vendor_usage_total",
    help: "What vendors charge by, of every attempt: hedges, failed and cancelled ones too",
    labelNames: ["provider", "model", "unit"],
    registers,
  });
  const cost = new Counter({
    name: "parley_cost_usd_total",
    help: "Cost by the table of prices, in US dollars",
    labelNames: ["provider", "capability", "tenant"],
    registers,
  });
  const unpriced = new Counter({
    name: "parley_unpriced_attempts_total",
    help: "Attempts with usage that the table of prices knows no price for",
    labelNames: ["provider", "capability"],
    registers,
  });
  return {
    addUsage(provider, model, usage) {
      for (const unit of units) {
        const count = usage[unit];
        if (count !== undefined && count > 0)
          usageTotal.inc({ provider, model, unit: unitNames[unit] }, count);
      }
    },
    addCost(provider, capability, tenant, usd) {
      if (usd === null) unpriced.inc({ provider, capability });
      else if (usd > 0) cost.inc({ provider, capability, tenant: tenantLabel(tenant) }, usd);
    },
  };
}
