/** Tokens by rule of thumb: four for three words, the usual relation of English words to a model's tokens. */
import type { AiRequest } from "../provider.ts";
import { countWords } from "./embedded/speech.ts";

/** @returns estimate; 0 for no words, never a fraction */
export function estimateTokens(text: string): number {
  return tokensOfWords(countWords(text));
}

/** @returns tokens for that many words */
export function tokensOfWords(words: number): number {
  return Math.ceil((words * 4) / 3);
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
