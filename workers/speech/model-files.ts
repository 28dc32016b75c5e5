/** Model files are checked against the checksums that lie beside them before anything native reads them. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** A model that can't be used; restarting doesn't help. */
export class ModelError extends Error {
  readonly code: "model_checksum_mismatch" | "model_unavailable";
  constructor(
    code: "model_checksum_mismatch" | "model_unavailable",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "ModelError";
    this.code = code;
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest("hex");
}

/**
 * Checks that `files` in `folder` are those of its `SHA256SUMS`.
 *
 * @returns their paths, in the order asked for
 * @throws ModelError `model_unavailable` if a file or the list is missing, `model_checksum_mismatch` if one differs
 *   or isn't listed
 */
export async function checkModelFiles(folder: string, files: string[]): Promise<string[]> {
  const sums = new Map<string, string>();
  const list = await readFile(join(folder, "SHA256SUMS"), "utf8").catch((cause: unknown) => {
    throw new ModelError("model_unavailable", `no SHA256SUMS in ${folder}`, { cause });
  });
  for (const line of list.split("\n")) {
    const [, sum, name] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line.trim()) ?? [];
    if (sum && name) sums.set(name, sum);
  }
  const paths: string[] = [];
  for (const file of files) {
    const path = join(folder, file);
    const sum = await sha256Of(path).catch((cause: unknown) => {
      throw new ModelError("model_unavailable", `can't read the model file ${path}`, { cause });
    });
    if (sum !== sums.get(file)) {
      throw new ModelError("model_checksum_mismatch", `the model file ${path} differs from its SHA256SUMS`);
    }
    paths.push(path);
  }
  return paths;
}
