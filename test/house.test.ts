/** The house's own rules, held against every source file: who may import whom, how long a file may be. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const places = ["wire", "gateway", "workers", "client", "loadtest"];
/** "About 400" of the style, with room for a docstring. */
const maxLines = 420;

interface Import {
  target: string;
  typeOnly: boolean;
}

interface Source {
  path: string;
  text: string;
  imports: Import[];
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

/** All imports of a module: static, dynamic, re-exports, and files started as workers by their URL. */
function readImports(path: string, text: string): Import[] {
  const code = withoutComments(text);
  const imports: Import[] = [];
  const add = (specifier: string, typeOnly: boolean) => {
    const target = specifier.startsWith(".") ? posix.join(dirname(path), specifier) : specifier;
    imports.push({ target, typeOnly });
  };
  for (const [, keyword, clause = "", specifier = ""] of code.matchAll(
    /\b(import|export)\s([^;"'`]*?)\sfrom\s*["']([^"']+)["']/g,
  )) {
    const named = /^\{(.*)\}$/s
      .exec(clause.trim())?.[1]
      ?.split(",")
      .map((name) => name.trim())
      .filter(Boolean);
    const typeOnly =
      clause.trim().startsWith("type ") ||
      (keyword === "import" && named?.every((name) => name.startsWith("type ")) === true);
    add(specifier, typeOnly);
  }
  for (const [, specifier = ""] of code.matchAll(/\bimport\s*["']([^"']+)["']/g)) add(specifier, false);
  for (const [, specifier = ""] of code.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g))
    add(specifier, false);
  for (const [, specifier = ""] of code.matchAll(
    /new URL\(\s*["'](\.[^"']+\.ts)["']\s*,\s*import\.meta\.url/g,
  ))
    add(specifier, false);
  return imports;
}

const sources: Source[] = places.flatMap((place) =>
  readdirSync(`${root}/${place}`, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|tsx)$/.test(name) && !name.endsWith(".d.ts"))
    .map((name) => {
      const path = posix.join(place, name.replaceAll("\\", "/"));
      const text = readFileSync(`${root}/${path}`, "utf8");
      return { path, text, imports: readImports(path, text) };
    }),
);

/**
 * The gateway's rooms from the door inwards; a room may import those further in (a higher number) and its own.
 * `main` is everything that builds and hands in.
 */
const depths: Readonly<Record<string, number>> = {
  main: 0,
  http: 1,
  transport: 2,
  adapters: 3,
  session: 4,
  turn: 5,
  resilience: 6,
  providers: 7,
  errors: 8,
};

/** Handed in by main: rooms may know their types, and reach for nothing in them. */
const leaves = new Set(["config", "clock", "telemetry", "state"]);

const filesOfMain =
  /^gateway\/(main|signals|supervisor[a-z-]*|gateway|gateway-process|process-messages|metrics-collector|realtime[a-z-]*)\.ts$/;

/** What rooms agree on: pure, known to everybody. */
const contracts = new Set([
  "gateway/clock.ts",
  "gateway/providers/provider.ts",
  "gateway/transport/contract.ts",
  "gateway/session/domain.ts",
  "gateway/turn/ledger.ts",
  "gateway/turn/reply.ts",
  "gateway/language/words.ts",
  "gateway/language/cues.ts",
  "gateway/language/sentences.ts",
  "workers/audio/messages.ts",
]);

function roomOf(path: string): string {
  if (!path.startsWith("gateway/")) return path.split("/")[0]!;
  if (filesOfMain.test(path)) return "main";
  const [, first = "", second] = path.split("/");
  if (second !== undefined) return first;
  if (/^(config|config-[a-z]+|secret|self-signed|host-names)\.ts$/.test(first)) return "config";
  if (/^(clock|system-clock)\.ts$/.test(first)) return "clock";
  return /^(errors|loopback)\.ts$/.test(first) ? "errors" : first;
}

/** Why an import is against the rules; null when it is not. */
function complaint(from: string, { target, typeOnly }: Import): string | null {
  const isOurs = places.some((place) => target.startsWith(`${place}/`));
  if (!isOurs) return typeOnly ? null : complainOfPackage(from, target);
  const [room, other] = [roomOf(from), roomOf(target)];
  if (room === other || other === "wire") {
    return room === "client" && target.startsWith("wire/schemas/")
      ? "the schemas are too heavy for clients"
      : null;
  }
  switch (room) {
    case "wire":
      return "wire imports nothing of ours";
    case "workers":
      return "workers know the gateway by no import";
    case "client":
      return "a client knows the gateway only by wire";
    case "loadtest":
      return /^workers\/speech\/(flite|resample|utterance)[a-z-]*\.ts$/.test(target) || other === "client"
        ? null
        : "the harness knows the gateway only by wire";
  }
  if (contracts.has(target)) return null;
  if (other === "client" || other === "loadtest") return `the gateway does not import ${other}`;
  if (room === "main" || other === "workers" || other === "errors") return null;
  if (leaves.has(other)) return typeOnly ? null : `${other} is handed in by main, not reached for`;
  if (leaves.has(room)) return "a leaf knows no rooms";
  const [mine, theirs] = [depths[room], depths[other]];
  if (mine === undefined) return `no room is called ${room}`;
  if (theirs === undefined) return `no room is called ${other}`;
  return theirs > mine ? null : `imports point inwards: ${room} may not import ${other}`;
}

function complainOfPackage(from: string, target: string): string | null {
  if (!from.startsWith("wire/")) return null;
  return from.startsWith("wire/schemas/") && target === "zod" ? null : "wire is pure: no packages";
}

describe("the house", () => {
  it("is read at all", () => {
    expect(sources.length).toBeGreaterThan(30);
    const parsed = readImports(
      "gateway/session/a.ts",
      `import type { A } from "./b.ts";\nimport { type C, d } from "../turn/e.ts";\nexport * from "../http/f.ts";
       const g = await import("./g.ts"); // import "./not.ts"
       new Worker(new URL("../h.ts", import.meta.url)); import { type I } from "./i.ts";`,
    );
    expect(parsed).toEqual([
      { target: "gateway/session/b.ts", typeOnly: true },
      { target: "gateway/turn/e.ts", typeOnly: false },
      { target: "gateway/http/f.ts", typeOnly: false },
      { target: "gateway/session/i.ts", typeOnly: true },
      { target: "gateway/session/g.ts", typeOnly: false },
      { target: "gateway/h.ts", typeOnly: false },
    ]);
  });

  it("would complain", () => {
    const value = (target: string) => ({ target, typeOnly: false });
    expect(complaint("gateway/session/a.ts", value("gateway/http/app.ts"))).toBe(
      "imports point inwards: session may not import http",
    );
    expect(complaint("gateway/turn/a.ts", value("gateway/state/knowledge/b.ts"))).toContain("handed in");
    expect(complaint("workers/audio/a.ts", value("gateway/errors.ts"))).not.toBeNull();
    expect(complaint("client/a.ts", value("wire/schemas/b.ts"))).not.toBeNull();
    expect(complaint("loadtest/a.ts", value("gateway/config.ts"))).not.toBeNull();
    expect(complaint("wire/a.ts", value("zod"))).not.toBeNull();
    expect(complaint("gateway/http/a.ts", value("gateway/adapters/b.ts"))).toBeNull();
  });

  it("imports in one direction only", () => {
    const complaints = sources.flatMap(({ path, imports }) =>
      imports.flatMap((one) => {
        const why = complaint(path, one);
        return why === null ? [] : [`${path} → ${one.target}: ${why}`];
      }),
    );
    expect(complaints).toEqual([]);
  });

  it("imports nothing that is not there", () => {
    const paths = new Set(sources.map(({ path }) => path));
    const missing = sources.flatMap(({ path, imports }) =>
      imports
        .filter(
          ({ target }) => places.some((place) => target.startsWith(`${place}/`)) && target.endsWith(".ts"),
        )
        .filter(({ target }) => !paths.has(target))
        .map(({ target }) => `${path} → ${target}`),
    );
    expect(missing).toEqual([]);
  });

  it("imports in no circles", () => {
    const targets = new Map(
      sources.map(({ path, imports }) => [
        path,
        imports.filter((one) => !one.typeOnly).map((one) => one.target),
      ]),
    );
    const state = new Map<string, "open" | "done">();
    const circles: string[] = [];
    const visit = (path: string, trail: string[]): void => {
      if (state.get(path) === "done") return;
      if (state.get(path) === "open") {
        circles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
        return;
      }
      state.set(path, "open");
      for (const target of targets.get(path) ?? []) if (targets.has(target)) visit(target, [...trail, path]);
      state.set(path, "done");
    };
    for (const path of targets.keys()) visit(path, []);
    expect(circles).toEqual([]);
  });

  it(`keeps files under ${maxLines} lines`, () => {
    const long = sources
      .map(({ path, text }) => ({ path, lines: text.split("\n").length }))
      .filter(({ lines }) => lines > maxLines);
    expect(long).toEqual([]);
  });

  it("reads the environment in main.ts alone", () => {
    const readers = sources
      .filter(
        ({ path, text }) =>
          path !== "gateway/main.ts" &&
          !path.startsWith("loadtest/") &&
          /\bprocess\.env\b/.test(withoutComments(text)),
      )
      .map(({ path }) => path);
    expect(readers).toEqual([]);
  });

  it("names files as nouns in kebab-case, with no drawers for odds and ends", () => {
    const odd = sources
      .map(({ path }) => path)
      .filter(
        (path) =>
          !path.split("/").every((part) => /^[a-z0-9]+(-[a-z0-9]+)*(\.worklet|\.as)?(\.tsx?)?$/.test(part)) ||
          /\/(utils?|misc|common|helpers?|index)(\.ts|\/)/.test(path),
      );
    expect(odd).toEqual([]);
  });
});
