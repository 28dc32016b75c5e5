/** A reply that was cut off by speech which turned out to be no words: its rest is said in a response of its own. */
import { advance } from "../turn/ledger.ts";
import { isSpeakable } from "../turn/speakable.ts";
import { restOf } from "./broken-reply.ts";
import type { Change } from "./change.ts";
import { begin, type Resumption, takeAllowance } from "./responding.ts";
import type { BrokenReply, TurnSoFar } from "./state.ts";
import { isBackchannel, isWordless } from "./turn-taking/backchannels.ts";

/**
 * A turn's words are known. If it cut a reply off and says nothing (or is a nod, and the reply had more to say than the
 * sentence that it fell into), the reply's rest is owed.
 *
 * @returns true if so: the turn needs no answer
 */
export function wasNoInterruption(change: Change, itemId: string, text: string, turn: TurnSoFar): boolean {
  const broken = change.state.brokenReply;
  if (broken?.byItemId !== itemId) return false;
  const nod = !isWordless(text);
  if (nod && !(isBackchannel(text) && hasMoreSentences(change, broken))) return false;
  change.set({ brokenReply: { ...broken, due: turn } });
  return true;
}

/** A nod in the last sentence may be the answer to it. */
function hasMoreSentences(change: Change, broken: BrokenReply): boolean {
  const rest = restOf(change, broken);
  return rest.unfinished || /[.!?…]["'”’)\]]*\s+\S/u.test(rest.text);
}

/** Says the rest as soon as nobody speaks and nothing else is said. Called after every step. */
export function sayRest(change: Change): void {
  const { brokenReply: broken, input } = change.state;
  if (!broken?.due || change.inBand) return;
  if (input.utterance?.announced || input.pending.some((entry) => entry.respond)) return;
  change.set({ brokenReply: null });
  const { text, unfinished, prefix } = restOf(change, broken);
  const { request, due } = broken;
  const turn = { ...due, ledger: advance(due.ledger, "endpoint", change.now.atMs) };
  let resumed: Resumption;
  if (isSpeakable(text)) {
    resumed = { recital: text };
    // What the AI was still writing then was not heard at all: it is answered anew, afterwards.
    if (unfinished) change.set({ owedReply: change.state.owedReply ?? turn });
  } else if (request) {
    resumed = { continuing: { ...request, spokenPrefix: request.spokenPrefix + prefix } };
  } else return;
  if (!takeAllowance(change)) return change.refuse("rate_limit_exceeded", null);
  const { voice, format: outputFormat } = broken;
  const outputModality = request?.modality ?? "audio";
  const params = { outOfBand: false, voice, outputFormat, outputModality };
  const apology = resumed.continuing?.apology ?? null;
  const beginning = { params, context: null, waitingFor: [], automatic: true, resumed, rest: broken };
  begin(change, beginning, { ...turn, apology });
}
