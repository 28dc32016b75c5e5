/**
 * Counts how vendors' calls ended and says by the rules of docs/resilience.md whom nobody may ask: a breaker is believed
 * when it says that it opened, and not when it says that it need not.
 */
import type { Clock } from "../../gateway/clock.ts";
import type { ProviderFault } from "../../gateway/providers/provider.ts";
import type { BreakerState, OpeningReason } from "../../gateway/resilience/breaker.ts";
import type { Admission, Guard } from "../../gateway/resilience/guard.ts";

// The promised numbers, not the breaker's own, which would be wrong on both sides at once.
/** How far back votes count. */
export const windowMs = 30_000;
/** The breaker forgets its window in tenths: a vote in the last of them may count or not. */
const surelyCountedMs = 0.9 * windowMs;
const votesLeast = 3;
/** How long a vendor whose calls failed is left alone. */
export const resetMs = 10_000;
const keyMs = 10 * 60_000;

interface Vote {
  atMs: number;
  failed: boolean;
}

interface VendorVotes {
  votes: Vote[];
  /** Counts openings: a call from before one has no vote after it. */
  openings: number;
  /** The newest failure since the last opening: the breaker was to open at it, of a probe that nobody believed yet at once. */
  failure: { atMs: number; ofProbe: boolean } | null;
  /** Nobody may ask before that, for this reason. */
  restsUntilMs: number;
  reason: OpeningReason;
}

export class VoteTally {
  readonly #clock: Clock;
  readonly #vendors = new Map<string, VendorVotes>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The same guard; its calls' ends are counted here too, as they are told to it. */
  watched(guard: Guard): Guard {
    const vendor = this.#of(`${guard.stage}/${guard.name}`);
    const admit = () => {
      const admission = guard.admit();
      return typeof admission === "string" ? admission : this.#counted(admission, vendor);
    };
    return Object.assign(Object.create(guard) as Guard, { admit });
  }

  /** A breaker opened. How long a key or a quota keeps it so is known from the fault. */
  opened(key: string, reason: OpeningReason | null): void {
    const vendor = this.#of(key);
    vendor.openings += 1;
    vendor.failure = null;
    if (reason === "failures") this.#rest(vendor, resetMs, reason);
  }

  /** What is wrong with a call to this vendor now, whose breaker says `state`; null when it may be asked. */
  objection(key: string, state: BreakerState): string | null {
    const vendor = this.#of(key);
    const restMs = vendor.restsUntilMs - this.#clock.nowMs();
    if (restMs > 0) return `was asked ${restMs} ms too early after ${vendor.reason}`;
    if (state !== "open" && this.#isIll(vendor)) return `was asked as if well, and half of its calls failed`;
    return null;
  }

  #of(key: string): VendorVotes {
    let vendor = this.#vendors.get(key);
    if (vendor === undefined) {
      vendor = { votes: [], openings: 0, failure: null, restsUntilMs: 0, reason: "failures" };
      this.#vendors.set(key, vendor);
    }
    return vendor;
  }

  #rest(vendor: VendorVotes, ms: number, reason: OpeningReason): void {
    const untilMs = this.#clock.nowMs() + ms;
    if (untilMs <= vendor.restsUntilMs) return;
    vendor.restsUntilMs = untilMs;
    vendor.reason = reason;
  }

  /** Follows one call to its vote; what breaks off after a probe was believed is a vote of its own. */
  #counted(admission: Admission, vendor: VendorVotes): Admission {
    const { probe } = admission;
    const { openings } = vendor;
    let useful = false;
    let over = false;
    /** Whether the call says anything, at its one end. */
    const leave = () => {
      const counts = !over && vendor.openings === openings;
      over = true;
      return counts;
    };
    const end = () => {
      if (leave() && useful && !probe) this.#vote(vendor, false);
    };
    return {
      probe,
      useful: (latencyMs) => {
        if (probe && !useful && vendor.openings === openings) this.#vote(vendor, false);
        useful = true;
        admission.useful(latencyMs);
      },
      fail: (fault) => {
        if (leave()) this.#fail(vendor, fault, probe && !useful);
        admission.fail(fault);
      },
      end: () => {
        end();
        admission.end();
      },
      outrun: (latencyMs) => {
        if (!probe) end();
        else if (leave()) this.#voteFailed(vendor, !useful);
        admission.outrun(latencyMs);
      },
    };
  }

  #fail(vendor: VendorVotes, { blame = "vendor", retryAfterMs = 0 }: ProviderFault, ofProbe: boolean): void {
    if (blame === "vendor") this.#voteFailed(vendor, ofProbe);
    else if (blame === "key") this.#rest(vendor, keyMs, blame);
    else if (blame === "quota") this.#rest(vendor, retryAfterMs, blame);
  }

  #voteFailed(vendor: VendorVotes, ofProbe: boolean): void {
    const atMs = this.#clock.nowMs();
    vendor.votes = vendor.votes.filter((vote) => atMs - vote.atMs <= windowMs);
    this.#vote(vendor, true);
    vendor.failure = { atMs, ofProbe };
  }

  #vote({ votes }: VendorVotes, failed: boolean): void {
    votes.push({ atMs: this.#clock.nowMs(), failed });
  }

  /** Whether its breaker was surely to open at the newest failure. Successes of the same moment may have come before it or after. */
  #isIll({ votes, failure }: VendorVotes): boolean {
    if (failure === null || failure.atMs >= this.#clock.nowMs()) return false;
    if (failure.ofProbe) return true;
    const isSure = ({ atMs, failed }: Vote) =>
      failure.atMs - atMs < surelyCountedMs && (failed || atMs < failure.atMs);
    const until = votes.filter(({ atMs }) => atMs <= failure.atMs);
    const sure = until.filter(isSure);
    const failures = sure.filter(({ failed }) => failed);
    const doubtfulSuccesses = until.filter((vote) => !vote.failed && !isSure(vote));
    return sure.length >= votesLeast && failures.length * 2 >= sure.length + doubtfulSuccesses.length;
  }
}
