import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { PageAsset } from "../../gateway/http/app.ts";
import { loadPage } from "../../gateway/http/page.ts";
import { encodeAsset } from "../../gateway/http/page-encoding.ts";

/** Width and height from a PNG's header. */
function pngSize(png: Buffer): string {
  expect(png.subarray(1, 4).toString()).toBe("PNG");
  return `${png.readUInt32BE(16)}x${png.readUInt32BE(20)}`;
}

function textOf(page: ReadonlyMap<string, PageAsset>, path: string): string {
  const asset = page.get(path);
  if (asset === undefined) throw new Error(`the page has no ${path}`);
  return asset.body.toString();
}

describe("loadPage", () => {
  it("makes a page whose every file is its own and named by its content", async () => {
    const [page, again] = await Promise.all([loadPage(), loadPage()]);
    const html = page.get("/")!;
    expect([...again].map(([path, { etag }]) => [path, etag])).toEqual(
      [...page].map(([path, { etag }]) => [path, etag]),
    );
    expect(html.contentType).toBe("text/html; charset=utf-8");
    const linked = [...html.body.toString().matchAll(/(?:href|src)="([^"]+)"/g)].map((match) => match[1]!);
    expect(linked).toHaveLength(6);
    for (const path of linked) expect(page.has(path), path).toBe(true);
    const script = textOf(page, linked.find((path) => path.endsWith(".js"))!);
    const worklets = [...page.keys()].filter((path) => path.includes("worklet"));
    expect(worklets).toHaveLength(2);
    for (const path of worklets) expect(script).toContain(path);
    for (const [path, { cacheControl }] of page) {
      expect(cacheControl.includes("immutable"), path).toBe(/^\/assets\/.+-[0-9A-Z]{8}\.\w+$/.test(path));
    }
  });

  it("has nothing inline that a strict policy forbids, and names no other origin", async () => {
    const page = await loadPage();
    expect(textOf(page, "/")).not.toMatch(/ style=| on[a-z]+=|<style|<script(?![^>]* src=)/);
    for (const [path, { body, contentType }] of page) {
      if (!/text|json|svg/.test(contentType)) continue;
      // The SVG namespace is a name, not an address.
      const text = body.toString().replaceAll("http://www.w3.org/2000/svg", "");
      const foreign = [...text.matchAll(/https?:\/\/[\w.-]+/g)].map(([address]) => address);
      expect(
        foreign.filter((address) => address !== "http://localhost"),
        path,
      ).toEqual([]);
    }
  });

  it("brings compressed twins that unpack to the very same bytes", async () => {
    for (const [path, { body, packed, contentType }] of await loadPage()) {
      if (packed === undefined) {
        expect(contentType, path).toMatch(/^(image\/png|font\/woff2)$/);
        continue;
      }
      expect(brotliDecompressSync(packed.br).equals(body), path).toBe(true);
      expect(gunzipSync(packed.gzip).equals(body), path).toBe(true);
      expect(packed.br.length, path).toBeLessThan(body.length);
    }
  });

  it("gives each browser the encoding that it takes, each with a tag of its own", async () => {
    const asset = (await loadPage()).get("/")!;
    expect(encodeAsset(asset, "gzip, deflate, br, zstd").headers).toEqual({
      Vary: "Accept-Encoding",
      "Content-Encoding": "br",
    });
    expect(encodeAsset(asset, "gzip").body).toBe(asset.packed!.gzip);
    expect(encodeAsset(asset, "br;q=0, gzip;q=0.5").headers["Content-Encoding"]).toBe("gzip");
    expect(encodeAsset(asset, undefined)).toEqual({
      body: asset.body,
      etag: asset.etag,
      headers: { Vary: "Accept-Encoding" },
    });
    const tags = ["br", "gzip", undefined].map((accepted) => encodeAsset(asset, accepted).etag);
    expect(new Set(tags).size).toBe(3);
  });

  it("has a manifest that a browser can install, with icons of the sizes that it tells", async () => {
    const page = await loadPage();
    const manifest = JSON.parse(textOf(page, "/manifest.webmanifest")) as {
      name: string;
      start_url: string;
      display: string;
      icons: { src: string; sizes: string; type: string; purpose: string }[];
      shortcuts: { url: string; icons: { src: string }[] }[];
    };
    expect(manifest).toMatchObject({ name: "Parley", start_url: "/", scope: "/", display: "standalone" });
    expect(page.get("/manifest.webmanifest")!.contentType).toBe("application/manifest+json");
    for (const { src, sizes, type } of manifest.icons) {
      const icon = page.get(src)!;
      expect(icon.contentType).toBe(type);
      if (type === "image/png") expect(pngSize(icon.body)).toBe(sizes);
    }
    const offered = manifest.icons.map(({ sizes, purpose }) => `${sizes} ${purpose}`);
    expect(offered).toEqual(expect.arrayContaining(["192x192 any", "512x512 any", "512x512 maskable"]));
    expect(pngSize(page.get("/apple-touch-icon.png")!.body)).toBe("180x180");
    expect(manifest.shortcuts.map(({ url }) => url)).toEqual(["/?mode=hands-free", "/?mode=push-to-talk"]);
    for (const { icons } of manifest.shortcuts) for (const { src } of icons) expect(page.has(src)).toBe(true);
  });

  it("has a service worker that keeps what the page loads and no path of the API", async () => {
    const page = await loadPage();
    const worker = textOf(page, "/service-worker.js");
    const kept = JSON.parse(/\["\/",[^\]]*\]/.exec(worker)![0]) as string[];
    for (const path of kept) expect(page.has(path), path).toBe(true);
    expect(kept.toSorted()).toEqual(
      [...page.keys()]
        .filter(
          (path) =>
            path.startsWith("/assets/") || ["/", "/favicon.svg", "/manifest.webmanifest"].includes(path),
        )
        .toSorted(),
    );
    expect(page.get("/service-worker.js")!.cacheControl).toBe("no-cache");
  });
});
