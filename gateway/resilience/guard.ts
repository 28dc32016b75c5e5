/**
 * What stands before each vendor, one for the whole process: its breaker, its caps, its own recent speed. Beside them the
 * budgets of retries and hedges, which all vendors share.
 */
import type { Clock } from "../clock.ts";
import type { Attempt, ProviderFault } from "../providers/provider.ts";
import type { VendorHealthStore } from "../state/vendor-health.ts";
import type { Breaker, BreakerPass, BreakerState, OpeningReason } from "./breaker.ts";
import { createBreaker } from "./breaker.ts";
import type { CallBudget } from "./budget.ts";
import { createCallBudget, retryRatio } from "./budget.ts";
import type { Cap, CapLimits } from "./caps.ts";
import { createCap } from "./caps.ts";
import type { HedgeOptions, Hedges } from "./hedge.ts";
import { createHedges } from "./hedge.ts";
import type { LatencyWindow } from "./latency-window.ts";
import { createLatencyWindow } from "./latency-window.ts";

export type Stage = Attempt["stage"];

/** Links that no network can take away: they have no breaker and no cap, and are asked at once when nobody else may be. */
const ownEngines = new Set(["embedded", "scripted"]);

/** The last link of every chain that comes with Parley: it gives way as soon as a vendor is well. */
export const floorName = "embedded";

/** How long a probe may take to say anything. A recogniser's lasts as long as its speaker speaks. */
const probeMs: Readonly<Record<Stage, number>> = { stt: 120_000, ai: 30_000, tts: 30_000 };

const overtaken: ProviderFault = {
  code: "provider_timeout",
  message: "Another vendor answered first.",
  retryable: true,
  blame: "vendor",
};

/** One call's way through a guard. Exactly one of `fail` and `end` comes last. */
export interface Admission {
  readonly probe: boolean;
  /** @param latencyMs - since the vendor could have known all it needs; null when that can't be said */
  useful(latencyMs: number | null): void;
  fail(fault: ProviderFault): void;
  end(): void;
  /** Given up for a faster one after `latencyMs`, with nothing useful yet: it is at least that slow. */
  outrun(latencyMs: number): void;
}

export interface Guard {
  readonly stage: Stage;
  readonly name: string;
  readonly state: BreakerState;
  readonly inFlight: number;
  readonly latency: LatencyWindow;
  /** Whether a call would be let in as things stand; claims nothing. */
  ready(): boolean;
  /** Lets one call in, or says why not. Never waits. */
  admit(): Admission | "open" | "full";
}

/** What became known of a vendor, for metrics and logs; must not throw. */
export interface GuardObserver {
  changed(
    stage: Stage,
    name: string,
    state: BreakerState,
    reason: OpeningReason | null,
    openMs: number,
  ): void;
  probed(stage: Stage, name: string, outcome: "well" | "ill" | "told_nothing"): void;
}

export interface GuardsOptions {
  clock: Clock;
  /** Null: breakers are this process's alone. */
  shared: VendorHealthStore | null;
  breakerWindowMs: number;
  breakerResetMs: number;
  /** By stage and name, like `tts/elevenlabs`; who isn't in it has no limit. */
  caps: Readonly<Record<string, CapLimits>>;
  hedge: Omit<HedgeOptions, "clock">;
  observer?: GuardObserver;
}

export interface Guards {
  /** The guard of a vendor in a stage, made when it is first asked for. */
  of(stage: Stage, name: string): Guard;
  readonly retries: CallBudget;
  readonly hedges: Hedges;
  all(): readonly Guard[];
  shutdown(): void;
}

export function createGuards(options: GuardsOptions): Guards {
  const { clock } = options;
  const guards = new Map<string, Guard & { shutdown(): void }>();
  return {
    of(stage, name) {
      const key = `${stage}/${name}`;
      const known = guards.get(key);
      if (known !== undefined) return known;
      const guard = createGuard(stage, name, options);
      guards.set(key, guard);
      return guard;
    },
    retries: createCallBudget(retryRatio),
    hedges: createHedges({ ...options.hedge, clock }),
    all: () => [...guards.values()],
    shutdown() {
      for (const guard of guards.values()) guard.shutdown();
      guards.clear();
    },
  };
}

function createGuard(stage: Stage, name: string, options: GuardsOptions): Guard & { shutdown(): void } {
  const { clock, shared, caps, observer } = options;
  const latency = createLatencyWindow();
  const own = ownEngines.has(name);
  const breaker: Breaker | null = own
    ? null
    : createBreaker({
        ...{ name: `${stage}/${name}`, clock, shared, probeMs: probeMs[stage] },
        ...{ windowMs: options.breakerWindowMs, resetMs: options.breakerResetMs },
        onChange: (state, reason, openMs) => observer?.changed(stage, name, state, reason, openMs),
      });
  const cap = createCap((own ? undefined : caps[`${stage}/${name}`]) ?? { inFlight: 0, perMinute: 0 }, clock);
  return {
    ...{ stage, name, latency },
    get state() {
      return breaker?.state ?? "closed";
    },
    get inFlight() {
      return cap.inFlight;
    },
    ready: () => (breaker?.ready() ?? true) && cap.hasRoom(),
    admit() {
      if (!cap.hasRoom()) return "full";
      const pass = breaker === null ? null : breaker.enter();
      if (breaker !== null && pass === null) return "open";
      cap.enter();
      return openAdmission(pass, cap, latency, (outcome) => observer?.probed(stage, name, outcome));
    },
    shutdown: () => breaker?.shutdown(),
  };
}

function openAdmission(
  pass: BreakerPass | null,
  cap: Cap,
  latency: LatencyWindow,
  probed: (outcome: "well" | "ill" | "told_nothing") => void,
): Admission {
  let over = false;
  let useful = false;
  const probe = pass?.probe ?? false;
  function leave(outcome: "ill" | "told_nothing"): boolean {
    if (over) return false;
    over = true;
    cap.leave();
    if (probe && !useful) probed(outcome);
    return true;
  }
  return {
    probe,
    useful(latencyMs) {
      if (useful) return;
      useful = true;
      if (latencyMs !== null) latency.add(latencyMs);
      pass?.useful();
      if (probe) probed("well");
    },
    fail(fault) {
      const toldNothing = fault.blame === "request" || fault.blame === "full";
      if (leave(toldNothing ? "told_nothing" : "ill")) pass?.fail(fault);
    },
    end() {
      if (leave("told_nothing")) pass?.end();
    },
    outrun(latencyMs) {
      if (!leave("ill")) return;
      latency.add(latencyMs);
      // A probe that another vendor overtook found nobody well: else every call would be the next probe.
      if (probe) pass?.fail(overtaken);
      else pass?.end();
    },
  };
}
