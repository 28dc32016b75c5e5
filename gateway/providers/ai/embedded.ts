/**
 * The embedded answerer: no model, no key, no network. It picks the sentences that answer out of the passages that the
 * turn retrieved, talks small by rules, calls functions where the words plainly ask for one, and says so when it does
 * not know.
 */
import type { Clock } from "../../clock.ts";
import type { AiEvent, AiProvider, AiRequest, CallContext, EndEvent, ProviderFault } from "../provider.ts";
import { type Answer, answerRequest } from "./embedded/answer.ts";
import { continueAfter } from "./embedded/continuation.ts";
import { estimateInputTokens, tokensOfWords } from "./tokens.ts";

export interface EmbeddedAiOptions {
  clock: Clock;
  /** Where "what time is it" is answered for; IANA name. Default: the machine's. */
  timeZone?: string;
}

const providerName = "embedded";
/** Words a delta: small enough to be cut anywhere, large enough not to be an event a word. */
const wordsPerDelta = 4;

/** The answerer; `end.usage` counts four tokens for three words. */
export function createEmbeddedAi({ clock, timeZone }: EmbeddedAiOptions): AiProvider {
  const zone = timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  return {
    name: providerName,
    stream: (request, context) =>
      answer(request, context, () => ({ epochMs: clock.epochMs(), timeZone: zone })),
  };
}

async function* answer(
  request: AiRequest,
  context: CallContext,
  now: () => { epochMs: number; timeZone: string },
): ReturnType<AiProvider["stream"]> extends AsyncIterable<infer Event> ? AsyncGenerator<Event> : never {
  const usage = { inputTokens: 0, outputTokens: 0 };
  const end = (outcome: EndEvent["outcome"], error?: ProviderFault): EndEvent => ({
    ...{ type: "end", outcome, usage, provider: providerName },
    ...(error === undefined ? {} : { error }),
  });
  if (context.signal.aborted) return yield end("cancelled");
  let decided: Answer;
  try {
    usage.inputTokens = estimateInputTokens(request);
    decided = answerRequest(request, now());
  } catch {
    // A bug of ours in one of the rules must not silence the last link of a chain.
    decided = { type: "text", text: "I am sorry, I can't answer that." };
  }
  if (decided.type === "toolCall") {
    usage.outputTokens = tokensOfWords(decided.arguments.split(/\s+/).length + 1);
    yield {
      type: "toolCall",
      callId: `call_${context.clock.randomId(12)}`,
      name: decided.name,
      arguments: decided.arguments,
    };
    return yield end(context.signal.aborted ? "cancelled" : "completed");
  }
  const text = continueAfter(decided.text, request.spokenPrefix, request.passages);
  let words = 0;
  for (const delta of cutDeltas(text)) {
    if (context.signal.aborted) return yield end("cancelled");
    if (context.clock.nowMs() >= context.deadlineMs) return yield end("failed", late);
    const allowed = fitWords(delta, words, request.maxOutputTokens);
    if (allowed !== "") {
      words += countOf(allowed);
      usage.outputTokens = tokensOfWords(words);
      yield { type: "text", delta: allowed } satisfies AiEvent;
    }
    if (allowed !== delta) {
      yield { type: "incomplete", reason: "max_output_tokens" };
      break;
    }
  }
  yield end(context.signal.aborted ? "cancelled" : "completed");
}

const late: ProviderFault = {
  code: "provider_timeout",
  message: "The answer was not taken before its deadline.",
  retryable: true,
};

/** A few words at a time, spaces kept, so that the deltas join to the text. */
function* cutDeltas(text: string): Generator<string> {
  for (const [delta] of text.matchAll(new RegExp(`(?:\\s*\\S+){1,${wordsPerDelta}}\\s*`, "g"))) yield delta;
}

function countOf(text: string): number {
  return text.split(/\s+/).filter(Boolean).length;
}

/** As many whole words of `delta` as the limit leaves after `words`. */
function fitWords(delta: string, words: number, maxOutputTokens: number | null): string {
  if (maxOutputTokens === null || tokensOfWords(words + countOf(delta)) <= maxOutputTokens) return delta;
  let kept = "";
  for (const [word] of delta.matchAll(/\s*\S+\s*/g)) {
    if (tokensOfWords(words + countOf(kept + word)) > maxOutputTokens) break;
    kept += word;
  }
  return kept;
}
