/** One tenant's passages with their keyword index (BM25) and their vectors; in memory. */
import { extractTerms, isStopWord, joinPairs, splitWords, stem } from "../../language/words.ts";
import type { Chunk } from "./chunks.ts";

/** A passage on its shelf. */
export interface Entry extends Chunk {
  id: string;
  documentId: string;
  /** Times that a term occurs, the heading's counted twice. */
  terms: Map<string, number>;
  /** Sum of `terms`. */
  length: number;
  /** The words of each question that it answers (heading, other ways to ask), stemmed, stop words as they are. */
  questions: ReadonlySet<string>[];
  /** Of heading and text, of length 1; null until it was made. */
  vector: Float32Array | null;
  /** Of the same questions; empty until they were made. */
  questionVectors: Float32Array[];
}

/** How much more a word in a heading counts than one in the text. */
const headingWeight = 2;

/** The texts whose vectors `entry` wants: heading and text together, and each question that it answers. */
export function textsToEmbed(entry: Chunk): { full: string; questions: string[] } {
  const { heading, text, alsoAsked } = entry;
  return {
    full: heading === "" ? text : `${heading} ${text}`,
    questions: heading.endsWith("?") ? [heading, ...alsoAsked] : alsoAsked,
  };
}

/** Passages and postings of one tenant. Not bounded itself: `createKnowledge` checks the limits before it adds. */
export class Shelf {
  readonly entries = new Map<string, Entry>();
  readonly #postings = new Map<string, Map<Entry, number>>();
  /** A term as it was first written. */
  readonly #surfaces = new Map<string, string>();
  #totalLength = 0;

  get averageLength(): number {
    return this.entries.size === 0 ? 1 : this.#totalLength / this.entries.size;
  }

  /** Every term that occurs on the shelf, with a word that it stands for. */
  get surfaces(): ReadonlyMap<string, string> {
    return this.#surfaces;
  }

  /** A word that the term stands for, normalised. */
  surface(term: string): string {
    return this.#surfaces.get(term) ?? term;
  }

  /** Passages that hold the term, with how often. */
  postings(term: string): ReadonlyMap<Entry, number> | undefined {
    return this.#postings.get(term);
  }

  /** @returns the new entries, in order */
  add(documentId: string, chunks: Chunk[]): Entry[] {
    return chunks.map((chunk, index) => {
      const terms = countTerms(chunk);
      let length = 0;
      for (const count of terms.values()) length += count;
      const entry: Entry = {
        ...chunk,
        ...{ id: `${documentId}#${index}`, documentId, terms, length, vector: null, questionVectors: [] },
        questions: textsToEmbed(chunk).questions.map((question) => new Set(readQuestion(question))),
      };
      this.entries.set(entry.id, entry);
      this.#totalLength += length;
      for (const [term, count] of terms) {
        const list = this.#postings.get(term) ?? new Map<Entry, number>();
        this.#postings.set(term, list);
        list.set(entry, count);
        if (!this.#surfaces.has(term)) this.#surfaces.set(term, term);
      }
      for (const word of splitWords([chunk.heading, chunk.text, ...chunk.alsoAsked].join(" "))) {
        const term = stem(word);
        if (!isStopWord(word) && (this.#surfaces.get(term) ?? term) === term) this.#surfaces.set(term, word);
      }
      return entry;
    });
  }

  /** @returns the entries that are gone */
  remove(documentId: string): Set<Entry> {
    const removed = new Set<Entry>();
    for (const entry of this.entries.values()) {
      if (entry.documentId !== documentId) continue;
      removed.add(entry);
      this.entries.delete(entry.id);
      this.#totalLength -= entry.length;
      for (const term of entry.terms.keys()) {
        const list = this.#postings.get(term);
        list?.delete(entry);
        if (list?.size !== 0) continue;
        this.#postings.delete(term);
        this.#surfaces.delete(term);
      }
    }
    return removed;
  }
}

/** All words of a question, stemmed, stop words as they are: "who" and "where" tell questions apart. */
export function readQuestion(text: string): string[] {
  return splitWords(text).map((word) => (isStopWord(word) ? word : stem(word)));
}

function countTerms({ heading, text, alsoAsked }: Chunk): Map<string, number> {
  const terms = new Map<string, number>();
  const count = (from: string, weight: number) => {
    for (const term of extractTerms(from)) terms.set(term, (terms.get(term) ?? 0) + weight);
    // "barge-in" is heard as one word, too.
    for (const [joined] of from.matchAll(/\p{L}+(?:-\p{L}+)+/gu)) {
      for (const term of joinPairs(joined)) terms.set(term, (terms.get(term) ?? 0) + weight);
    }
  };
  count(heading, headingWeight);
  count(text, 1);
  for (const question of alsoAsked) count(question, 1);
  return terms;
}
