/** How one call goes on from link to link of a chain: what the next one is asked, what of its output is handed on. */
import type { Clock } from "../clock.ts";
import type { CallContext, ProviderFault } from "../providers/provider.ts";

/** How long a chain waits for a link, in ms. The last link gets `lastLinkRatio` times as long: nobody comes after it. */
export interface ChainDeadlines {
  /** Until the first event of any kind. */
  connectMs: number;
  /** Until the first useful output (STT: until the final transcript, counted from the utterance's end). */
  usefulMs: number;
  /** Between two events after that (STT: for which the link doesn't read the audio on). */
  stallMs: number;
  lastLinkRatio: number;
}

export interface Continuation<Request, Event> {
  /** What to ask the next link (`link`: its name); null when nothing is left to ask. Called once a link. */
  nextRequest(link?: string): Request | null;
  /**
   * Another one that goes on from the same place, for a link that is asked beside one that has said nothing useful;
   * absent: whoever is asked begins at the call's beginning.
   */
  beside?(): Continuation<Request, Event>;
  /** Takes an event of the link and appends to `out` what is handed on for it. A fault gives the link up. */
  take(event: Event, out: Event[]): ProviderFault | null;
  /** The link (the `last` that may be asked) says that it completed: appends what was held back. A fault if its work is of no use. */
  complete(out: Event[], last?: boolean): ProviderFault | null;
  /**
   * The link failed. "done": nothing is missing; "next": another may go on. Appends to `out` what is still handed on of
   * it (the end of a sound). It may take a moment to find out where the link was.
   */
  fail(out: Event[]): "next" | "done" | Promise<"next" | "done">;
  /** No link is left: appends what is still to be handed on. True: the call completed all the same; absent: it failed. */
  exhausted?(out: Event[]): boolean;
  /** The moment at which the link is given up, if nothing comes before it. */
  dueAtMs(startedAtMs: number, waitingSinceMs: number, deadlines: ChainDeadlines): number;
  /** True from the first useful output of the link that is at work. */
  readonly useful: boolean;
  /** The link is at work on something that nobody hears: its silence is no gap in the sound, and has the whole of `stallMs`. */
  readonly unheard?: boolean;
  /** Gaps inside the link's sound that the listener has heard so far, in ms: many short ones are a stall as well. */
  readonly starvedMs?: number;
  /** From when the time to the first useful output is counted; absent: from the link's start; null: not yet. */
  readonly usefulFromMs?: number | null;
}

/** How a stage's calls continue. */
export interface ChainPolicy<Request, Event> {
  stage: "stt" | "ai" | "tts";
  deadlines: ChainDeadlines;
  /** What the spare of this stage is taken to need to its first useful output, until it has been measured. */
  spareMs: number;
  /**
   * @param dueChanged - to be called when `dueAtMs` changes while no event comes
   * @param context - the call's: what is unplayed, whose conversation it is
   */
  begin(
    request: Request,
    clock: Clock,
    dueChanged: () => void,
    context?: CallContext,
  ): Continuation<Request, Event>;
}

/** The due moment of a link whose output is a plain stream: connect, first useful output, stall. */
export function streamDueAtMs(
  useful: boolean,
  anyEvent: boolean,
  startedAtMs: number,
  waitingSinceMs: number,
  deadlines: ChainDeadlines,
): number {
  if (useful) return waitingSinceMs + deadlines.stallMs;
  const usefulAtMs = startedAtMs + deadlines.usefulMs;
  return anyEvent ? usefulAtMs : Math.min(usefulAtMs, startedAtMs + deadlines.connectMs);
}
