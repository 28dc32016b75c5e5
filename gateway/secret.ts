import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GatewayError } from "./errors.ts";

const fileName = "secret";
const secretBytes = 48;
const leastChars = 32;

/**
 * The signing secret: PARLEY_SECRET, or the one in the data folder, made at the first start (folder 0700, file 0600).
 *
 * @throws {GatewayError} `invalid_config` when the folder can't be written or the file holds something else
 */
export function loadSecret(config: { secret: string | null; dataDir: string }): string {
  if (config.secret !== null) return config.secret;
  const path = join(config.dataDir, fileName);
  try {
    mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
    try {
      // "wx" fails when the file is there: two first starts at once end up with one secret.
      writeFileSync(path, randomBytes(secretBytes).toString("base64url"), { flag: "wx", mode: 0o600 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      chmodSync(path, 0o600);
    }
    const secret = readFileSync(path, "utf8").trim();
    if (secret.length >= leastChars) return secret;
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown fault";
    throw new GatewayError("invalid_config", {
      message: `PARLEY_DATA_DIR: cannot keep a secret in ${config.dataDir} (${why})`,
      cause,
    });
  }
  throw new GatewayError("invalid_config", {
    message: `PARLEY_DATA_DIR: ${path} holds fewer than ${leastChars} characters; delete it to have a new secret made`,
  });
}
