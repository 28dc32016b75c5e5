/**
 * What the gateway knows: documents cut into passages, found by meaning and by keywords. In memory. A tenant sees its
 * own documents and the shared ones.
 */
import type { Clock } from "../../clock.ts";
import { GatewayError } from "../../errors.ts";
import type { Passage } from "../../providers/provider.ts";
import { cutDocument } from "./chunks.ts";
import { createQueryVectors } from "./query-vectors.ts";
import { mergeRanked, rankPassages } from "./ranking.ts";
import { Shelf } from "./shelf.ts";
import { correctWords } from "./spelling.ts";
import { createVectorMaker, type TextEmbedder } from "./vector-maker.ts";

/** A document to know. */
export interface KnowledgeDocument {
  /** Unique for its tenant; adding it again replaces it. 1 to 128 characters. */
  id: string;
  /** Spoken of as the source; "" takes the first heading. */
  title: string;
  /** Markdown or plain text. */
  text: string;
  /** Whose it is; `sharedTenant`'s documents are everybody's. */
  tenant: string;
}

/** A document as it is listed. */
export interface DocumentSummary {
  id: string;
  title: string;
  tenant: string;
  sizeBytes: number;
  passages: number;
}

export interface KnowledgeLimits {
  documentsPerTenant: number;
  passagesPerTenant: number;
  bytesPerDocument: number;
  bytesPerTenant: number;
  /** Tenants that have documents of their own. */
  tenants: number;
  /** Over all tenants. */
  bytesTotal: number;
  /** Longest line of a question; the rest is cut off. */
  queryChars: number;
  /** Lines of a question that are looked up. */
  queryLines: number;
  /** Most passages that one retrieval returns. */
  passagesFound: number;
  /** Kept vectors of questions. */
  queryVectors: number;
  /** How long a question's vector may take; then keywords alone answer. */
  queryVectorMs: number;
  /** How long one batch of passages' vectors may take. */
  batchMs: number;
  /** Passages a batch. */
  batchPassages: number;
  /** Failures in a row after which the making of passages' vectors rests until something new comes. */
  batchAttempts: number;
}

export const knowledgeLimits: KnowledgeLimits = {
  documentsPerTenant: 500,
  passagesPerTenant: 5_000,
  bytesPerDocument: 1024 * 1024,
  bytesPerTenant: 8 * 1024 * 1024,
  tenants: 1_000,
  bytesTotal: 64 * 1024 * 1024,
  queryChars: 500,
  queryLines: 2,
  passagesFound: 16,
  queryVectors: 256,
  queryVectorMs: 60,
  batchMs: 20_000,
  batchPassages: 4,
  batchAttempts: 8,
};

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

interface Holding {
  shelf: Shelf;
  documents: Map<string, DocumentSummary>;
  bytes: number;
}

/** An empty store. */
export function createKnowledge(options: KnowledgeOptions): Knowledge {
  const { embedder, clock } = options;
  const limits = { ...knowledgeLimits, ...options.limits };
  const sharedTenant = options.sharedTenant ?? "default";
  const holdings = new Map<string, Holding>();
  const vectors = embedder === null ? null : createVectorMaker({ embedder, clock, limits });
  const queries = embedder === null ? null : createQueryVectors({ embedder, clock, limits });
  let bytesTotal = 0;

  const remove = (id: string, tenant: string): boolean => {
    const holding = holdings.get(tenant);
    const known = holding?.documents.get(id);
    if (!holding || !known) return false;
    const removed = holding.shelf.remove(id);
    vectors?.forget(removed);
    holding.documents.delete(id);
    holding.bytes -= known.sizeBytes;
    bytesTotal -= known.sizeBytes;
    if (holding.documents.size === 0) holdings.delete(tenant);
    return true;
  };

  const add = (document: KnowledgeDocument): DocumentSummary => {
    const { id, tenant } = document;
    const sizeBytes = Buffer.byteLength(document.text);
    const chunks = checkDocument(document, sizeBytes, limits);
    const old = holdings.get(tenant)?.documents.get(id);
    const oldHolding = holdings.get(tenant);
    const passages = [...(oldHolding?.documents.values() ?? [])].reduce((sum, one) => sum + one.passages, 0);
    const refuse = (what: string) => {
      throw new GatewayError("knowledge_full", { message: `The knowledge store is full: ${what}.` });
    };
    const { documentsPerTenant, passagesPerTenant, bytesPerTenant } = limits;
    if (!oldHolding && holdings.size >= limits.tenants) refuse(`${limits.tenants} tenants have documents`);
    if (!old && (oldHolding?.documents.size ?? 0) >= documentsPerTenant)
      refuse(`${documentsPerTenant} documents a tenant`);
    if (passages - (old?.passages ?? 0) + chunks.length > passagesPerTenant)
      refuse(`${passagesPerTenant} passages a tenant`);
    const grownBytes = sizeBytes - (old?.sizeBytes ?? 0);
    if ((oldHolding?.bytes ?? 0) + grownBytes > bytesPerTenant) refuse(`${bytesPerTenant} bytes a tenant`);
    if (bytesTotal + grownBytes > limits.bytesTotal) refuse(`${limits.bytesTotal} bytes for all tenants`);
    remove(id, tenant);
    const holding = holdings.get(tenant) ?? { shelf: new Shelf(), documents: new Map(), bytes: 0 };
    holdings.set(tenant, holding);
    const entries = holding.shelf.add(id, chunks);
    const title = document.title.trim() || (chunks[0]?.source.split(":")[0] ?? id);
    const summary = { id, title, tenant, sizeBytes, passages: chunks.length };
    holding.documents.set(id, summary);
    holding.bytes += sizeBytes;
    bytesTotal += sizeBytes;
    vectors?.make(entries, tenant);
    return summary;
  };

  return {
    add,
    remove,
    async load(documents) {
      for (const document of await documents) add(document);
    },
    list: (tenant) => [...(holdings.get(tenant)?.documents.values() ?? [])],
    async retrieve(query, { tenant, k, signal }) {
      const visible = [...new Set([sharedTenant, tenant])].flatMap((name) => holdings.get(name)?.shelf ?? []);
      const asked = readLines(query, limits);
      if (asked.length === 0 || visible.length === 0) return [];
      const found = await Promise.all(
        asked.map(async (text) => {
          const spelling = correctWords(visible, text);
          const vector = (await queries?.find(spelling.text, { tenant, signal })) ?? null;
          // The embedder is back: passages that it owes their vectors get another chance.
          if (vector !== null) vectors?.wake();
          return rankPassages(visible, { text, spelling, vector }, Math.min(k, limits.passagesFound));
        }),
      );
      return mergeRanked(found, k).map(({ entry: { id, source, text }, score }) => ({
        id,
        source,
        text,
        score,
      }));
    },
    settled: async () => vectors?.settled(),
    get size() {
      let [documents, passages, passagesWithVector] = [0, 0, 0];
      for (const { shelf, documents: own } of holdings.values()) {
        documents += own.size;
        passages += shelf.entries.size;
        for (const { vector } of shelf.entries.values()) if (vector !== null) passagesWithVector++;
      }
      return { documents, passages, passagesWithVector, bytes: bytesTotal };
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

function checkDocument(document: KnowledgeDocument, sizeBytes: number, limits: KnowledgeLimits) {
  const { id, title, text } = document;
  if (id.length === 0 || id.length > 128) {
    throw new GatewayError("invalid_value", {
      message: "A document's id has 1 to 128 characters.",
      param: "id",
    });
  }
  if (title.length > 500) {
    throw new GatewayError("invalid_value", {
      message: "A document's title has at most 500 characters.",
      param: "title",
    });
  }
  if (sizeBytes > limits.bytesPerDocument) {
    const message = `A document has at most ${limits.bytesPerDocument} bytes; this one has ${sizeBytes}.`;
    throw new GatewayError("body_too_large", { message, param: "text" });
  }
  const chunks = cutDocument(title, text);
  if (chunks.length === 0) {
    throw new GatewayError("invalid_value", { message: "The document holds no prose.", param: "text" });
  }
  return chunks;
}
