/** What the engine `scripted` hears, answers and plays: fixed words and audio, for benches and tests. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { GatewayError } from "../errors.ts";

const ruleSchema = z.strictObject({
  /** A regular expression (case does not matter) over the user's words or the tool's output. */
  match: z.string().max(1_000),
  reply: z.string().max(20_000).optional(),
  toolCall: z.strictObject({ name: z.string().min(1).max(64), arguments: z.string().max(20_000) }).optional(),
});

const scriptSchema = z.strictObject({
  /** Transcripts, used in turn; the last one stays. */
  transcripts: z.array(z.string().max(2_000)).min(1).max(1_000).default(["What can you tell me?"]),
  /** The answer where no rule matches. */
  reply: z.string().max(20_000).default("This is a scripted reply. It always says the same."),
  /** The first that matches answers. */
  rules: z.array(ruleSchema).max(200).default([]),
  /** Length of a spoken word. */
  wordMs: z.number().int().min(40).max(2_000).default(350),
});

export type Script = z.infer<typeof scriptSchema>;

/** The script of a gateway that names none. */
export const defaultScript: Script = scriptSchema.parse({});

/**
 * @param path - a JSON file; null gives the default script
 * @throws GatewayError invalid_config
 */
export function readScript(path: string | null): Script {
  if (path === null) return defaultScript;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new GatewayError("invalid_config", {
      message: `PARLEY_SCRIPT: cannot read ${path} as JSON`,
      cause,
    });
  }
  const parsed = scriptSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path: at, message }) => `${at.join(".") || "the file"}: ${message}`,
  );
  throw new GatewayError("invalid_config", { message: `PARLEY_SCRIPT: ${problems.join("; ")}` });
}
