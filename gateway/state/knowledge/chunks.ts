/** Documents cut into passages: a few sentences under one heading. */

import { cutAtWords, splitSentences } from "../../language/sentences.ts";
import { parseMarkdown } from "./markdown.ts";

/** A passage before it has an index. */
export interface Chunk {
  /** The innermost heading, or "". */
  heading: string;
  /** Title and headings, as in "Questions about Parley: What is Parley?". */
  source: string;
  text: string;
  /** Other ways to ask for it; only at a section's first passage. */
  alsoAsked: string[];
}

/** Sizes of a passage; the embedding model reads about 1,000 characters. */
export const chunkLimits = { maxSentences: 5, maxChars: 700 } as const;

/**
 * @param title - the document's title; its own first heading stands in where it is empty
 * @param passagesMax - cutting stops as soon as there are more: the document is too long anyway
 * @returns passages in the document's order; empty when there is no prose in it
 */
export function cutDocument(
  title: string,
  text: string,
  passagesMax: number = Number.POSITIVE_INFINITY,
): Chunk[] {
  const parsed = parseMarkdown(text);
  const name = title.trim() || parsed.title || "";
  const chunks: Chunk[] = [];
  for (const section of parsed.sections) {
    const heading = section.headings.at(-1) ?? "";
    const source = [name, ...section.headings].filter((part) => part !== "").join(": ");
    const sentences = section.paragraphs
      .flatMap(splitSentences)
      .flatMap((sentence) => cutAtWords(sentence, chunkLimits.maxChars));
    for (const [index, group] of groupSentences(sentences).entries()) {
      const alsoAsked = index === 0 ? section.alsoAsked : [];
      chunks.push({ heading, source, text: group.join(" "), alsoAsked });
      if (chunks.length > passagesMax) return chunks;
    }
  }
  return chunks;
}

/** Groups of about the same size, none over the limits. */
function groupSentences(sentences: string[]): string[][] {
  const groups: string[][] = [];
  let open: string[] = [];
  let chars = 0;
  for (const sentence of sentences) {
    const full = open.length >= chunkLimits.maxSentences || chars + sentence.length > chunkLimits.maxChars;
    if (full && open.length > 0) {
      groups.push(open);
      open = [];
      chars = 0;
    }
    open.push(sentence);
    chars += sentence.length + 1;
  }
  if (open.length > 0) groups.push(open);
  return groups;
}
