/** A page with nothing but a voice call: what the SDK does in a real browser, without anybody's page around it. */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { PageAsset } from "../../gateway/http/app.ts";

/** Every file of the page by its path; the call is `window.call`, what it told `window.told`. */
export async function loadCallPage(): Promise<Map<string, PageAsset>> {
  const { outputFiles = [] } = await build({
    absWorkingDir: fileURLToPath(new URL("../../", import.meta.url)),
    entryPoints: {
      call: "test/client/call-page-entry.ts",
      microphone: "client/worklets/microphone-worklet.ts",
      player: "client/worklets/player-worklet.ts",
    },
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    outdir: "/",
    logLevel: "silent",
  });
  const assets = new Map<string, PageAsset>();
  for (const { path, contents } of outputFiles)
    assets.set(path, assetOf(Buffer.from(contents), "text/javascript; charset=utf-8"));
  const html =
    '<!doctype html><title>A call</title><link rel="icon" href="data:,"><script type="module" src="/call.js"></script>';
  assets.set("/", assetOf(Buffer.from(html), "text/html; charset=utf-8"));
  return assets;
}

function assetOf(body: Buffer, contentType: string): PageAsset {
  return { body, contentType, etag: '"call"', cacheControl: "no-cache" };
}
