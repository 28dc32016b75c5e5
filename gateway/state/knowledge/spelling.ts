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
  const surfaces = new Map<string, string>();
  const words = splitWords(query);
  let lookUps = 0;
  for (const word of new Set(words)) {
    const term = stem(word);
    if (word.length < minChars || /\d/.test(word) || isStopWord(word)) continue;
    if (shelves.some((shelf) => shelf.postings(term) !== undefined)) continue;
    if (++lookUps > lookUpsMax) break;
    const similar = findSimilar(shelves, word);
    if (similar === null) continue;
    terms.set(term, similar);
    surfaces.set(word, shelves.find((shelf) => shelf.postings(similar))?.surface(similar) ?? similar);
  }
  if (terms.size === 0) return { text: query, terms };
  return { text: words.map((word) => surfaces.get(word) ?? word).join(" "), terms };
}

/** The term of the shelves' most frequent word that is one letter off. */
function findSimilar(shelves: readonly Shelf[], word: string): string | null {
  let best: string | null = null;
  let bestCount = 0;
  for (const shelf of shelves) {
    for (const [term, surface] of shelf.surfaces) {
      if (surface.length < minChars || Math.abs(surface.length - word.length) > 1) continue;
      if (surface[0] !== word[0] && word.length < freeFirstLetterChars) continue;
      if (!isOneEditApart(surface, word)) continue;
      const count = shelf.postings(term)?.size ?? 0;
      if (count > bestCount) [best, bestCount] = [term, count];
    }
  }
  return best;
}
