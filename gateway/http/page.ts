/** Bundles the page and its worklets in memory when the gateway starts: no build step, nothing to forget to rebuild. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type OutputFile } from "esbuild";
import type { PageAsset } from "./app.ts";

const clientDir = fileURLToPath(new URL("../../client/", import.meta.url));
const pageDir = `${clientDir}page/`;

/** What every browser of the last years takes as it is. */
const targets = ["es2022", "chrome109", "firefox115", "safari16.4"];
/** A file whose name holds its content's hash never changes. */
const hashedCache = "public, max-age=31536000, immutable";
const checkedCache = "no-cache";

/**
 * Bundles the page.
 *
 * @param options.minify - default true
 * @returns every file by its path; `/` is the page itself
 * @throws the bundler's error, with file and line, if a source is broken (a bug of ours, so no GatewayError)
 */
export async function loadPage(options: { minify?: boolean } = {}): Promise<Map<string, PageAsset>> {
  const common: BuildOptions = {
    bundle: true,
    minify: options.minify ?? true,
    write: false,
    format: "esm",
    target: targets,
    outdir: "/assets",
    entryNames: "[name]-[hash]",
    legalComments: "none",
    logLevel: "silent",
  };
  const worklets = await bundle(common, ["worklets/microphone-worklet.ts", "worklets/player-worklet.ts"]);
  const page = await bundle(
    {
      ...common,
      define: {
        MICROPHONE_WORKLET_URL: JSON.stringify(pathOf(worklets, "microphone-worklet", ".js")),
        PLAYER_WORKLET_URL: JSON.stringify(pathOf(worklets, "player-worklet", ".js")),
      },
    },
    ["page/page.ts", "page/page.css"],
  );
  const [html, favicon] = await Promise.all([
    readFile(`${pageDir}index.html`, "utf8"),
    readFile(`${pageDir}favicon.svg`),
  ]);
  const assets = new Map<string, PageAsset>();
  for (const file of [...worklets, ...page]) {
    const contentType = file.path.endsWith(".css")
      ? "text/css; charset=utf-8"
      : "text/javascript; charset=utf-8";
    assets.set(assetPath(file), makeAsset(file.contents, contentType, hashedCache));
  }
  const linked = link(
    link(html, '"page.css"', pathOf(page, "page", ".css")),
    '"page.ts"',
    pathOf(page, "page", ".js"),
  );
  const body =
    options.minify === false ? linked : linked.replaceAll(/<!--.*?-->/gs, "").replaceAll(/\s+/g, " ");
  assets.set("/", makeAsset(Buffer.from(body), "text/html; charset=utf-8", checkedCache));
  assets.set("/favicon.svg", makeAsset(favicon, "image/svg+xml", checkedCache));
  return assets;
}

async function bundle(options: BuildOptions, entryPoints: string[]): Promise<OutputFile[]> {
  const { outputFiles = [] } = await build({
    ...options,
    absWorkingDir: clientDir,
    entryPoints,
    outbase: clientDir,
  });
  return outputFiles;
}

function assetPath(file: OutputFile): string {
  return `/assets/${basename(file.path)}`;
}

/** Where the bundle of an entry point is served. */
function pathOf(files: OutputFile[], name: string, extension: string): string {
  const file = files.find(({ path }) => basename(path).startsWith(`${name}-`) && path.endsWith(extension));
  if (file === undefined) throw new Error(`the bundler made no ${name}${extension}`);
  return assetPath(file);
}

/** Puts an asset's path where the page's source names the file it is made from. */
function link(html: string, quotedSource: string, path: string): string {
  if (html.split(quotedSource).length !== 2) throw new Error(`index.html must name ${quotedSource} once`);
  return html.replace(quotedSource, JSON.stringify(path));
}

function makeAsset(contents: Uint8Array, contentType: string, cacheControl: string): PageAsset {
  const body = Buffer.from(contents);
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  return { body, contentType, etag, cacheControl };
}
