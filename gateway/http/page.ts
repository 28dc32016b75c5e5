/** Bundles the page, its worklets and its service worker in memory when the gateway starts: no build step, nothing to forget to rebuild. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { type BuildOptions, build, type OutputFile } from "esbuild";
import type { PageAsset } from "./app.ts";

const clientDir = fileURLToPath(new URL("../../client/", import.meta.url));
const pageDir = `${clientDir}page/`;

/** What every browser of the last years takes as it is. */
const targets = ["es2022", "chrome109", "firefox115", "safari16.4"];
/** A file whose name holds its content's hash never changes. */
const hashedCache = "public, max-age=31536000, immutable";
const checkedCache = "no-cache";
const contentTypes: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
  ".webmanifest": "application/manifest+json",
};
/** The rest is compressed by itself. */
const compressible = new Set([".js", ".css", ".html", ".svg", ".webmanifest"]);
/** Files that keep their names, by the path of each in `client/page/`. */
const namedFiles: Readonly<Record<string, string>> = {
  "/favicon.svg": "favicon.svg",
  "/manifest.webmanifest": "manifest.webmanifest",
  "/apple-touch-icon.png": "icons/apple-touch-icon.png",
  "/icon-192.png": "icons/icon-192.png",
  "/icon-512.png": "icons/icon-512.png",
  "/icon-maskable-512.png": "icons/icon-maskable-512.png",
};
/** What the installed page needs to open without its server: what it loads itself, not what the system's launcher does. */
const shellFiles = ["/", "/favicon.svg", "/manifest.webmanifest"];
const serviceWorkerPath = "/service-worker.js";
const packBrotli = promisify(brotliCompress);
const packGzip = promisify(gzip);

/**
 * Bundles the page.
 *
 * @param options.minify - default true
 * @returns every file by its path; `/` is the page itself
 * @throws the bundler's error, with file and line, if a source is broken (a bug of ours, so no GatewayError)
 */
export async function loadPage(options: { minify?: boolean } = {}): Promise<Map<string, PageAsset>> {
  const minify = options.minify ?? true;
  const common: BuildOptions = {
    bundle: true,
    minify,
    write: false,
    format: "esm",
    target: targets,
    outdir: "/assets",
    entryNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    loader: { ".woff2": "file" },
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
        SERVICE_WORKER_URL: JSON.stringify(serviceWorkerPath),
      },
    },
    ["page/page.ts", "page/page.css"],
  );
  const assets = new Map<string, PageAsset>();
  const hashed = [...worklets, ...page];
  for (const file of hashed)
    assets.set(assetPath(file), await makeAsset(file.contents, extname(file.path), hashedCache));
  assets.set("/", await makeAsset(await linkPage(page, minify), ".html", checkedCache));
  for (const [path, name] of Object.entries(namedFiles))
    assets.set(path, await makeAsset(await readFile(pageDir + name), extname(name), checkedCache));
  const worker = await bundleServiceWorker(common, assets, [...shellFiles, ...hashed.map(assetPath)]);
  assets.set(serviceWorkerPath, worker);
  return assets;
}

/** The worker is another one whenever a byte of what it keeps is another one. */
async function bundleServiceWorker(
  common: BuildOptions,
  assets: ReadonlyMap<string, PageAsset>,
  files: readonly string[],
): Promise<PageAsset> {
  const version = createHash("sha256");
  for (const path of files) version.update(`${path} ${assets.get(path)!.etag}\n`);
  const [worker] = await bundle(
    {
      ...common,
      // No modules in Firefox's service workers.
      format: "iife",
      define: {
        SHELL_VERSION: JSON.stringify(version.digest("base64url").slice(0, 12)),
        SHELL_FILES: JSON.stringify(files),
      },
    },
    ["page/service-worker.ts"],
  );
  return makeAsset(worker!.contents, ".js", checkedCache);
}

/** The page's HTML with the addresses of its bundles. */
async function linkPage(page: OutputFile[], minify: boolean): Promise<Buffer> {
  const html = await readFile(`${pageDir}index.html`, "utf8");
  const linked = [
    ["page.css", pathOf(page, "page", ".css")] as const,
    ["page.ts", pathOf(page, "page", ".js")] as const,
    ["atkinson-hyperlegible-next.woff2", pathOf(page, "atkinson-hyperlegible-next", ".woff2")] as const,
  ].reduce((text, [source, path]) => link(text, JSON.stringify(source), path), html);
  return Buffer.from(minify ? linked.replaceAll(/<!--.*?-->/gs, "").replaceAll(/\s+/g, " ") : linked);
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

async function makeAsset(contents: Uint8Array, extension: string, cacheControl: string): Promise<PageAsset> {
  const body = Buffer.from(contents);
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  const asset: PageAsset = { body, contentType: contentTypes[extension]!, etag, cacheControl };
  if (!compressible.has(extension)) return asset;
  const [br, gzipped] = await Promise.all([
    packBrotli(body, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: body.length } }),
    packGzip(body, { level: constants.Z_BEST_COMPRESSION }),
  ]);
  return { ...asset, packed: { br, gzip: gzipped } };
}
