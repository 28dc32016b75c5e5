/**
 * Providers in order of preference behind the face of one. Before any useful output a failed link is replaced
 * and nobody notices; after it, the next one goes on where the last stopped (the stage's policy knows how).
 */
import type { Attempt, CallContext, ConversationMemory, Provider, Usage } from "../providers/provider.ts";
import { ChainCall } from "./chain-call.ts";
import type { ChainDeadlines, ChainPolicy } from "./continuation.ts";
import type { Guards } from "./guard.ts";
import type { Link } from "./link-run.ts";

export { addUsage, drainMs } from "./link-run.ts";

type Stage = Attempt["stage"];

/** What chains tell, for metrics; must not throw. */
export interface ChainObserver {
  /** An attempt's usage is final: after its end, or when it was left to itself. `extra`: a faster link made it needless. */
  spent?(spent: Spent, context: CallContext): void;
  /** The next link was asked after one failed; `addedMs` is what we took for that. */
  failedOver?(failover: Failover): void;
  /** A link was started beside a slow one, and that is settled. */
  hedged?(stage: Stage, slow: string, beside: string, won: boolean): void;
  /** A link was not asked: its breaker is open, its calls are full, or the turn has waited long enough (`late`). */
  passedOver?(stage: Stage, provider: string, why: "open" | "full" | "late"): void;
  /** A call was made again at the same link, on a fresh connection. */
  retried?(stage: Stage, provider: string): void;
}

export interface Spent {
  stage: Stage;
  provider: string;
  model: string;
  usage: Usage;
  extra: boolean;
}

export interface Failover {
  stage: Stage;
  from: string;
  to: string;
  code: string;
  addedMs: number;
  /** Some of the failed link's output had been handed on. */
  midway: boolean;
}

export interface ChainOptions {
  deadlines?: Partial<ChainDeadlines>;
  /** Breakers, caps and budgets of the process; without them every link is always asked, and none is hedged. */
  guards?: Guards;
  /** Every link's attempt at every call, at its end; must not throw. */
  onAttempt?(attempt: Attempt, context: CallContext): void;
  observer?: ChainObserver;
  /** What the stages after this one need from this one's first output to the first sound, in ms. */
  downstreamMs?(): number;
}

/** What all calls of a chain share. */
export interface ChainParts<Request, Event> {
  readonly links: readonly Link<Request, Event>[];
  readonly policy: ChainPolicy<Request, Event>;
  readonly deadlines: ChainDeadlines;
  readonly lastDeadlines: ChainDeadlines;
  readonly options: ChainOptions;
  /** Which voice spoke last in a conversation. */
  readonly voices: WeakMap<ConversationMemory, string>;
}

/**
 * Makes a provider of `links`. Its `end` names the link that did the last work and sums the usage of all.
 *
 * @param links - in order of preference; another chain may stand for any of them
 */
export function createChain<Request, Event extends { type: string }>(
  links: readonly Provider<Request, Event>[],
  policy: ChainPolicy<Request, Event>,
  options: ChainOptions = {},
): Provider<Request, Event> {
  const deadlines = { ...policy.deadlines, ...options.deadlines };
  const parts: ChainParts<Request, Event> = {
    links: links.map((provider) => ({
      provider,
      guard: options.guards?.of(policy.stage, provider.name) ?? null,
    })),
    ...{ policy, deadlines, lastDeadlines: scaleDeadlines(deadlines), options, voices: new WeakMap() },
  };
  return {
    name: links.map((link) => link.name).join(","),
    stream: (request, context) => new ChainCall(parts, request, context).events(),
    async warm() {
      await Promise.all(links.map((link) => link.warm?.()));
    },
    async close() {
      await Promise.all(links.map((link) => link.close?.()));
    },
  };
}

function scaleDeadlines(deadlines: ChainDeadlines): ChainDeadlines {
  const { connectMs, usefulMs, stallMs, lastLinkRatio: ratio } = deadlines;
  return { ...deadlines, connectMs: connectMs * ratio, usefulMs: usefulMs * ratio, stallMs: stallMs * ratio };
}
