/**
 * Short utterances that are about the conversation itself: more of it, again, yes, no, and questions that lean on what
 * was said before. All take normalised words (`normalise`).
 */
import { extractTerms } from "./words.ts";

const polite = "(?:\\s+(?:please|then|now|for me|parley))*";
const yesWords =
  "yes|yeah|yep|yup|sure|of course|certainly|absolutely|definitely|please do|please|go ahead|why not|i would|that would be (?:nice|great)|ok|okay|mm hmm|uh huh|oh";
const more =
  "tell me (?:some )?more|say more|more|go on|go ahead|continue|carry on|keep (?:going|talking)|what else|anything else|is there (?:anything else|something else|more)|and then(?: what)?|more details?|give me (?:some )?more(?: details?)?|(?:tell me )?more about (?:it|that|this)|elaborate|explain (?:it|that)(?: more| further)?|finish(?: your sentence| that)?";
const again =
  "say (?:that|it|this) (?:again|once more|one more time)|say again|repeat(?: (?:that|it|this|yourself|your(?: last)? (?:answer|sentence)|what you (?:just )?said|the (?:last )?(?:answer|sentence)))?(?: again| once more| one more time)?|what (?:did you|was it you|were you|have you) (?:just )?(?:say|said|saying)|(?:i )?(?:beg your )?pardon(?: me)?|what was that|come again|once more|one more time|again|what|huh|i (?:did not|could not) (?:hear|catch|get|understand) (?:you|that|it)(?: all)?|i missed that|sorry what|excuse me what";

const stops =
  "stop(?: it| that| this| talking| speaking)?|be quiet|quiet|shut up|silence|never mind|nevermind|forget (?:it|that)|enough|that (?:is|was|will be) enough|cancel(?: it| that)?|no more|hush|pause|that will do";
const waits =
  "hold on|wait|one moment|just a (?:moment|second|minute)|one second|hang on|give me a (?:moment|second|minute)|let me think";
/** What people say around a call to stop or to wait. */
const aroundStops =
  "please|no|hey|ok|okay|alright|oh|now|there|parley|thanks|thank you|a (?:bit|moment|second|minute)";
const stopMatcher = new RegExp(
  `^(?:(?:${aroundStops}|${waits})\\s+)*(?:${stops})(?:\\s+(?:${stops}|${waits}|${aroundStops}))*$`,
);
const waitMatcher = new RegExp(
  `^(?:(?:${aroundStops})\\s+)*(?:${waits})(?:\\s+(?:${waits}|${aroundStops}))*$`,
);

const moreMatcher = new RegExp(
  `^(?:(?:${yesWords}|and)\\s+)*(?:${more})(?: about (?:it|that|this))?${polite}$`,
);
const againMatcher = new RegExp(
  `^(?:(?:i am )?(?:sorry|pardon|excuse)(?: me)? )?(?:(?:can|could|would|will) you )?(?:please )?(?:${again})${polite}(?: again)?$`,
);
const yesMatcher = new RegExp(`^(?:(?:${yesWords})\\s*)+(?:i do|it is)?$`);
const noMatcher =
  /^(?:(?:no|nope|nah|not (?:now|really|today)|no thanks|no thank you|i do not)\s*)+(?:thanks|thank you|please|i am (?:fine|good))?$/;
const wordingMatcher = /\bin (?:your own|other|simpler|simple|different) words\b|\bparaphrase\b|\brephrase\b/;
const bareWhy = /^(?:and |but |so )*(?:why|how so|how|how come|why is (?:that|it)|why not|really)$/;

const pointer = /\b(?:it|its|that|this|they|them|their|those|these|there|one|ones|the same)\b/;
const leaning = /^(?:and|but|what about|how about|or|why|how come|what if|then|also|so)\b/;

/** "go on", "yes, tell me more". */
export function asksForMore(plain: string): boolean {
  return moreMatcher.test(plain);
}

/** "stop", "no, wait, stop please", "that's enough, thank you". */
export function asksToStop(plain: string): boolean {
  return stopMatcher.test(plain);
}

/** "wait", "hold on a second". */
export function asksToWait(plain: string): boolean {
  return waitMatcher.test(plain);
}

/** "pardon", "say that again", "what did you say". */
export function asksToRepeat(plain: string): boolean {
  return againMatcher.test(plain);
}

/** "say it in your own words". */
export function asksToRephrase(plain: string): boolean {
  return wordingMatcher.test(plain);
}

export function isYes(plain: string): boolean {
  return yesMatcher.test(plain);
}

export function isNo(plain: string): boolean {
  return noMatcher.test(plain);
}

/** Nothing of it can be looked up by itself: it asks about what was just said. */
export function isAboutLastAnswer(plain: string): boolean {
  const asks = [asksToStop, asksToWait, asksForMore, asksToRepeat, asksToRephrase, isYes];
  return asks.some((test) => test(plain)) || bareWhy.test(plain);
}

/** "and how is it measured", "what about the port": a question that needs the one before it. */
export function leansOnContext(plain: string): boolean {
  const terms = extractTerms(plain);
  if (leaning.test(plain) && terms.length <= 3) return true;
  return pointer.test(plain) && terms.length <= 3;
}
