/** Reads the settings (`config-table.ts`) from an environment, and writes `.env.example` from the same table. */
import { z } from "zod";
import type { ApiKey } from "./config-door.ts";
import type { Setting } from "./config-kinds.ts";
import { settings } from "./config-table.ts";
import { checkVendors, defaultChain } from "./config-vendors.ts";
import { GatewayError } from "./errors.ts";
import { isLoopbackHost } from "./loopback.ts";

export type { ApiKey };

/** The settings' values, frozen. Plain JSON: it travels from the supervisor to the gateways. */
export type Config = {
  readonly [Key in keyof typeof settings]: (typeof settings)[Key] extends Setting<infer Value>
    ? Value
    : never;
};

/**
 * How the 200 ms of infrastructure latency (p99, a turn) are split over the gateway's spans.
 *
 * @see docs/latency.md
 */
export const latencyBudgetMs = Object.freeze({
  ingress: 5,
  gate: 20,
  vad: 60,
  retrieve: 40,
  sentence: 5,
  egress: 30,
  overhead: 40,
});

function checkTogether(config: Config): string[] {
  const problems: string[] = [];
  if (config.apiKeys.length === 0 && !isLoopbackHost(config.host)) {
    problems.push(
      `PARLEY_HOST is ${config.host}, which others can reach: set PARLEY_API_KEYS (name:key), or listen on 127.0.0.1`,
    );
  }
  if ((config.tlsCert === null) !== (config.tlsKey === null)) {
    problems.push("PARLEY_TLS_CERT and PARLEY_TLS_KEY must be set together");
  }
  if (config.tls === "self" && (config.tlsCert !== null || config.tlsKey !== null)) {
    problems.push(
      "PARLEY_TLS is self, which makes a certificate: leave PARLEY_TLS_CERT and PARLEY_TLS_KEY out, or PARLEY_TLS",
    );
  }
  if (config.publicUrl !== null && !URL.canParse(config.publicUrl)) {
    problems.push(`PARLEY_PUBLIC_URL is no address that a browser could open: ${config.publicUrl}`);
  }
  if (config.duckMs > config.bargeInMs) {
    problems.push(
      `PARLEY_DUCK_MS (${config.duckMs}) may not be more than PARLEY_BARGE_IN_MS (${config.bargeInMs})`,
    );
  }
  return [...problems, ...checkVendors(config)];
}

function describeIssues(error: z.ZodError): string[] {
  return error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => `${key} is not a setting of Parley (see .env.example)`)
      : [`${issue.path.join(".")} ${issue.message}`],
  );
}

/**
 * Reads the settings from an environment. Names that begin with PARLEY_ and stand for nothing are refused; empty
 * values count as unset.
 *
 * @throws {GatewayError} `invalid_config`, its message one plain line a problem, all of them together, no secrets
 */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const rows = Object.entries(settings) as [keyof Config, Setting<unknown>][];
  // Vendors' keys go by the names that their owners gave them.
  const known = new Set(rows.map(([, { env }]) => env));
  const given: Record<string, string> = {};
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith("PARLEY_") && !known.has(name)) continue;
    if (text !== undefined && text.trim() !== "") given[name] = text;
  }
  for (const [, { env, alias }] of rows) {
    const text = alias === null ? undefined : environment[alias];
    if (text !== undefined && text.trim() !== "") given[env] ??= text;
  }
  const schema = z.strictObject(
    Object.fromEntries(rows.map(([, { env, schema }]) => [env, schema.optional()])),
  );
  const parsed = schema.safeParse(given);
  if (!parsed.success)
    throw new GatewayError("invalid_config", { message: describeIssues(parsed.error).join("\n") });
  const values = Object.fromEntries(
    rows.map(([key, row]) => [key, parsed.data[row.env] ?? row.fallback()]),
  ) as Config;
  const chains = { stt: values.stt, ai: values.ai, tts: values.tts };
  for (const stage of ["stt", "ai", "tts"] as const) {
    if (parsed.data[settings[stage].env] === undefined) chains[stage] = defaultChain(values, stage);
  }
  const config: Config = { ...values, ...chains };
  const problems = checkTogether(config);
  if (problems.length > 0) throw new GatewayError("invalid_config", { message: problems.join("\n") });
  return freezeConfig(config);
}

/** Freezes a config and its lists (again, after it travelled to another process). */
export function freezeConfig(config: Config): Config {
  for (const value of Object.values(config)) {
    if (Array.isArray(value)) for (const entry of value) Object.freeze(entry);
    Object.freeze(value);
  }
  return Object.freeze(config);
}

/** The text of `.env.example`: every setting, commented out, with its default. */
export function renderEnvExample(): string {
  const lines = [
    "# Settings of Parley. Copy to .env and uncomment what you change; names that stand for nothing are refused.",
    "",
  ];
  for (const row of Object.values(settings) as Setting<unknown>[]) {
    const unit = row.unit === null ? "" : ` Unit: ${row.unit}.`;
    lines.push(`# ${row.description}`);
    lines.push(
      `# ${row.kind}; ${row.limit}.${unit}${row.alias === null ? "" : ` ${row.alias} is read too.`}`,
    );
    if (row.dependsOnMachine) lines.push(`# Default: ${row.fallbackText}.`);
    lines.push(`#${row.env}=${row.dependsOnMachine ? "" : quote(row.fallbackText)}`, "");
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

function quote(text: string): string {
  return text.includes(" ") ? `"${text}"` : text;
}
