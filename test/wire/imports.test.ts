import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const folder = join(import.meta.dirname, "../../wire");

/** What a file imports when it runs; types are gone by then. */
function runtimeImports(path: string): string[] {
  const source = readFileSync(path, "utf8");
  return [...source.matchAll(/^(?:import|export)(?! type)[^;]*? from "([^"]+)"/gms)].map(
    (match) => match[1]!,
  );
}

const filesIn = (path: string) =>
  readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(path, entry.name));

describe("wire", () => {
  it("costs a browser no package: its files import nothing but each other", () => {
    const imports = filesIn(folder).flatMap(runtimeImports);
    expect(imports.filter((name) => !/^\.\/[a-z0-9-]+\.ts$/.test(name))).toEqual([]);
  });

  it("lets its schemas import zod and nothing else of anyone's", () => {
    const imports = new Set(filesIn(join(folder, "schemas")).flatMap(runtimeImports));
    expect([...imports].filter((name) => !name.startsWith("./"))).toEqual(["zod"]);
  });
});
