/** Words that no document holds, taken for one that differs by a letter: what recognisers make of names. */
import { isOneEditApart, isStopWord, splitWords, stem } from "../../language/words.ts";
import type { Shelf } from "./shelf.ts";

export interface Spelling {
  /** The question with such words replaced; normalised if any was, else as it came. */
  text: string;
  /** Term of the question → term of the shelves. */
  terms: ReadonlyMap<string, string>;
}

/** Shorter words have too many neighbours. */
const minChars = 5;
/** From here on the first letter may differ, too. */
const freeFirstLetterChars = 6;
/** Unknown words of one question that are looked up: each one runs over the whole vocabulary. */
const lookUpsMax = 6;

/** Looks every unknown word of the question up among the shelves' words. */
export function correctWords(shelves: readonly Shelf[], query: string): Spelling {
  const terms = new Map<string, string>();
  const unknown = new Set<string>();
  const words = splitWords(query);
  for (const word of words) {
    const term = stem(word);
    const isKnown = isStopWord(word) || shelves.some((shelf) => shelf.postings(term) !== undefined);
    if (!isKnown && word.length >= minChars && !/\d/.test(word)) unknown.add(term);
  }
  const surfaces = new Map<string, string>();
  for (const term of [...unknown].slice(0, lookUpsMax)) {
    const similar = findSimilar(shelves, term);
    if (similar === null) continue;
    terms.set(term, similar.term);
    surfaces.set(term, similar.surface);
  }
  if (terms.size === 0) return { text: query, terms };
  return { text: words.map((word) => surfaces.get(stem(word)) ?? word).join(" "), terms };
}

/** The most frequent word of the shelves that is one letter off. */
function findSimilar(shelves: readonly Shelf[], term: string): { term: string; surface: string } | null {
  let best: { term: string; surface: string } | null = null;
  let bestCount = 0;
  for (const shelf of shelves) {
    for (const word of shelf.vocabulary) {
      if (word.length < minChars - 1 || Math.abs(word.length - term.length) > 1) continue;
      if (word[0] !== term[0] && term.length < freeFirstLetterChars) continue;
      if (!isOneEditApart(word, term)) continue;
      const count = shelf.postings(word)?.size ?? 0;
      if (count > bestCount) {
        best = { term: word, surface: shelf.surface(word) };
        bestCount = count;
      }
    }
  }
  return best;
}
