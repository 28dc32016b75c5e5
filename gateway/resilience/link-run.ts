/** One link at work on one call: started, judged event by event, ended and drained. */
import type { Clock } from "../clock.ts";
import type {
  Attempt,
  CallContext,
  EndEvent,
  Provider,
  ProviderFault,
  Usage,
} from "../providers/provider.ts";
import type { ChainDeadlines, Continuation } from "./continuation.ts";
import type { Admission, Guard } from "./guard.ts";
import { slowQuantile } from "./hedge.ts";
import type { Pull, Pulled } from "./pull.ts";
import { openPull } from "./pull.ts";
import type { Scope } from "./scope.ts";
import { openScope } from "./scope.ts";

/** How long an aborted link may take to its `end` before it is left to itself, in ms (the contract says 50). */
export const drainMs = 100;
/** What a link without a history is taken to need to its first useful output. */
export const beginMs = 500;
/** A probe, and a link that comes after one that hung, is waited for that many times its own p95, but at least so long. */
const promptRatio = 2;
export const promptLeastMs = 800;
/** Share of what a link needs nearly always, after which its silence counts against it. */
const slowRatio = 0.8;

/** A link of a chain. */
export interface Link<Request, Event> {
  provider: Provider<Request, Event>;
  /** Null where nothing guards it. */
  guard: Guard | null;
}

export interface LinkRun<Request, Event> {
  readonly link: Link<Request, Event>;
  readonly call: Continuation<Request, Event>;
  readonly admission: Admission | null;
  readonly deadlines: ChainDeadlines;
  /** Started beside another link. */
  readonly hedge: boolean;
  /** Nobody would come after it. */
  readonly last: boolean;
  readonly startedAtMs: number;
  readonly scope: Scope;
  readonly pull: Pull<Event | EndEvent>;
  readonly usage: Usage;
  /** Taken from the link and not handed on yet. */
  readonly out: Event[];
  usefulAtMs: number | null;
  /** Null while an event of it is at work; else since when the next one is waited for. */
  waitingSinceMs: number | null;
  /** A wait that is under way. */
  pending: Promise<Pulled<Event | EndEvent>> | null;
  /** Its work was for nothing: another link was faster. */
  extra: boolean;
}

/** What is known of the link that failed last. */
export interface Fallen {
  name: string;
  code: string;
  atMs: number;
  midway: boolean;
  /** Somebody has gone on with it, and that was said. */
  told: boolean;
}

export type LinkResult =
  | { outcome: "completed" | "cancelled" }
  | { outcome: "failed"; fault: ProviderFault; overdueMs: number };

export const cancelled: LinkResult = { outcome: "cancelled" };

export const tooLate: ProviderFault = {
  code: "provider_timeout",
  message: "No useful output in time.",
  retryable: true,
};
export const emptyChain: ProviderFault = {
  code: "provider_unavailable",
  message: "The chain has no provider.",
  retryable: false,
};
export const noneWell: ProviderFault = {
  code: "provider_unavailable",
  message: "No vendor is well enough to be asked.",
  retryable: true,
};
export const allFull: ProviderFault = {
  code: "provider_overloaded",
  message: "Every vendor has as many calls as it may.",
  retryable: true,
};
export const turnOver: ProviderFault = { ...tooLate, message: "The turn's time was over.", blame: "request" };
const brokeOff: ProviderFault = {
  code: "provider_unavailable",
  message: "The stream broke off.",
  retryable: true,
};
const givenUp: ProviderFault = { ...brokeOff, message: "The call was given up." };

/** What a run is started from. */
export interface LinkStart<Request, Event> {
  link: Link<Request, Event>;
  call: Continuation<Request, Event>;
  request: Request;
  admission: Admission | null;
  deadlines: ChainDeadlines;
  hedge: boolean;
  last: boolean;
}

/** Whether our own connections to the vendor were all in use: it was not asked. */
export function foundFull(result: LinkResult): boolean {
  return result.outcome === "failed" && result.fault.blame === "full";
}

/** What is told of a run that has ended. */
export function attemptOf<Request, Event>(
  run: LinkRun<Request, Event>,
  stage: Attempt["stage"],
  result: LinkResult,
  nowMs: number,
): Attempt {
  const { name, model = "" } = run.link.provider;
  const failed = result.outcome === "failed";
  return {
    ...{ stage, provider: name, model, outcome: result.outcome, hedge: run.hedge, usage: { ...run.usage } },
    code: failed ? result.fault.code : null,
    durationMs: nowMs - run.startedAtMs,
    usefulMs: run.usefulAtMs === null ? null : run.usefulAtMs - run.startedAtMs,
    overdueMs: failed ? result.overdueMs : 0,
  };
}

export function startRun<Request, Event>(
  start: LinkStart<Request, Event>,
  context: CallContext,
): LinkRun<Request, Event> {
  const { link, call, admission, deadlines, hedge, last } = start;
  const scope = openScope(context.signal);
  const { observer: _, ...rest } = context;
  const source = link.provider.stream(start.request, { ...rest, signal: scope.signal });
  const startedAtMs = context.clock.nowMs();
  return {
    ...{ link, call, admission, deadlines, hedge, last, startedAtMs, scope },
    pull: openPull(source, context.clock, scope.signal),
    ...{ usage: {}, out: [], usefulAtMs: null, waitingSinceMs: null, pending: null, extra: false },
  };
}

/** From when a link's first useful output is counted; null while it can't be due. */
export function usefulFromMs<Request, Event>(run: LinkRun<Request, Event>): number | null {
  const from = run.call.usefulFromMs;
  return from === undefined ? run.startedAtMs : from;
}

/** Deadlines where little time is left to wait. */
export function promptDeadlines<Request, Event>(
  { guard }: Link<Request, Event>,
  deadlines: ChainDeadlines,
): ChainDeadlines {
  const needMs = guard?.latency.quantileMs(slowQuantile) ?? beginMs;
  const usefulMs = Math.min(deadlines.usefulMs, Math.max(promptLeastMs, promptRatio * needMs));
  return { ...deadlines, usefulMs, connectMs: Math.min(deadlines.connectMs, usefulMs) };
}

/** Whether a link that said nothing useful has had the time to. */
export function isSlow<Request, Event>(run: LinkRun<Request, Event>, nowMs: number): boolean {
  const needMs = run.link.guard?.latency.quantileMs(slowQuantile) ?? beginMs;
  return nowMs - (usefulFromMs(run) ?? nowMs) >= slowRatio * needMs;
}

/** What a pulled event means for the link: null while it goes on. Appends to `run.out` what may be handed on. */
export function judge<Request, Event extends { type: string }>(
  run: LinkRun<Request, Event>,
  pulled: Pulled<Event | EndEvent>,
  usage: Usage,
  context: CallContext,
): LinkResult | null {
  switch (pulled.kind) {
    case "aborted":
      return cancelled;
    case "overdue": {
      const nowMs = context.clock.nowMs();
      const fault = nowMs >= context.deadlineMs && pulled.dueAtMs >= context.deadlineMs ? turnOver : tooLate;
      return failed(fault, Math.max(0, nowMs - pulled.dueAtMs));
    }
    case "closed":
      return failed(brokeOff);
    case "event":
      return judgeEvent(run, pulled.event, usage, context);
  }
}

function judgeEvent<Request, Event extends { type: string }>(
  run: LinkRun<Request, Event>,
  event: Event | EndEvent,
  usage: Usage,
  context: CallContext,
): LinkResult | null {
  if (!isEnd(event)) {
    const fault = run.call.take(event, run.out);
    return fault === null ? null : failed(fault);
  }
  addUsage(run.usage, event.usage);
  addUsage(usage, event.usage);
  if (event.outcome === "completed") {
    const fault = run.call.complete(run.out, run.last);
    return fault === null ? { outcome: "completed" } : failed(fault);
  }
  return context.signal.aborted ? cancelled : failed(event.error ?? givenUp);
}

function failed(fault: ProviderFault, overdueMs = 0): LinkResult {
  return { outcome: "failed", fault, overdueMs };
}

/** Tells the guard how it went. */
export function leaveGuard<Request, Event>(
  run: LinkRun<Request, Event>,
  result: LinkResult,
  nowMs: number,
): void {
  const { admission } = run;
  if (admission === null) return;
  if (result.outcome === "failed") admission.fail(result.fault);
  else if (run.extra && !run.hedge && isSlow(run, nowMs))
    admission.outrun(nowMs - (usefulFromMs(run) ?? nowMs));
  else admission.end();
}

/** Cancels what may still run of a link and reads it to its end, at most `drainMs`. */
export async function drainRun<Request, Event extends { type: string }>(
  run: LinkRun<Request, Event>,
  result: LinkResult,
  usage: Usage,
  clock: Clock,
): Promise<void> {
  const { pull, scope } = run;
  if (result.outcome !== "completed") {
    scope.abort();
    const untilMs = clock.nowMs() + drainMs;
    for (;;) {
      // A wait that is under way ends with the abort at the latest.
      const pulled = await (run.pending ?? pull.next(untilMs));
      run.pending = null;
      if (pulled.kind === "closed" || (pulled.kind === "overdue" && clock.nowMs() >= untilMs)) break;
      if (pulled.kind === "event" && isEnd(pulled.event)) {
        addUsage(run.usage, pulled.event.usage);
        addUsage(usage, pulled.event.usage);
        break;
      }
    }
  }
  pull.close();
  scope.close();
}

function isEnd<Event extends { type: string }>(event: Event | EndEvent): event is EndEvent {
  return event.type === "end";
}

/** Adds `more` to `sum`, unit by unit. */
export function addUsage(sum: Usage, more: Usage): void {
  for (const unit of ["inputTokens", "outputTokens", "audioMs", "characters"] as const) {
    const count = more[unit];
    if (count !== undefined) sum[unit] = (sum[unit] ?? 0) + count;
  }
}
