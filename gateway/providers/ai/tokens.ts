/** Tokens by rule of thumb: four for three words, the usual relation of English words to a model's tokens. */
import type { AiRequest } from "../provider.ts";
import type { StreamCall } from "../vendor-stream.ts";
import { countWords } from "./embedded/speech.ts";

/** @returns estimate; 0 for no words, never a fraction */
export function estimateTokens(text: string): number {
  return tokensOfWords(countWords(text));
}

/** @returns tokens for that many words */
export function tokensOfWords(words: number): number {
  return Math.ceil((words * 4) / 3);
}

/**
 * Runs `answer`. What a vendor was given to read is charged, also where the call was given up before it said how much that
 * was: the most that it can have read. A refusal says that it read nothing.
 */
export async function countRead<T>(
  { signal, usage }: Pick<StreamCall<never>, "signal" | "usage">,
  request: AiRequest,
  answer: () => Promise<T>,
): Promise<T> {
  try {
    return await answer();
  } finally {
    if (signal.aborted) usage.inputTokens ??= estimateInputTokens(request);
  }
}

/** Everything that the answerer reads. */
export function estimateInputTokens({ instructions, messages, passages }: AiRequest): number {
  let words = countWords(instructions);
  for (const message of messages) {
    if (message.role === "toolCall") words += countWords(message.arguments) + 1;
    else words += countWords(message.role === "toolOutput" ? message.output : message.text);
  }
  for (const { text } of passages) words += countWords(text);
  return tokensOfWords(words);
}
