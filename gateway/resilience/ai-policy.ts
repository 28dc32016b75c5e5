/** How an AI call goes on at the next link: after the last whole word that was handed on, nothing said twice. */
import type { AiEvent, AiRequest, ProviderFault } from "../providers/provider.ts";
import type { ChainDeadlines, ChainPolicy, Continuation } from "./continuation.ts";
import { streamDueAtMs } from "./continuation.ts";
import type { OverlapCutter } from "./overlap.ts";
import { createOverlapCutter } from "./overlap.ts";

/** What an AI provider yields before its end. */
export type AiChainEvent = AiEvent | { type: "incomplete"; reason: "max_output_tokens" };

export const aiDeadlines: ChainDeadlines = {
  connectMs: 1500,
  usefulMs: 2000,
  stallMs: 1500,
  lastLinkRatio: 4,
};

/** A run of characters without a gap is handed on in parts of this length at most (an address, a script without spaces). */
const heldCharsMax = 64;

const emptyAnswer: ProviderFault = {
  code: "provider_unavailable",
  message: "The answer was empty.",
  retryable: true,
};

/** Who thinks aloud to itself may use up the whole of the caller's limit before it says a word: nobody is blamed. */
const nothingWithinLimit: ProviderFault = {
  ...{ code: "provider_unavailable", message: "The answer's limit was used up before its first word." },
  ...{ retryable: true, blame: "request" },
};

/** What a text holds that was cut inside a character, or was none. */
const notText: ProviderFault = {
  code: "provider_unavailable",
  message: "The answer held what is no text.",
  retryable: true,
};

/** The sign that stands for bytes that mean nothing, and what no text holds. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are meant
const rubbish = /[\ufffd\u0000-\u0008]/;

/**
 * The AI stage's policy. A word is handed on when it is whole, so that a link that dies inside it leaves nothing
 * that the next one would have to unsay. After a tool call nothing is asked again: a tool must not run twice.
 */
export const aiPolicy: ChainPolicy<AiRequest, AiChainEvent> = {
  stage: "ai",
  deadlines: aiDeadlines,
  spareMs: 0,
  begin(request) {
    return createAiContinuation(request);
  },
};

function createAiContinuation(request: AiRequest): Continuation<AiRequest, AiChainEvent> {
  let said = request.spokenPrefix;
  let held = "";
  let overlap: OverlapCutter = createOverlapCutter("");
  let useful = false;
  let anyEvent = false;
  /** The link's word that the limit cut its answer: handed on with its end. */
  let incomplete: AiChainEvent | null = null;
  /** A function call has begun and is not whole. */
  let writing = false;
  let wrote = false;
  /** A call comes whole from some vendors, without a sign of it before. */
  const mayCall = request.tools.length > 0 && request.toolChoice !== "none";
  /** Calls that were handed on, by their ids: a vendor that repeats one must not run it twice. */
  const called = new Set<string>();

  function hand(text: string, out: AiChainEvent[], all: boolean): void {
    const whole = held + text;
    const cut = all || held.length > heldCharsMax ? whole.length : wordsEnd(whole);
    const delta = whole.slice(0, cut);
    if (delta.trim() === "") {
      // Spaces go out with the word after them: a link that gives nothing else leaves no trace.
      held = all ? "" : whole;
      return;
    }
    held = whole.slice(cut);
    said += delta;
    useful = true;
    out.push({ type: "text", delta });
  }

  return {
    get useful() {
      return useful || writing;
    },
    get unheard() {
      // After a whole sentence a call may be on its way.
      return writing || (mayCall && sentenceEnd.test((said + held).slice(-8)));
    },
    nextRequest() {
      useful = false;
      anyEvent = false;
      writing = false;
      wrote = false;
      incomplete = null;
      overlap = createOverlapCutter(said);
      return said === request.spokenPrefix ? request : { ...request, spokenPrefix: said };
    },
    beside: () => createAiContinuation({ ...request, spokenPrefix: said }),
    take(event, out) {
      anyEvent = true;
      writing = event.type === "writing";
      wrote ||= writing;
      if (event.type === "writing") return null;
      if (event.type === "text") {
        const broken = event.delta.search(rubbish);
        hand(overlap.push(broken < 0 ? event.delta : event.delta.slice(0, broken)), out, false);
        return broken < 0 ? null : notText;
      }
      if (event.type === "incomplete") {
        incomplete = event;
        return null;
      }
      if (called.has(event.callId)) return null;
      hand(overlap.flush(), out, true);
      useful = true;
      called.add(event.callId);
      out.push(event);
      return null;
    },
    complete(out) {
      hand(overlap.flush(), out, true);
      // After a whole sentence that was said before, nothing more to say is an answer; in mid-sentence, or out of
      // nothing, it is a fault.
      const isCutCall = wrote && incomplete !== null;
      if (!useful && !isCutCall && !sentenceEnd.test(said) && called.size === 0)
        return incomplete !== null && request.maxOutputTokens !== null ? nothingWithinLimit : emptyAnswer;
      if (incomplete !== null) out.push(incomplete);
      return null;
    },
    fail() {
      held = "";
      return called.size > 0 ? "done" : "next";
    },
    dueAtMs: (startedAtMs, waitingSinceMs, deadlines) =>
      streamDueAtMs(useful || writing, anyEvent || mayCall, startedAtMs, waitingSinceMs, deadlines),
  };
}

const sentenceEnd = /[.!?…。！？｡।॥۔؟]["'”’»)\]]*\s*$/u;

/** Where the last whole word of `text` ends: after its last space, or its last character of a script without spaces. */
function wordsEnd(text: string): number {
  for (let index = text.length - 1; index >= 0; index -= 1) {
    const code = text.charCodeAt(index);
    if (code === 32 || code === 10 || code === 9 || code === 13) return index + 1;
    if (code >= 0x2e80 && code < 0xd800) return index + 1;
  }
  return 0;
}
