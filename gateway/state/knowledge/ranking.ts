/** How well passages fit a question: keywords and cosine, and one score out of both. */
import { extractTerms, isStopWord, joinPairs } from "../../language/words.ts";
import { type Entry, readQuestion, type Shelf } from "./shelf.ts";
import type { Spelling } from "./spelling.ts";

/** A term of the question as the shelves know it. */
interface QueryTerm {
  /** The shelves' own spelling; null if no passage holds it. */
  term: string | null;
  /** 1 for the very word, less for one that only resembles it. */
  weight: number;
  idf: number;
}

/** What speaks for a passage. */
export interface Evidence {
  /** Of the question's vector to the passage's (the better of passage and its heading); null while there is none. */
  cosine: number | null;
  /** Share of the question's content, by rarity, that the passage holds; 0 to 1. */
  coverage: number;
  /** BM25 over what it could be at best, 0 to 1. */
  keywordRatio: number;
  /**
   * How much the question resembles one that the passage answers, word by word, by rarity; 0 to 1. Null where it names
   * none, and beside a cosine.
   */
  likeness: number | null;
}

export interface Ranked extends Evidence {
  entry: Entry;
  score: number;
}

const k1 = 1.2;
const b = 0.5;
/** A word one letter off counts this much. */
const similarWeight = 0.8;
/** Terms of a question that are looked at. */
export const queryTermsMax = 32;

/** What is looked for. */
export interface RankedQuery {
  text: string;
  spelling: Spelling;
  /** Of length 1; null: keywords alone. */
  vector: Float32Array | null;
}

/**
 * Ranks the passages of all shelves.
 *
 * @returns the best `k`, best first; passages without any evidence are left out
 */
export function rankPassages(
  shelves: readonly Shelf[],
  { text, spelling, vector }: RankedQuery,
  k: number,
): Ranked[] {
  const rarity = measureRarity(shelves);
  const terms = readQuery(rarity, text, spelling);
  const keywords = scoreKeywords(shelves, terms);
  const asked = vector === null ? new Set(readQuestion(spelling.text)) : null;
  const best: Ranked[] = [];
  for (const shelf of shelves) {
    for (const entry of shelf.entries.values()) {
      const found = keywords.get(entry);
      const cosine = vector === null ? null : bestCosine(entry, vector);
      if (found === undefined && (cosine === null || cosine <= 0)) continue;
      const likeness = asked === null ? null : likenessOf(asked, entry, rarity.idf);
      const evidence = {
        cosine,
        likeness,
        coverage: found?.coverage ?? 0,
        keywordRatio: found?.keywordRatio ?? 0,
      };
      insertRanked(best, { entry, ...evidence, score: scoreEvidence(evidence) }, k);
    }
  }
  return best;
}

/** The best `k` of several rankings, each passage once with its best score; the earlier ranking wins a tie. */
export function mergeRanked(rankings: readonly Ranked[][], k: number): Ranked[] {
  const best = new Map<Entry, Ranked>();
  for (const ranked of rankings.flat()) {
    const before = best.get(ranked.entry);
    if (before === undefined || ranked.score > before.score) best.set(ranked.entry, ranked);
  }
  return [...best.values()].sort((a, b) => b.score - a.score).slice(0, k);
}

/**
 * Chance that the passage answers the question, as far as the evidence tells: a logistic curve whose weights were set so
 * that 0.5 parts questions about the project's own documents (75, mostly over 0.7) from questions about anything else
 * (35, mostly under 0.2); test/state/knowledge-questions.ts has both. Without a cosine most
 * of them are answered and few wrongly; the rest is "I don't know".
 */
export function scoreEvidence({ cosine, coverage, keywordRatio, likeness }: Evidence): number {
  const logit =
    cosine === null
      ? likeness === null
        ? -6.5 + 5.2 * coverage + 3 * keywordRatio
        : -6 + 3 * coverage + 4 * keywordRatio + 8 * likeness
      : -5.6 + 9.2 * cosine + 2.6 * coverage + keywordRatio;
  return 1 / (1 + Math.exp(-logit));
}

function insertRanked(best: Ranked[], candidate: Ranked, k: number): void {
  if (best.length >= k && candidate.score <= (best.at(-1)?.score ?? 0)) return;
  let at = best.length;
  while (at > 0 && (best[at - 1]?.score ?? 0) < candidate.score) at--;
  best.splice(at, 0, candidate);
  if (best.length > k) best.pop();
}

function bestCosine(entry: Entry, vector: Float32Array): number | null {
  let best = entry.vector === null ? null : dot(entry.vector, vector);
  for (const question of entry.questionVectors) best = Math.max(best ?? -1, dot(question, vector));
  return best;
}

function dot(left: Float32Array, right: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < left.length; i++) sum += (left[i] ?? 0) * (right[i] ?? 0);
  return sum;
}

interface Rarity {
  /** Passages that hold the term. */
  frequency(term: string): number;
  /** Of a term that so many passages hold. */
  idfOf(count: number): number;
  idf(term: string): number;
}

function measureRarity(shelves: readonly Shelf[]): Rarity {
  const total = shelves.reduce((sum, shelf) => sum + shelf.entries.size, 0);
  const frequency = (term: string) =>
    shelves.reduce((sum, shelf) => sum + (shelf.postings(term)?.size ?? 0), 0);
  const idfOf = (count: number) => Math.log(1 + (total - count + 0.5) / (count + 0.5));
  return { frequency, idfOf, idf: (term) => idfOf(frequency(term)) };
}

/** What a word like "who" counts beside the idf of words that name something. */
const stopWordWeight = 0.6;

/** Twice what both have over what they have in all (Dice), by rarity; of the entry's questions the best. */
function likenessOf(
  asked: ReadonlySet<string>,
  { questions }: Entry,
  idf: (term: string) => number,
): number | null {
  if (questions.length === 0) return null;
  const weigh = (word: string) => (isStopWord(word) ? stopWordWeight : idf(word));
  const sum = (words: Iterable<string>) => [...words].reduce((total, word) => total + weigh(word), 0);
  const askedWeight = sum(asked);
  let best = 0;
  for (const question of questions) {
    const both = sum([...asked].filter((word) => question.has(word)));
    best = Math.max(best, (2 * both) / (askedWeight + sum(question)));
  }
  return best;
}

function readQuery({ frequency, idfOf }: Rarity, query: string, spelling: Spelling): QueryTerm[] {
  const known = new Map<string, QueryTerm>();
  const unknown: string[] = [];
  for (const term of new Set(extractTerms(query))) {
    if (known.size + unknown.length >= queryTermsMax) break;
    const count = frequency(term);
    if (count > 0) known.set(term, { term, weight: 1, idf: idfOf(count) });
    else unknown.push(term);
  }
  const joined = joinPairs(query).filter((term) => !known.has(term));
  for (const term of joined.slice(0, queryTermsMax)) {
    const count = frequency(term);
    if (count === 0) continue;
    known.set(term, { term, weight: 1, idf: idfOf(count) });
    // Its halves were heard as words of their own and are no loss.
    for (const half of [...unknown]) if (term.includes(half)) unknown.splice(unknown.indexOf(half), 1);
  }
  const terms = [...known.values()];
  for (const term of unknown) {
    const similar = spelling.terms.get(term) ?? null;
    terms.push(
      similar === null
        ? { term: null, weight: 0, idf: idfOf(0) }
        : { term: similar, weight: similarWeight, idf: idfOf(frequency(similar)) },
    );
  }
  return terms;
}

function scoreKeywords(
  shelves: readonly Shelf[],
  terms: QueryTerm[],
): Map<Entry, { coverage: number; keywordRatio: number }> {
  const found = new Map<Entry, { coverage: number; keywordRatio: number }>();
  const wanted = terms.reduce((sum, { idf }) => sum + idf, 0);
  if (wanted === 0) return found;
  for (const shelf of shelves) {
    for (const { term, weight, idf } of terms) {
      if (term === null) continue;
      for (const [entry, count] of shelf.postings(term) ?? []) {
        const sums = found.get(entry) ?? { coverage: 0, keywordRatio: 0 };
        found.set(entry, sums);
        const saturation = count / (count + k1 * (1 - b + (b * entry.length) / shelf.averageLength));
        sums.coverage += (weight * idf) / wanted;
        sums.keywordRatio += (weight * idf * saturation) / wanted;
      }
    }
  }
  return found;
}
