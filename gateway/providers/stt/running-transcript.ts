/** What a streaming recogniser has said so far: words that stand, and a guess at those after them. */

import type { ProviderFault } from "../provider.ts";
import { vendorFault } from "../vendor-fault.ts";

/** A vendor's guess may replace itself for long; more text than anybody says in a turn is rubbish. */
const maxChars = 100_000;
/** A guess of one or two words may have been a noise. */
const sureGuessWords = 3;

export class RunningTranscript {
  readonly #finals: string[] = [];
  #chars = 0;
  #guess = "";
  /** Words up to here stand. */
  finalUntil: number;
  /** Words, or the guess, reach to here. */
  heardUntil: number;
  /** A guess of several words became final as none: that is no change of mind, the recogniser failed. */
  tookBack = false;

  constructor(fromSample: number) {
    this.finalUntil = fromSample;
    this.heardUntil = fromSample;
  }

  /** All words so far, one blank between. */
  get text(): string {
    return joinWords([...this.#finals, this.#guess]);
  }

  /** Only the words that stand. */
  get finalText(): string {
    return joinWords(this.#finals);
  }

  /** Replaces the guess. */
  guess(text: string, untilSample: number): void {
    if (text.length > maxChars) return;
    this.#guess = text;
    this.heardUntil = Math.max(this.finalUntil, untilSample);
  }

  /** Words that stand; the guess was about them. */
  settle(text: string, untilSample: number): void {
    if (text.trim() === "" && this.#guess.split(" ").length >= sureGuessWords) this.tookBack = true;
    this.#guess = "";
    this.#chars += text.length;
    if (text.trim() !== "" && this.#chars <= maxChars) this.#finals.push(text);
    this.finalUntil = Math.max(this.finalUntil, untilSample);
    this.heardUntil = this.finalUntil;
  }

  /** Nothing better comes: the guess stands. */
  settleGuess(untilSample: number): void {
    this.settle(this.#guess, untilSample);
  }

  dropGuess(): void {
    this.#guess = "";
    this.heardUntil = this.finalUntil;
  }
}

/** Texts one after the other with one blank between words; empty ones leave nothing. */
export function joinWords(texts: readonly string[]): string {
  return texts
    .join(" ")
    .split(/\s+/)
    .filter((word) => word !== "")
    .join(" ");
}

/** Characters that were cut or are none: a transcript that holds them is rubbish. */
export function isBrokenText(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\u0000-\u0008\u000e-\u001f\u007f\ufffd]/.test(text);
}

/** What a recogniser is told that took all its words back. */
export const wordsTakenBack: Readonly<ProviderFault> = vendorFault("the recogniser took all its words back");
