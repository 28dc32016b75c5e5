/**
 * `node test/pictures/icons.ts`: makes the installed page's icons (client/page/icons/*.png) from favicon.svg and
 * icons/maskable.svg, with the Chromium on PATH.
 */
import { readFile, writeFile } from "node:fs/promises";
import { chromium } from "playwright-core";
import { findChromium } from "../client/chromium.ts";
import { repositoryRoot } from "../support/gateway.ts";

const pageDir = `${repositoryRoot}client/page/`;
/** Corners stay clear where the launcher shows the icon as it is; Apple and maskable launchers cut their own. */
const icons = [
  { name: "icon-192", source: "favicon.svg", sizePixels: 192 },
  { name: "icon-512", source: "favicon.svg", sizePixels: 512 },
  { name: "icon-maskable-512", source: "icons/maskable.svg", sizePixels: 512 },
  { name: "apple-touch-icon", source: "icons/maskable.svg", sizePixels: 180 },
] as const;

const executablePath = findChromium();
if (executablePath === null) throw new Error("there is no Chromium on PATH");
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
try {
  for (const { name, source, sizePixels } of icons) {
    const page = await browser.newPage({ viewport: { width: sizePixels, height: sizePixels } });
    const svg = await readFile(pageDir + source, "utf8");
    await page.setContent(`<style>*{margin:0}svg{display:block;width:100vw;height:100vh}</style>${svg}`);
    const png = await page.screenshot({ omitBackground: true });
    await writeFile(`${pageDir}icons/${name}.png`, png);
    console.log(`${name}.png ${png.length} bytes`);
    await page.close();
  }
} finally {
  await browser.close();
}
