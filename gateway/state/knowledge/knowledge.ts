/**
 * What the gateway knows: documents cut into passages, found by meaning and by keywords. In memory. A tenant sees its
 * own documents and the shared ones.
 */
import type { Clock } from "../../clock.ts";
import type { Passage } from "../../providers/provider.ts";
import {
  type DocumentSummary,
  Holdings,
  type KnowledgeDocument,
  type KnowledgeLimits,
  knowledgeLimits,
} from "./holdings.ts";
import { createQueryVectors } from "./query-vectors.ts";
import { mergeRanked, rankPassages } from "./ranking.ts";
import { correctWords } from "./spelling.ts";
import { createVectorMaker, type TextEmbedder } from "./vector-maker.ts";

export interface KnowledgeOptions {
  /** Null: keywords alone. */
  embedder: TextEmbedder | null;
  clock: Clock;
  limits?: Partial<KnowledgeLimits>;
  /** Whose documents everybody sees. Default "default". */
  sharedTenant?: string;
}

export interface Knowledge {
  /**
   * The passages that fit the question best (one of its lines, if it has several), best first, with a `score` that says how likely they answer it (from
   * 0.5 up: probably). Never rejects: without vectors, keywords alone answer.
   */
  retrieve(query: string, options: { tenant: string; k: number; signal: AbortSignal }): Promise<Passage[]>;
  /**
   * Takes a document in: found by keywords from now on, by meaning once its vectors are made.
   *
   * @throws GatewayError `invalid_value` (no id, no prose), `body_too_large` (one document), `knowledge_full`
   */
  add(document: KnowledgeDocument): DocumentSummary;
  /** Adds all of them; the first refusal rejects and those before it stay. */
  load(documents: readonly KnowledgeDocument[] | Promise<readonly KnowledgeDocument[]>): Promise<void>;
  /** A tenant's own documents, in the order of adding. */
  list(tenant: string): DocumentSummary[];
  /** @returns false if the tenant has no such document */
  remove(id: string, tenant: string): boolean;
  /** Resolves when no vector is waiting to be made (or the embedder was given up for now). */
  settled(): Promise<void>;
  /** For metrics. */
  readonly size: { documents: number; passages: number; passagesWithVector: number; bytes: number };
  /** Stops making vectors. */
  close(): void;
}

/** An empty store. */
export function createKnowledge(options: KnowledgeOptions): Knowledge {
  const { embedder, clock } = options;
  const limits = { ...knowledgeLimits, ...options.limits };
  const sharedTenant = options.sharedTenant ?? "default";
  const holdings = new Holdings(limits);
  const vectors = embedder === null ? null : createVectorMaker({ embedder, clock, limits });
  const queries = embedder === null ? null : createQueryVectors({ embedder, clock, limits });

  const add = (document: KnowledgeDocument): DocumentSummary => {
    const { summary, entries, removed } = holdings.add(document);
    vectors?.forget(removed);
    vectors?.make(entries, document.tenant);
    return summary;
  };

  return {
    add,
    remove(id, tenant) {
      const removed = holdings.remove(id, tenant);
      if (removed !== null) vectors?.forget(removed);
      return removed !== null;
    },
    async load(documents) {
      for (const document of await documents) add(document);
    },
    list: (tenant) => holdings.list(tenant),
    async retrieve(query, { tenant, k, signal }) {
      const visible = holdings.shelvesOf([sharedTenant, tenant]);
      const asked = readLines(query, limits);
      if (asked.length === 0 || visible.length === 0) return [];
      const most = Math.min(k, limits.passagesFound);
      const found = await Promise.all(
        asked.map(async (text) => {
          const spelling = correctWords(visible, text);
          const vector = (await queries?.find(spelling.text, { tenant, signal })) ?? null;
          // The embedder is back: passages that it owes their vectors get another chance.
          if (vector !== null) vectors?.wake();
          return rankPassages(visible, { text, spelling, vector }, most);
        }),
      );
      return mergeRanked(found, most).map(({ entry: { id, source, text }, score }) => ({
        id,
        source,
        text,
        score,
      }));
    },
    settled: async () => vectors?.settled(),
    get size() {
      return holdings.size;
    },
    close() {
      vectors?.close();
      queries?.close();
    },
  };
}

/** Ways to ask for the same thing, one a line; what is over the limits is left out. */
function readLines(query: string, limits: KnowledgeLimits): string[] {
  const lines = query.split("\n").map((line) => line.slice(0, limits.queryChars).trim());
  return [...new Set(lines)].filter((line) => line !== "").slice(0, limits.queryLines);
}
