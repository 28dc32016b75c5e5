/** Whether a second vendor may be started beside one that is slow: within 5 % of all calls and the cost limit. */
import type { Clock } from "../clock.ts";
import { createCallBudget } from "./budget.ts";

/** Extra calls a call. */
export const hedgeRatio = 0.05;
/** A vendor is slow when it takes longer than this share of its own last calls. */
export const slowQuantile = 0.95;
/** A hedge is not worth it before, however fast the vendor usually is. */
export const hedgeLeastMs = 50;

const hourMs = 3_600_000;
/** Pieces that the hour of spending is counted in. */
const slots = 60;

export interface Hedges {
  /** A call began. */
  earn(): void;
  /** Takes one hedge; false when the budget, the cost limit or the settings say no. */
  take(): boolean;
  /** What a call that was only extra has cost. */
  spend(usd: number): void;
  /** Spent in the last hour. */
  readonly spentUsd: number;
}

export interface HedgeOptions {
  enabled: boolean;
  /** Of this process, by the price table; null for none. */
  limitUsdPerHour: number | null;
  clock: Clock;
}

export function createHedges({ enabled, limitUsdPerHour, clock }: HedgeOptions): Hedges {
  const budget = createCallBudget(hedgeRatio);
  const spent = new Float64Array(slots);
  let slot = 0;

  /** Empties the slots that are older than an hour. */
  function turn(): void {
    const now = Math.floor(clock.nowMs() / (hourMs / slots));
    const passed = Math.min(slots, now - slot);
    for (let step = 1; step <= passed; step += 1) spent[(slot + step) % slots] = 0;
    if (passed > 0) slot = now;
    if (passed === slots) spent.fill(0);
  }
  function sum(): number {
    turn();
    return spent.reduce((total, usd) => total + usd, 0);
  }

  return {
    earn: () => budget.earn(),
    take: () => enabled && (limitUsdPerHour === null || sum() < limitUsdPerHour) && budget.take(),
    spend(usd) {
      turn();
      spent[slot % slots]! += usd;
    },
    get spentUsd() {
      return sum();
    },
  };
}

/** Whether two vendors may work on `request` at once: not when each might call a tool. */
export function mayHedge(request: unknown): boolean {
  if (typeof request !== "object" || request === null || !("tools" in request)) return true;
  const { tools, toolChoice } = request as { tools: unknown; toolChoice?: unknown };
  return !Array.isArray(tools) || tools.length === 0 || toolChoice === "none";
}
