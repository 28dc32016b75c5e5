/** A reply's part of the turn's line of time: which of its stages the path is waiting for, and for whom. */
import type { Clock } from "../clock.ts";
import type { Attempt, AttemptObserver, CallContext } from "../providers/provider.ts";
import type { Ledger, Span } from "./ledger.ts";
import { advance, ledgerTotals } from "./ledger.ts";
import type { ReplyAttempt } from "./reply.ts";

/** What is known of a stage's share in a reply, for metrics. */
export interface StageReport {
  stage: "retrieve" | "ai" | "sentence" | "tts";
  /** Null for the gateway's own stages. */
  provider: string | null;
  outcome: "completed" | "cancelled" | "failed";
  /** To the first useful output; to the end if there was none. */
  durationMs: number;
}

/** Kinds of attempts (stage, provider, outcome) that are listed, each once: a reply has a TTS call for every piece. */
export const attemptsMax = 64;

export interface ReplyLine {
  readonly ledger: Ledger;
  readonly attempts: ReplyAttempt[];
  /** Gives the time since the last entry to `span`. */
  spend(span: Span, provider?: string): void;
  /** Follows a call of `stage`; `onPath()` says whether the path is waiting for it. */
  observe(stage: "ai" | "tts", name: string, onPath: () => boolean): CallFollower;
  /** What is left of the time that the turn waits for vendors, as a part of a call's context. */
  patience(): Pick<CallContext, "patienceMs">;
}

/** Knows which provider is at work on a call. */
export interface CallFollower {
  readonly observer: AttemptObserver;
  readonly provider: string;
  /** For a provider that is no chain and so tells no observer: its end is its one attempt. */
  ended(outcome: Attempt["outcome"], provider: string, startedAtMs: number): void;
}

/**
 * Goes on with `ledger`: what lay between its cursor and now was overhead.
 *
 * @param onStage - told of every attempt
 * @param patienceMs - how long the turn may wait for vendors in all
 */
export function openReplyLine(
  clock: Clock,
  opened: Ledger,
  onStage: (report: StageReport) => void,
  patienceMs?: number,
): ReplyLine {
  let ledger = advance(opened, "overhead", clock.nowMs());
  const attempts: ReplyAttempt[] = [];

  function list(attempt: ReplyAttempt): void {
    const { stage, provider, outcome } = attempt;
    const same = (other: ReplyAttempt) =>
      other.stage === stage && other.provider === provider && other.outcome === outcome;
    if (attempts.length < attemptsMax && !attempts.some(same)) attempts.push(attempt);
  }
  function spend(span: Span, provider?: string): void {
    ledger = advance(ledger, span, clock.nowMs(), provider);
  }

  return {
    get ledger() {
      return ledger;
    },
    attempts,
    spend,
    patience() {
      if (patienceMs === undefined) return {};
      return { patienceMs: Math.max(0, patienceMs - ledgerTotals(ledger).vendorMs) };
    },
    observe(stage, name, onPath) {
      let provider = name;
      let told = false;
      return {
        get provider() {
          return provider;
        },
        observer: {
          started(link) {
            told = true;
            if (onPath()) spend("overhead");
            provider = link;
          },
          useful(link) {
            provider = link;
          },
          overtook(link) {
            provider = link;
          },
          ended(attempt) {
            // A failed attempt's time is its vendor's, but for what was noticed late.
            if (attempt.outcome === "failed" && onPath()) {
              ledger = advance(ledger, stage, clock.nowMs() - attempt.overdueMs, attempt.provider);
            }
            list({ stage, provider: attempt.provider, outcome: attempt.outcome });
            const durationMs = attempt.usefulMs ?? attempt.durationMs;
            onStage({ stage, provider: attempt.provider, outcome: attempt.outcome, durationMs });
          },
        },
        ended(outcome, by, startedAtMs) {
          if (told) return;
          if (outcome === "failed" && onPath()) spend(stage, by);
          list({ stage, provider: by, outcome });
          onStage({ stage, provider: by, outcome, durationMs: clock.nowMs() - startedAtMs });
        },
      };
    },
  };
}
