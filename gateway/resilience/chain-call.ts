/** One call's way through a chain: which link is asked, beside whom, when it is given up and who comes next. */
import type { CallContext, EndEvent, ProviderFault, Usage } from "../providers/provider.ts";
import type { ChainParts } from "./chain.ts";
import type { Continuation } from "./continuation.ts";
import type { Admission } from "./guard.ts";
import { floorName } from "./guard.ts";
import { hedgeLeastMs, mayHedge, slowQuantile } from "./hedge.ts";
import { orderLinks } from "./link-order.ts";
import type { Fallen, Link, LinkResult, LinkRun } from "./link-run.ts";
import {
  allFull,
  attemptOf,
  beginMs,
  cancelled,
  drainRun,
  emptyChain,
  foundFull,
  isSlow,
  judge,
  leaveGuard,
  noneWell,
  promptDeadlines,
  startRun,
  tooLate,
  turnOver,
  usefulFromMs,
} from "./link-run.ts";
import { Patience, waitsBefore } from "./patience.ts";
import type { Pulled } from "./pull.ts";

/** A gap in a stream shorter than this is no stall, however little is left to play; shorter ones that were heard add up to one. */
export const stallLeastMs = 500;
/** Longest wait in the last link's queue; who would wait longer is refused by the engine. */
const queueMaxMs = 22_000;

interface Picked<Request, Event> {
  link: Link<Request, Event>;
  admission: Admission | null;
}

export class ChainCall<Request, Event extends { type: string }> {
  readonly #parts: ChainParts<Request, Event>;
  readonly #request: Request;
  readonly #context: CallContext;
  readonly #patience: Patience;
  readonly #usage: Usage = {};
  /** Links that were not asked yet. */
  readonly #queue: Link<Request, Event>[];
  #run: LinkRun<Request, Event> | null = null;
  /** At work beside `#run`; neither has given anything useful. */
  #rival: LinkRun<Request, Event> | null = null;
  /** The request may be sent to two vendors, and there is a second one. */
  readonly #hedgeable: boolean;
  /** Another link may still be started beside the one at work. */
  #mayHedge: boolean;
  #retried = false;
  /** Links that hung, in this stage and in those before it: the caller has waited long enough. */
  #waits: number;
  #fallen: Fallen | null = null;
  /** Why the links that were passed over were. */
  #passedOver: "open" | "full" | "late" | null = null;

  constructor(parts: ChainParts<Request, Event>, request: Request, context: CallContext) {
    this.#parts = parts;
    this.#request = request;
    this.#context = context;
    this.#patience = new Patience(context);
    this.#queue = orderLinks(parts, context);
    this.#hedgeable = parts.options.guards !== undefined && this.#queue.length > 1 && mayHedge(request);
    this.#mayHedge = this.#hedgeable;
    this.#waits = waitsBefore(context);
  }

  async *events(): AsyncGenerator<Event | EndEvent> {
    const { clock, deadlineMs, signal } = this.#context;
    const usage = this.#usage;
    let provider = this.#queue[0]?.provider.name ?? "none";
    let fault = emptyChain;
    let call = this.#begin();
    this.#parts.options.guards?.retries.earn();
    this.#parts.options.guards?.hedges.earn();
    while (clock.nowMs() < deadlineMs || signal.aborted) {
      if (signal.aborted) return yield { type: "end", outcome: "cancelled", usage, provider };
      const picked = this.#pick();
      if (picked === null) break;
      provider = picked.link.provider.name;
      const asked = call.nextRequest(provider);
      if (asked === null) {
        picked.admission?.end();
        return yield { type: "end", outcome: "completed", usage, provider };
      }
      this.#context.observer?.started(provider);
      this.#run = this.#start(picked, call, asked, false);
      let result: LinkResult | null = null;
      try {
        // Neither a generator nor an async function of its own: passing each event through one more costs as much as all the rest.
        while (result === null) {
          // The pull reports an abort only while it waits; one that came between two waits is seen here.
          if (signal.aborted) result = cancelled;
          else {
            const run: LinkRun<Request, Event> = this.#rival === null ? this.#run : await this.#race();
            result = this.#take(run, await this.#pull(run));
          }
          const { out } = this.#run;
          for (const event of out) if (!signal.aborted) yield event;
          out.length = 0;
        }
      } finally {
        // No result: the consumer went away in the middle.
        const drained = this.#finishAll(result ?? cancelled);
        if ((result ?? cancelled).outcome === "cancelled") await drained;
      }
      const run = this.#run;
      provider = run.link.provider.name;
      if (result.outcome !== "failed") return yield { type: "end", outcome: result.outcome, usage, provider };
      fault = result.fault;
      call = run.call;
      const rest: Event[] = [];
      const left = await call.fail(rest);
      for (const event of rest) if (!signal.aborted) yield event;
      if (left === "done") return yield { type: "end", outcome: "completed", usage, provider };
      this.#considerRetry(run, fault);
    }
    const rest: Event[] = [];
    const isWhole = call.exhausted?.(rest) === true;
    yield* rest;
    if (isWhole) return yield { type: "end", outcome: "completed", usage, provider };
    if (fault === emptyChain && this.#passedOver !== null)
      fault = this.#passedOver === "full" ? allFull : noneWell;
    yield { type: "end", outcome: "failed", error: fault, usage, provider };
  }

  // ---- who is asked ----

  #begin(): Continuation<Request, Event> {
    const call = this.#parts.policy.begin(
      this.#request,
      this.#context.clock,
      () => {
        for (const run of [this.#run, this.#rival])
          if (run?.call === call) run.pull.setDue(this.#dueAtMs(run, this.#context.clock.nowMs()));
      },
      this.#context,
    );
    return call;
  }

  /** The next link that may be asked; null when there is none. Nobody is waited for. */
  #pick(): Picked<Request, Event> | null {
    for (let link = this.#queue.shift(); link !== undefined; link = this.#queue.shift()) {
      const late = this.#patience.passesOver(link, this.#queue);
      const admission = late ? "late" : (link.guard?.admit() ?? null);
      if (typeof admission !== "string") return { link, admission };
      this.#passedOver = admission;
      this.#parts.options.observer?.passedOver?.(this.#parts.policy.stage, link.provider.name, admission);
    }
    return null;
  }

  #nextReady(): Link<Request, Event> | undefined {
    return this.#queue.find(({ guard }) => guard === null || guard.ready());
  }

  #start(
    { link, admission }: Picked<Request, Event>,
    call: Continuation<Request, Event>,
    request: Request,
    hedge: boolean,
  ): LinkRun<Request, Event> {
    const last = this.#nextReady() === undefined;
    const soon = link.guard !== null && (this.#waits > 0 || admission?.probe === true);
    const { deadlines: usual, lastDeadlines } = this.#parts;
    const deadlines = last ? lastDeadlines : soon ? promptDeadlines(link, usual) : usual;
    const run = startRun({ link, call, request, admission, deadlines, hedge, last }, this.#context);
    if (!hedge) this.#tellFailover(link.provider.name, run.startedAtMs);
    return run;
  }

  /** Somebody goes on with what a link has failed at; to ask that one again is no failover. */
  #tellFailover(to: string, atMs: number): void {
    const fallen = this.#fallen;
    if (fallen === null || fallen.told) return;
    fallen.told = true;
    const { name: from, code, midway } = fallen;
    if (from === to) return;
    const { options, policy } = this.#parts;
    const addedMs = Math.max(0, atMs - fallen.atMs);
    options.observer?.failedOver?.({ stage: policy.stage, from, to, code, addedMs, midway });
  }

  /** A kept connection that was cut before it said anything may have been stale: the same link, once, on a fresh one. */
  #considerRetry(run: LinkRun<Request, Event>, fault: ProviderFault): void {
    const { options, policy } = this.#parts;
    if (fault.reset !== true || run.usefulAtMs !== null || this.#retried) return;
    if (options.guards?.retries.take() !== true) return;
    this.#retried = true;
    options.observer?.retried?.(policy.stage, run.link.provider.name);
    this.#queue.unshift(run.link);
  }

  // ---- the link at work, and the one beside it ----

  async #finishAll(result: LinkResult): Promise<void> {
    const drained = [this.#finish(this.#run!, result)];
    if (this.#rival !== null) drained.push(this.#finish(this.#rival, cancelled));
    this.#rival = null;
    await Promise.all(drained);
  }

  #pull(run: LinkRun<Request, Event>): Promise<Pulled<Event | EndEvent>> {
    if (run.pending !== null) return run.pending;
    const nowMs = this.#context.clock.nowMs();
    run.waitingSinceMs ??= nowMs;
    run.pending = run.pull.next(this.#dueAtMs(run, nowMs));
    return run.pending;
  }

  /** The one of two links that has something to say. */
  #race(): Promise<LinkRun<Request, Event>> {
    const runs = [this.#run!, this.#rival!];
    return Promise.race(runs.map((run) => this.#pull(run).then(() => run)));
  }

  /** Takes what a link said; the result of the call's link, or null while it goes on. */
  #take(run: LinkRun<Request, Event>, pulled: Pulled<Event | EndEvent>): LinkResult | null {
    run.pending = null;
    if (pulled.kind === "overdue" && !this.#isOver(run)) return null;
    run.waitingSinceMs = null;
    const result = judge(run, pulled, this.#usage, this.#context);
    // It had less time than a vendor is given: that is not its fault.
    if (result?.outcome === "failed" && result.fault === tooLate && this.#patience.cutShort(run))
      result.fault = turnOver;
    if (run.usefulAtMs === null && run.call.useful) this.#becomeUseful(run);
    if (result === null) return null;
    if (result.outcome === "failed") {
      if (result.fault === tooLate) this.#noteWait(run);
      this.#noteFall(run, result);
      const other = run === this.#run ? this.#rival : this.#run;
      if (this.#rival === null || other === null) return result;
      // The other one is at work already: nothing to wait for.
      void this.#finish(run, result);
      this.#tellFailover(other.link.provider.name, this.#fallen?.atMs ?? 0);
      this.#standAlone(other, run);
      return null;
    }
    if (result.outcome === "completed" && this.#rival !== null) this.#overtake(run);
    return result;
  }

  /** One deadline is what a turn waits, not one for each stage that hangs. */
  #noteWait(run: LinkRun<Request, Event>): void {
    const { clock, conversation } = this.#context;
    if (run.link.provider.name === floorName) return;
    const midway = run.usefulAtMs !== null;
    this.#waits = midway ? Math.max(1, this.#waits) : this.#waits + 1;
    if (midway) return;
    Object.assign(conversation ?? {}, { waitedAtMs: clock.nowMs(), waits: this.#waits });
    // Whoever stood beside it may hang as well: the spare stands beside that one.
    this.#mayHedge = this.#hedgeable;
  }

  #noteFall(run: LinkRun<Request, Event>, result: LinkResult & { outcome: "failed" }): void {
    // A vendor without a place has not failed, and who comes next takes nothing over.
    if (foundFull(result)) return;
    this.#fallen = {
      name: run.link.provider.name,
      code: result.fault.code,
      atMs: this.#context.clock.nowMs() - result.overdueMs,
      midway: this.#fallen?.midway === true || run.usefulAtMs !== null,
      told: false,
    };
  }

  #becomeUseful(run: LinkRun<Request, Event>): void {
    const { clock, conversation, observer } = this.#context;
    run.usefulAtMs = clock.nowMs();
    this.#patience.met();
    if (this.#rival !== null) this.#overtake(run);
    const fromMs = usefulFromMs(run);
    run.admission?.useful(fromMs === null ? null : run.usefulAtMs - fromMs);
    this.#mayHedge = false;
    const { name } = run.link.provider;
    observer?.useful?.(name);
    if (conversation === undefined) return;
    // Vendors are well again, or not all of them were ill.
    if (name !== floorName && conversation.waits !== undefined) conversation.waits = 1;
    if (this.#parts.policy.stage !== "tts") return;
    this.#parts.voices.set(conversation, name);
    // A voice that took over inside a sentence stays; the spare's gives way as soon as a vendor is well.
    if (this.#fallen?.midway === true && name !== floorName) conversation.preferred.tts = name;
  }

  /** `winner` was first of the two. */
  #overtake(winner: LinkRun<Request, Event>): void {
    const loser = winner === this.#run ? this.#rival! : this.#run!;
    loser.extra = true;
    // Who had no time to answer is not to blame that the spare was faster.
    const slow = isSlow(loser, this.#context.clock.nowMs());
    // A probe that was not waited for has not shown that its vendor is well.
    const givenUp = winner.link.provider.name === floorName && (slow || loser.admission?.probe === true);
    if (givenUp && slow) this.#noteWait(loser);
    void this.#finish(loser, givenUp ? { outcome: "failed", fault: tooLate, overdueMs: 0 } : cancelled);
    this.#standAlone(winner, loser);
  }

  #standAlone(winner: LinkRun<Request, Event>, loser: LinkRun<Request, Event>): void {
    const [slow, beside] = winner.hedge ? [loser, winner] : [winner, loser];
    this.#run = winner;
    this.#rival = null;
    if (winner.pending !== null) winner.pull.setDue(this.#dueAtMs(winner, this.#context.clock.nowMs()));
    // The winner may die later, and the floor is never used up.
    if (loser.link.provider.name === floorName) this.#queue.push(loser.link);
    if (winner.hedge) this.#context.observer?.overtook?.(winner.link.provider.name);
    this.#parts.options.observer?.hedged?.(
      this.#parts.policy.stage,
      slow.link.provider.name,
      beside.link.provider.name,
      winner.hedge,
    );
  }

  /** Reports a link's end to everybody and drains it. */
  #finish(run: LinkRun<Request, Event>, result: LinkResult): Promise<void> {
    const { clock, observer } = this.#context;
    const { options, policy } = this.#parts;
    const { name, model = "" } = run.link.provider;
    const nowMs = clock.nowMs();
    leaveGuard(run, result, nowMs);
    const attempt = attemptOf(run, policy.stage, result, nowMs);
    if (foundFull(result)) options.observer?.passedOver?.(policy.stage, name, "full");
    else options.onAttempt?.(attempt, this.#context);
    observer?.ended(attempt);
    return drainRun(run, result, this.#usage, clock).then(() =>
      options.observer?.spent?.(
        { stage: policy.stage, provider: name, model, usage: run.usage, extra: run.extra },
        this.#context,
      ),
    );
  }

  // ---- when it is given up ----

  /** The next moment at which something must be done about a link that says nothing. */
  #dueAtMs(run: LinkRun<Request, Event>, nowMs: number): number {
    return Math.min(this.#endAtMs(run, nowMs), this.#hedgeAtMs(run));
  }

  /** True when a silent link's time is really over; starts another beside it when that is what was due. */
  #isOver(run: LinkRun<Request, Event>): boolean {
    const nowMs = this.#context.clock.nowMs();
    const isOver = nowMs >= this.#endAtMs(run, nowMs);
    if (!isOver && nowMs >= this.#hedgeAtMs(run)) this.#hedge();
    return isOver;
  }

  #endAtMs(run: LinkRun<Request, Event>, nowMs: number): number {
    const { deadlineMs, unplayedMs } = this.#context;
    const sinceMs = run.waitingSinceMs ?? nowMs;
    // Nobody comes after the last link: where many wait for it, it is waited for as long as its queue is.
    const queuedMs = run.last ? Math.min(queueMaxMs, run.link.provider.waitMs?.() ?? 0) : 0;
    const dueAtMs = run.call.dueAtMs(run.startedAtMs, sinceMs, run.deadlines) + queuedMs;
    const atMs = Math.min(deadlineMs, dueAtMs, this.#patience.endsAtMs(run));
    if (unplayedMs === undefined || run.usefulAtMs === null || run.last || run.call.unheard) return atMs;
    // A stall: what is unplayed tells how long nobody notices, what the next link needs how long it may be waited for.
    const leastAtMs = sinceMs + Math.max(0, stallLeastMs - (run.call.starvedMs ?? 0));
    if (nowMs < leastAtMs) return Math.min(atMs, leastAtMs);
    const next = this.#nextReady();
    if (next === undefined) return atMs;
    const needMs = this.#needMs(next);
    return Math.min(atMs, Math.max(leastAtMs, nowMs + Math.max(0, unplayedMs() - needMs)));
  }

  /** What `link` would need until it is heard. */
  #needMs({ guard }: Link<Request, Event>): number {
    const ownMs = guard?.latency.quantileMs(slowQuantile) ?? beginMs;
    return ownMs + (this.#parts.options.downstreamMs?.() ?? 0);
  }

  #hedgeAtMs(run: LinkRun<Request, Event>): number {
    if (!this.#mayHedge || this.#rival !== null || run.usefulAtMs !== null) return Number.POSITIVE_INFINITY;
    const ownMs = run.link.guard?.latency.quantileMs(slowQuantile) ?? null;
    const slowMs = ownMs ?? (this.#waits > 0 ? beginMs : null);
    const fromMs = usefulFromMs(run);
    if (slowMs === null || fromMs === null) return Number.POSITIVE_INFINITY;
    // Two that hung are no accident: nobody is left to be well, and the spare need not wait.
    if (this.#waits > 1) return fromMs;
    return fromMs + Math.max(hedgeLeastMs, this.#waits > 0 ? slowMs - this.#spareMs() : slowMs);
  }

  /** What the spare needs to its first useful output: it is to be ready when a vendor turns out to be slow. */
  #spareMs(): number {
    const spare = this.#queue.find(({ provider }) => provider.name === floorName);
    return spare?.guard?.latency.quantileMs(0.5) ?? this.#parts.policy.spareMs;
  }

  /** Starts the next well vendor beside the slow one; the spare, for nothing, in a turn that has waited for a deadline already. */
  #hedge(): void {
    this.#mayHedge = false;
    const { guards } = this.#parts.options;
    const index = this.#queue.findIndex(({ guard, provider }) =>
      this.#waits > 0
        ? provider.name === floorName
        : provider.name !== floorName && guard?.state === "closed" && guard.ready(),
    );
    const link = this.#queue[index];
    if (guards === undefined || link === undefined) return;
    // While enough is left to play nobody waits for this.
    if ((this.#context.unplayedMs?.() ?? 0) > this.#needMs(link)) return;
    if (this.#waits === 0 && !guards.hedges.take()) return;
    const admission = link.guard?.admit() ?? "open";
    if (typeof admission === "string") return;
    this.#queue.splice(index, 1);
    const call = this.#run?.call.beside?.() ?? this.#begin();
    const asked = call.nextRequest(link.provider.name);
    if (asked === null) return admission.end();
    this.#rival = this.#start({ link, admission }, call, asked, true);
  }
}
