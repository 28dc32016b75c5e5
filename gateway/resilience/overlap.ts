/**
 * Words that an AI repeats although it was told that they were said. Whoever takes a sentence over often begins
 * with its last words, or with the whole answer again; these are cut before anybody hears them twice.
 */
import { letters } from "../language/words.ts";

/** How far back a repetition is looked for, in words. */
export const overlapWordsMax = 400;

export interface OverlapCutter {
  /** Takes text as it comes; returns what is new of it. Holds back while it may still be a repetition. */
  push(text: string): string;
  /** Nothing follows; returns what was held back and is new. */
  flush(): string;
}

/**
 * @param said - the words before; "" hands everything on unchanged
 */
export function createOverlapCutter(said: string): OverlapCutter {
  const saidWords = words(said).slice(-overlapWordsMax);
  const lastWritten = /\S+(?=\s*$)/.exec(said)?.[0];
  /** Positions in `saidWords` at which the repetition may begin. */
  let candidates = saidWords.map((_, index) => index);
  let buffer = "";
  let scannedTo = 0;
  let matched = 0;
  let cutWords = 0;
  let cutTo = 0;
  let endsAlike = false;
  let state: "matching" | "joining" | "passing" = said === "" ? "passing" : "matching";

  function match(word: string, written: string): void {
    const next: number[] = [];
    for (const start of candidates) {
      if (saidWords[start + matched] !== word) continue;
      if (start + matched + 1 < saidWords.length) next.push(start);
      else {
        cutWords = matched + 1;
        cutTo = scannedTo;
        endsAlike = written === lastWritten;
      }
    }
    candidates = next;
    matched += 1;
  }
  function scan(final: boolean): void {
    const pattern = final ? /\S+/g : /\S+(?=\s)/g;
    pattern.lastIndex = scannedTo;
    while (candidates.length > 0) {
      const found = pattern.exec(buffer);
      if (found === null) return;
      scannedTo = pattern.lastIndex;
      const word = letters(found[0]);
      if (word !== "") match(word, found[0]);
    }
  }
  function resolve(): string {
    // One equal word after a full stop is more likely a new sentence ("No. No one …"), unless it ends one as well.
    const repeated =
      cutWords > 1 || (cutWords === 1 && (endsAlike || !/[.!?…。！？।॥۔؟]["'”’)\]]*\s*$/u.test(said)));
    const rest = repeated ? buffer.slice(cutTo) : buffer;
    buffer = "";
    state = "joining";
    return join(rest);
  }
  function join(given: string): string {
    if (state !== "joining") return given;
    // Who goes on with a sentence likes to begin with dots; they were never in it.
    const text = given.replace(/^\s*(?:\u2026|\.{2,})\s*/u, " ");
    const trimmed = text.trimStart();
    if (trimmed === "") return "";
    state = "passing";
    if (/\s$/u.test(said)) return trimmed;
    if (trimmed !== text) return text;
    const glued =
      /^[\p{P}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text) ||
      /[-–—(\p{Script=Han}]$/u.test(said);
    return glued ? text : ` ${text}`;
  }

  return {
    push(text) {
      if (state === "passing") return text;
      if (state === "joining") return join(text);
      buffer += text;
      scan(false);
      return candidates.length === 0 ? resolve() : "";
    },
    flush() {
      if (state !== "matching") return "";
      scan(true);
      return resolve();
    },
  };
}

function words(text: string): string[] {
  return (text.match(/\S+/g) ?? []).map(letters).filter((word) => word !== "");
}
