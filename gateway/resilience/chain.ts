/**
 * Providers in order of preference behind the face of one. Before any useful output a failed link is replaced
 * and nobody notices; after it, the next one goes on where the last stopped (the stage's policy knows how).
 */
import type { Clock } from "../clock.ts";
import type {
  Attempt,
  CallContext,
  EndEvent,
  Provider,
  ProviderFault,
  Usage,
} from "../providers/provider.ts";
import type { ChainDeadlines, ChainPolicy, Continuation } from "./continuation.ts";
import type { Pull, Pulled } from "./pull.ts";
import { openPull } from "./pull.ts";
import type { Scope } from "./scope.ts";
import { openScope } from "./scope.ts";

export interface ChainOptions {
  deadlines?: Partial<ChainDeadlines>;
  /** Every link's attempt at every call, for metrics; must not throw. */
  onAttempt?(attempt: Attempt, context: CallContext): void;
}

/** How long an aborted link may take to its `end` before it is left to itself, in ms (the contract says 50). */
export const drainMs = 100;

const emptyChain: ProviderFault = {
  code: "provider_unavailable",
  message: "The chain has no provider.",
  retryable: false,
};

/** One link at work on one call. */
interface LinkRun<Event> {
  provider: string;
  startedAtMs: number;
  usefulAtMs: number | null;
  scope: Scope;
  pull: Pull<Event | EndEvent>;
  deadlines: ChainDeadlines;
}

type LinkResult =
  | { outcome: "completed" | "cancelled" }
  | { outcome: "failed"; fault: ProviderFault; overdueMs: number };

const cancelled: LinkResult = { outcome: "cancelled" };

/**
 * Makes a provider of `links`. Its `end` names the link that did the last work and sums the usage of all.
 *
 * @param links - in order of preference; a breaker, a hedge or another chain may stand for any of them
 */
export function createChain<Request, Event extends { type: string }>(
  links: readonly Provider<Request, Event>[],
  policy: ChainPolicy<Request, Event>,
  options: ChainOptions = {},
): Provider<Request, Event> {
  const deadlines = { ...policy.deadlines, ...options.deadlines };
  const lastDeadlines = scaleDeadlines(deadlines);

  function report(run: LinkRun<Event>, result: LinkResult, context: CallContext): void {
    const attempt: Attempt = {
      stage: policy.stage,
      provider: run.provider,
      outcome: result.outcome,
      code: result.outcome === "failed" ? result.fault.code : null,
      durationMs: context.clock.nowMs() - run.startedAtMs,
      usefulMs: run.usefulAtMs === null ? null : run.usefulAtMs - run.startedAtMs,
      overdueMs: result.outcome === "failed" ? result.overdueMs : 0,
    };
    options.onAttempt?.(attempt, context);
    context.observer?.ended(attempt);
  }

  async function* runLink(
    run: LinkRun<Event>,
    call: Continuation<Request, Event>,
    usage: Usage,
    context: CallContext,
  ): AsyncGenerator<Event, LinkResult> {
    const { clock, signal } = context;
    const out: Event[] = [];
    let result: LinkResult | null = null;
    try {
      while (result === null) {
        // The pull reports an abort only while it waits; one that came between two waits is seen here.
        result = signal.aborted
          ? cancelled
          : judge(await run.pull.next(dueAtMs(run, call, context)), call, out, usage, context);
        if (run.usefulAtMs === null && call.useful) run.usefulAtMs = clock.nowMs();
        for (const event of out) if (!signal.aborted) yield event;
        out.length = 0;
      }
      return result;
    } finally {
      // No result: the consumer went away in the middle.
      const over = result ?? cancelled;
      report(run, over, context);
      const drained = endLink(run, over, usage, clock);
      if (over.outcome === "cancelled") await drained;
    }
  }

  async function* stream(request: Request, context: CallContext): AsyncGenerator<Event | EndEvent> {
    const usage: Usage = {};
    let fault = emptyChain;
    let provider = links[0]?.name ?? "none";
    let run: LinkRun<Event> | null = null;
    const call = policy.begin(request, context.clock, () => {
      if (run !== null) run.pull.setDue(dueAtMs(run, call, context));
    });
    for (const [index, link] of links.entries()) {
      if (context.signal.aborted) return yield { type: "end", outcome: "cancelled", usage, provider };
      if (context.clock.nowMs() >= context.deadlineMs) break;
      const asked = call.nextRequest();
      if (asked === null) return yield { type: "end", outcome: "completed", usage, provider };
      provider = link.name;
      context.observer?.started(provider);
      run = startLink(link, asked, context, index === links.length - 1 ? lastDeadlines : deadlines);
      const result = yield* runLink(run, call, usage, context);
      if (result.outcome !== "failed") return yield { type: "end", outcome: result.outcome, usage, provider };
      fault = result.fault;
      if (call.fail() === "done") return yield { type: "end", outcome: "completed", usage, provider };
    }
    yield { type: "end", outcome: "failed", error: fault, usage, provider };
  }

  return {
    name: links.map((link) => link.name).join(","),
    stream,
    async warm() {
      await Promise.all(links.map((link) => link.warm?.()));
    },
    async close() {
      await Promise.all(links.map((link) => link.close?.()));
    },
  };
}

function scaleDeadlines(deadlines: ChainDeadlines): ChainDeadlines {
  const ratio = deadlines.lastLinkRatio;
  return {
    connectMs: deadlines.connectMs * ratio,
    usefulMs: deadlines.usefulMs * ratio,
    stallMs: deadlines.stallMs * ratio,
    lastLinkRatio: ratio,
  };
}

function dueAtMs<Request, Event>(
  run: LinkRun<Event>,
  call: Continuation<Request, Event>,
  context: CallContext,
): number {
  return Math.min(context.deadlineMs, call.dueAtMs(run.startedAtMs, context.clock.nowMs(), run.deadlines));
}

function startLink<Request, Event>(
  link: Provider<Request, Event>,
  request: Request,
  context: CallContext,
  deadlines: ChainDeadlines,
): LinkRun<Event> {
  const scope = openScope(context.signal);
  const { observer: _, ...rest } = context;
  const source = link.stream(request, { ...rest, signal: scope.signal });
  return {
    provider: link.name,
    startedAtMs: context.clock.nowMs(),
    usefulAtMs: null,
    scope,
    pull: openPull(source, context.clock, scope.signal),
    deadlines,
  };
}

/** What a pulled event means for the link: null while it goes on. Appends to `out` what is handed on. */
function judge<Request, Event extends { type: string }>(
  pulled: Pulled<Event | EndEvent>,
  call: Continuation<Request, Event>,
  out: Event[],
  usage: Usage,
  context: CallContext,
): LinkResult | null {
  if (pulled.kind === "aborted") return cancelled;
  if (pulled.kind === "overdue") {
    const fault: ProviderFault = {
      code: "provider_timeout",
      message: "No useful output in time.",
      retryable: true,
    };
    return { outcome: "failed", fault, overdueMs: Math.max(0, context.clock.nowMs() - pulled.dueAtMs) };
  }
  let fault: ProviderFault | null;
  if (pulled.kind === "closed") {
    fault = { code: "provider_unavailable", message: "The stream broke off.", retryable: true };
  } else if (!isEnd(pulled.event)) {
    fault = call.take(pulled.event, out);
    if (fault === null) return null;
  } else {
    const end = pulled.event;
    addUsage(usage, end.usage);
    if (end.outcome === "completed") {
      fault = call.complete(out);
      if (fault === null) return { outcome: "completed" };
    } else if (context.signal.aborted) return cancelled;
    else
      fault = end.error ?? {
        code: "provider_unavailable",
        message: "The call was given up.",
        retryable: true,
      };
  }
  return { outcome: "failed", fault, overdueMs: 0 };
}

/** Cancels what may still run of a link and reads it to its end, at most `drainMs`. */
async function endLink<Event extends { type: string }>(
  run: LinkRun<Event>,
  result: LinkResult,
  usage: Usage,
  clock: Clock,
): Promise<void> {
  const { pull, scope } = run;
  if (result.outcome !== "completed") {
    scope.abort();
    const untilMs = clock.nowMs() + drainMs;
    for (;;) {
      const pulled = await pull.next(untilMs);
      if (pulled.kind === "closed" || pulled.kind === "overdue") break;
      if (pulled.kind === "event" && isEnd(pulled.event)) {
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
