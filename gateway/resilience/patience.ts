/** How long one call may wait for vendors in all: what the turn's stages before it left of the turn's time. */
import type { CallContext } from "../providers/provider.ts";
import { floorName } from "./guard.ts";
import type { Link, LinkRun } from "./link-run.ts";
import { promptLeastMs, usefulFromMs } from "./link-run.ts";

/** A turn whose vendor hung has waited enough: from then on the spare is started beside a vendor that says nothing. */
const waitedForMs = 8000;

/** Vendors that hung one after the other in this turn, in the stages before. */
export function waitsBefore({ clock, conversation }: CallContext): number {
  const { waitedAtMs = Number.NEGATIVE_INFINITY, waits = 1 } = conversation ?? {};
  return clock.nowMs() - waitedAtMs < waitedForMs ? waits : 0;
}

export class Patience {
  readonly #context: CallContext;
  /** Null until somebody is waited for. */
  #endsAtMs: number | null = null;
  #isMet = false;

  constructor(context: CallContext) {
    this.#context = context;
  }

  /** Something useful came: whoever goes on with it has all the time that a vendor is given. */
  met(): void {
    this.#isMet = true;
  }

  /** When a link that said nothing useful is given up for it. The last link and the spare are never. */
  endsAtMs<Request, Event>(run: LinkRun<Request, Event>): number {
    const { patienceMs } = this.#context;
    if (patienceMs === undefined || this.#isMet) return Number.POSITIVE_INFINITY;
    if (this.#endsAtMs === null) {
      const fromMs = usefulFromMs(run);
      // A vendor that is well answers in that time, whatever was lost before.
      if (fromMs !== null) this.#endsAtMs = fromMs + Math.max(promptLeastMs, patienceMs);
    }
    const exempt = run.last || run.link.provider.name === floorName;
    return exempt ? Number.POSITIVE_INFINITY : (this.#endsAtMs ?? Number.POSITIVE_INFINITY);
  }

  /** Whether it, and not the link's own deadline, ended the wait for the link. */
  cutShort<Request, Event>(run: LinkRun<Request, Event>): boolean {
    const { startedAtMs, deadlines, call } = run;
    if (!this.#isOver()) return false;
    return this.#context.clock.nowMs() < call.dueAtMs(startedAtMs, startedAtMs, deadlines);
  }

  /** Whether `link` is not asked any more, so that the spare behind it is. */
  passesOver<Request, Event>(link: Link<Request, Event>, behind: readonly Link<Request, Event>[]): boolean {
    if (link.provider.name === floorName || !this.#isOver()) return false;
    return behind.some(({ provider }) => provider.name === floorName);
  }

  #isOver(): boolean {
    return !this.#isMet && this.#endsAtMs !== null && this.#context.clock.nowMs() >= this.#endsAtMs;
  }
}
