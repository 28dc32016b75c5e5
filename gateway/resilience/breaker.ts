/**
 * One vendor's breaker in one capability, for all sessions of the process, and through the shared file for all processes of
 * the machine. opossum counts the votes and keeps the time; a call votes once, after the fact, so that an open circuit
 * is never fired at, a call from before an opening has no voice after it, and what says nothing of the vendor's health
 * (a barge-in, a request that is itself to blame, a call that got no place on our own connections) is no vote at all.
 */
import type { Clock } from "../clock.ts";
import type { ProviderFault } from "../providers/provider.ts";
import type { VendorHealthStore } from "../state/vendor-health.ts";
import { createCircuit } from "./opossum-circuit.ts";

export type BreakerState = "closed" | "open" | "half_open";

/** Why a breaker is open: its calls failed, the key is refused, the quota is used up; "elsewhere" is another process's word. */
export type OpeningReason = "failures" | "key" | "quota";

/** A refused key, model or voice is not asked again for that long. */
export const keyOpenMs = 10 * 60_000;
/** Quota without a Retry-After: that long at first, twice as long each time in a row, at most `quotaOpenMaxMs`. */
export const quotaOpenMs = 2_000;
export const quotaOpenMaxMs = 60_000;
/** A Retry-After is obeyed within these. */
export const retryAfterLeastMs = 500;
export const retryAfterMostMs = 10 * 60_000;
/** Votes before which a breaker never opens by itself; key and quota need none. */
export const votesLeast = 3;
/** It opens when half of the votes are failures, or more. */
const failurePercent = 49;

export interface BreakerOptions {
  /** Stage and vendor, like `ai/gemini`. */
  name: string;
  clock: Clock;
  /** Null: this process alone. */
  shared: VendorHealthStore | null;
  windowMs: number;
  resetMs: number;
  /** How long a probe may take to say anything; then another one may go. */
  probeMs: number;
  /** Called once a change; must not throw. */
  onChange(state: BreakerState, reason: OpeningReason | null, openMs: number): void;
}

/** One call's say. Exactly one of `fail` and `end` comes last. */
export interface BreakerPass {
  /** It is the one call that finds out whether the vendor is well again. */
  readonly probe: boolean;
  /** First useful output. */
  useful(): void;
  fail(fault: ProviderFault): void;
  /** Completed, or was given up for no fault of the vendor. */
  end(): void;
}

export interface Breaker {
  readonly state: BreakerState;
  readonly reason: OpeningReason | null;
  /** Whether a call would be let in as things stand; claims nothing. */
  ready(): boolean;
  /** Lets one call in; null when it is open, or half-open with its probe under way somewhere on the machine. */
  enter(): BreakerPass | null;
  shutdown(): void;
}

export function createBreaker(options: BreakerOptions): Breaker {
  const { name, clock, shared, windowMs, resetMs, probeMs, onChange } = options;
  const circuit = createCircuit({ name, windowMs, resetMs, votesLeast, failurePercent });
  /** Counts openings: a call that was let in before one has no vote after it. */
  let opening = 0;
  let reason: OpeningReason | null = null;
  let untilEpochMs = 0;
  let nextReason: OpeningReason = "failures";
  /** The shared file knows of this opening. */
  let published = false;
  let probing = false;
  let quotaStreak = 0;

  circuit.on("open", () => {
    opening += 1;
    reason = nextReason;
    untilEpochMs = clock.epochMs() + circuit.options.resetTimeout;
    onChange("open", reason, circuit.options.resetTimeout);
  });
  circuit.on("halfOpen", () => onChange("half_open", reason, 0));
  circuit.on("close", () => {
    reason = null;
    published = false;
    onChange("closed", null, 0);
  });

  /** Opens at once, for a time of its own; one that is open already stays so. */
  function openFor(openMs: number, why: OpeningReason): void {
    if (circuit.opened) return;
    circuit.options.resetTimeout = openMs;
    nextReason = why;
    circuit.open();
    circuit.options.resetTimeout = resetMs;
    nextReason = "failures";
  }
  function publish(): void {
    if (shared !== null && reason !== null) published = shared.open(name, { reason, untilEpochMs });
  }
  /** What other processes know counts here too. */
  function obeyMachine(): void {
    if (shared === null || probing) return;
    const known = shared.read(name);
    if (known === undefined) return;
    if (known === null) {
      if (circuit.closed) return;
      // Somebody's probe went well; or the file was out of reach when we opened.
      if (published) circuit.close();
      else publish();
      return;
    }
    const restMs = known.untilEpochMs - clock.epochMs();
    // A row whose time is over waits for a probe: nobody calls freely beside it.
    if (circuit.closed || (restMs > 0 && circuit.halfOpen)) {
      openFor(Math.max(1, restMs), readReason(known.reason));
    }
    published = true;
  }
  async function vote(which: "success" | "failure"): Promise<void> {
    const before = opening;
    try {
      await circuit.fire(which);
    } catch {
      // A failure's vote rejects by design.
    }
    if (opening !== before) publish();
  }
  /** The probe has told what it had to tell: the machine may know, and the next one may come. */
  function endProbe(): void {
    probing = false;
  }

  function admit(probe: boolean): BreakerPass {
    const mine = opening;
    let useful = false;
    let over = false;
    let voted = false;
    const counts = () => opening === mine;

    function succeed(): void {
      if (voted || !counts()) return;
      voted = true;
      quotaStreak = 0;
      const wasPublished = published;
      void vote("success").then(() => {
        if (!probe) return;
        endProbe();
        if (wasPublished) shared?.close(name);
      });
    }
    function failed(fault: ProviderFault): void {
      const blame = fault.blame ?? "vendor";
      if (blame === "request" || blame === "full") return release();
      if (!counts()) return;
      if (blame === "vendor") {
        void vote("failure").then(() => probe && endProbe());
        return;
      }
      const openMs = blame === "key" ? keyOpenMs : quotaMs(fault, quotaStreak++);
      openFor(openMs, blame);
      if (probe) endProbe();
      publish();
    }
    /** The call says nothing of the vendor's health: a probe's place is free again. */
    function release(): void {
      if (!probe || voted) return;
      endProbe();
      shared?.releaseProbe(name);
    }

    return {
      probe,
      useful() {
        useful = true;
        // A probe is believed at its first useful output; others vote when they end, once.
        if (probe) succeed();
      },
      fail(fault) {
        if (over) return;
        over = true;
        failed(fault);
      },
      end() {
        if (over) return;
        over = true;
        if (useful) succeed();
        else release();
      },
    };
  }

  return {
    get state() {
      return circuit.closed ? "closed" : circuit.opened ? "open" : "half_open";
    },
    get reason() {
      return reason;
    },
    ready() {
      obeyMachine();
      return circuit.closed || (circuit.halfOpen && !probing);
    },
    enter() {
      obeyMachine();
      if (circuit.closed) return admit(false);
      if (!circuit.halfOpen || probing) return null;
      // Out of the file's reach the process has a probe of its own.
      if (shared !== null && published && shared.claimProbe(name, probeMs) === "taken") return null;
      probing = true;
      return admit(true);
    },
    shutdown: () => circuit.shutdown(),
  };
}

/** How long "too many calls" keeps a vendor closed to us. */
function quotaMs({ retryAfterMs }: ProviderFault, streak: number): number {
  if (retryAfterMs === undefined) return Math.min(quotaOpenMaxMs, quotaOpenMs * 2 ** Math.min(streak, 16));
  return Math.min(retryAfterMostMs, Math.max(retryAfterLeastMs, retryAfterMs));
}

function readReason(text: string): OpeningReason {
  return text === "key" || text === "quota" ? text : "failures";
}
