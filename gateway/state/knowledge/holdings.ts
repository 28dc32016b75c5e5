/** Who has which documents, within the limits. */
import { GatewayError } from "../../errors.ts";
import { type Chunk, cutDocument } from "./chunks.ts";
import { type Entry, Shelf } from "./shelf.ts";

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

interface Holding {
  shelf: Shelf;
  documents: Map<string, DocumentSummary>;
  bytes: number;
  passages: number;
}

/** The documents of all tenants. */
export class Holdings {
  readonly #limits: KnowledgeLimits;
  readonly #byTenant = new Map<string, Holding>();
  #bytes = 0;

  constructor(limits: KnowledgeLimits) {
    this.#limits = limits;
  }

  /**
   * Adds or replaces a document.
   *
   * @throws GatewayError `invalid_value`, `body_too_large`, `knowledge_full`; then nothing has changed
   */
  add(document: KnowledgeDocument): { summary: DocumentSummary; entries: Entry[]; removed: Set<Entry> } {
    const { id, tenant } = document;
    const sizeBytes = Buffer.byteLength(document.text);
    const chunks = checkDocument(document, sizeBytes, this.#limits);
    this.#checkRoom(document, sizeBytes, chunks.length);
    const removed = this.remove(id, tenant) ?? new Set<Entry>();
    const empty = () => ({ shelf: new Shelf(), documents: new Map(), bytes: 0, passages: 0 });
    const holding: Holding = this.#byTenant.get(tenant) ?? empty();
    this.#byTenant.set(tenant, holding);
    const entries = holding.shelf.add(id, chunks);
    const title = document.title.trim() || (chunks[0]?.source.split(": ")[0] ?? "") || id;
    const summary = { id, title, tenant, sizeBytes, passages: chunks.length };
    holding.documents.set(id, summary);
    holding.bytes += sizeBytes;
    holding.passages += chunks.length;
    this.#bytes += sizeBytes;
    return { summary, entries, removed };
  }

  /** @returns the passages that are gone; null if the tenant has no such document */
  remove(id: string, tenant: string): Set<Entry> | null {
    const holding = this.#byTenant.get(tenant);
    const known = holding?.documents.get(id);
    if (!holding || !known) return null;
    const removed = holding.shelf.remove(id);
    holding.documents.delete(id);
    holding.bytes -= known.sizeBytes;
    holding.passages -= known.passages;
    this.#bytes -= known.sizeBytes;
    if (holding.documents.size === 0) this.#byTenant.delete(tenant);
    return removed;
  }

  list(tenant: string): DocumentSummary[] {
    return [...(this.#byTenant.get(tenant)?.documents.values() ?? [])];
  }

  /** The shelves of these tenants, each once. */
  shelvesOf(tenants: readonly string[]): Shelf[] {
    return [...new Set(tenants)].flatMap((tenant) => this.#byTenant.get(tenant)?.shelf ?? []);
  }

  get size(): { documents: number; passages: number; passagesWithVector: number; bytes: number } {
    let [documents, passages, passagesWithVector] = [0, 0, 0];
    for (const holding of this.#byTenant.values()) {
      documents += holding.documents.size;
      passages += holding.passages;
      for (const { vector } of holding.shelf.entries.values()) if (vector !== null) passagesWithVector++;
    }
    return { documents, passages, passagesWithVector, bytes: this.#bytes };
  }

  #checkRoom({ id, tenant }: KnowledgeDocument, sizeBytes: number, passages: number): void {
    const limits = this.#limits;
    const holding = this.#byTenant.get(tenant);
    const old = holding?.documents.get(id);
    const refuse = (what: string) => {
      throw new GatewayError("knowledge_full", { message: `The knowledge store is full: it takes ${what}.` });
    };
    if (!holding && this.#byTenant.size >= limits.tenants) refuse(`documents of ${limits.tenants} tenants`);
    if (!old && (holding?.documents.size ?? 0) >= limits.documentsPerTenant) {
      refuse(`${limits.documentsPerTenant} documents a tenant`);
    }
    if ((holding?.passages ?? 0) - (old?.passages ?? 0) + passages > limits.passagesPerTenant) {
      refuse(`${limits.passagesPerTenant} passages a tenant`);
    }
    const grownBytes = sizeBytes - (old?.sizeBytes ?? 0);
    if ((holding?.bytes ?? 0) + grownBytes > limits.bytesPerTenant)
      refuse(`${limits.bytesPerTenant} bytes a tenant`);
    if (this.#bytes + grownBytes > limits.bytesTotal) refuse(`${limits.bytesTotal} bytes for all tenants`);
  }
}

function checkDocument(document: KnowledgeDocument, sizeBytes: number, limits: KnowledgeLimits): Chunk[] {
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
  const chunks = cutDocument(title, text, limits.passagesPerTenant);
  if (chunks.length === 0) {
    throw new GatewayError("invalid_value", { message: "The document holds no prose.", param: "text" });
  }
  return chunks;
}
