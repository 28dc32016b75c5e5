/** How one call goes on from link to link of a chain: what the next one is asked, what of its output is handed on. */
import type { Clock } from "../clock.ts";
import type { ProviderFault } from "../providers/provider.ts";

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
  /** What to ask the next link; null when nothing is left to ask. Called once a link. */
  nextRequest(): Request | null;
  /** Takes an event of the link and appends to `out` what is handed on for it. A fault gives the link up. */
  take(event: Event, out: Event[]): ProviderFault | null;
  /** The link says that it completed: appends what was held back. A fault if its work is of no use. */
  complete(out: Event[]): ProviderFault | null;
  /** The link failed: what is held of it is dropped. "done": nothing is missing; "next": another may go on. */
  fail(): "next" | "done";
  /** The moment at which the link is given up, if nothing comes before it. */
  dueAtMs(startedAtMs: number, waitingSinceMs: number, deadlines: ChainDeadlines): number;
  /** True from the first useful output of the link that is at work. */
  readonly useful: boolean;
}

/** How a stage's calls continue. */
export interface ChainPolicy<Request, Event> {
  stage: "stt" | "ai" | "tts";
  deadlines: ChainDeadlines;
  /** @param dueChanged - to be called when `dueAtMs` changes while no event comes */
  begin(request: Request, clock: Clock, dueChanged: () => void): Continuation<Request, Event>;
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
