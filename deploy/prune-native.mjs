// Runs after every install. onnxruntime-node ships the binaries of five platforms (288 MB); only the
// one that runs here is kept. Plain JavaScript, because the Node that runs npm may be older than ours.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const bin = join(dirname(fileURLToPath(import.meta.url)), "..", "node_modules", "onnxruntime-node", "bin");

/** @param {string} dir @param {string} keep */
function keepOnly(dir, keep) {
  if (!existsSync(join(dir, keep))) return; // an unknown layout or platform: leave everything as it is
  for (const name of readdirSync(dir)) {
    if (name !== keep) rmSync(join(dir, name), { recursive: true, force: true });
  }
}

if (existsSync(bin)) {
  for (const abi of readdirSync(bin)) {
    keepOnly(join(bin, abi), process.platform);
    keepOnly(join(bin, abi, process.platform), process.arch);
  }
}
