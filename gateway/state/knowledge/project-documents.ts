/** The project's own documents: what a gateway knows from its first start. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KnowledgeDocument } from "./holdings.ts";

/** More files than that are no documentation. */
const filesMax = 64;

const projectDir = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * Reads README.md and docs/*.md, the questions and answers first.
 *
 * @param rootDir - the project's folder; default: the one that this file is in
 * @returns documents of the tenant "default"; files that are missing or unreadable are left out
 */
export async function readProjectDocuments(rootDir: string = projectDir): Promise<KnowledgeDocument[]> {
  const inDocs = await readdir(join(rootDir, "docs")).catch(() => []);
  const names = inDocs.filter((name) => name.endsWith(".md")).sort();
  const paths = ["README.md", ...names.map((name) => join("docs", name))].slice(0, filesMax);
  const documents = await Promise.all(
    paths.map(async (path): Promise<KnowledgeDocument | null> => {
      const text = await readFile(join(rootDir, path), "utf8").catch(() => null);
      if (text === null || text.trim() === "") return null;
      return { id: path.replaceAll("\\", "/"), title: "", text, tenant: "default" };
    }),
  );
  return documents.filter((document) => document !== null).sort((a, b) => rank(a.id) - rank(b.id));
}

function rank(id: string): number {
  return id === "docs/faq.md" ? 0 : 1;
}
