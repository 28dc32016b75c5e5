import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { repositoryRoot, startGateway } from "../support/gateway.ts";
import { type Bench, describeMachine } from "./report.ts";

const run = promisify(execFile);
const installTimeoutMs = 300_000;
const mebibyte = 1024 * 1024;

async function sizeBytes(folder: string): Promise<number> {
  const { stdout } = await run("du", ["-sb", folder]);
  return Number(stdout.split("\t")[0]);
}

/** `npm ci` in a folder; @returns seconds. */
function install(folder: string, flags: readonly string[]): Promise<number> {
  const startedAtMs = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn("npm", ["ci", ...flags], {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
      timeout: installTimeoutMs,
    });
    let printed = "";
    child.stderr.on("data", (chunk: Buffer) => {
      printed = (printed + chunk.toString()).slice(-4000);
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve((performance.now() - startedAtMs) / 1000);
      else reject(new Error(`npm ci ended with ${code}: ${printed}`));
    });
  });
}

export const bench: Bench = {
  description: "a fresh clone: npm ci, size of node_modules, clone to the page's answer",
  async run() {
    const folder = await mkdtemp(join(tmpdir(), "parley-weight-"));
    try {
      const clone = join(folder, "clone");
      const startedAtMs = performance.now();
      await run("git", ["clone", "--quiet", "--depth", "1", `file://${repositoryRoot}`, clone]);
      const installSeconds = await install(clone, []);
      const gateway = await startGateway({ root: clone });
      const page = await fetch(gateway.url);
      await page.arrayBuffer();
      const toPageSeconds = (performance.now() - startedAtMs) / 1000;
      await gateway.stop();
      const allBytes = await sizeBytes(join(clone, "node_modules"));
      await rm(join(clone, "node_modules"), { recursive: true });
      const productionSeconds = await install(clone, ["--omit=dev"]);
      const productionBytes = await sizeBytes(join(clone, "node_modules"));
      const repositoryBytes = (await sizeBytes(clone)) - productionBytes;
      return {
        rows: [
          { name: "fresh clone to the page's answer", measured: toPageSeconds, unit: "s", atMost: 120 },
          { name: "npm ci", measured: installSeconds, unit: "s", atMost: 90 },
          { name: "npm ci --omit=dev", measured: productionSeconds, unit: "s" },
          { name: "node_modules", measured: allBytes / mebibyte, unit: "MiB", atMost: 700 },
          {
            name: "node_modules, production",
            measured: productionBytes / mebibyte,
            unit: "MiB",
            atMost: 450,
          },
          { name: "clone with its models", measured: repositoryBytes / mebibyte, unit: "MiB" },
        ],
        notes: ["of the last commit; npm's cache as it was"],
        veto: page.status === 200 ? null : `the page answered ${page.status} (${describeMachine()})`,
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
