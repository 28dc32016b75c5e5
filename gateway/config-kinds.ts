/**
 * Kinds of settings: how a value in the environment reads, what is refused and in which words. `config.ts` lists the
 * settings themselves.
 */
import { z } from "zod";

/** One row of the table of settings. */
export interface Setting<T> {
  /** Name in the environment. */
  env: string;
  /** Another name that is read when `env` is not set (for hosts that set their own, like `PORT`). */
  alias: string | null;
  /** In words, for people: "whole number", "yes or no", … */
  kind: string;
  /** ms, bytes, …; null where there is none. */
  unit: string | null;
  /** Value when the environment says nothing. */
  fallback: () => T;
  /** The default as it would be written in the environment; "" for none. */
  fallbackText: string;
  /** The default is counted from the machine; `fallbackText` says how. */
  dependsOnMachine: boolean;
  /** What is allowed, in words. */
  limit: string;
  description: string;
  /** Never printed, not even in a complaint. */
  secret: boolean;
  /** From the environment's text to the value; every issue's message completes "NAME …". */
  schema: z.ZodType<T, string>;
}

/** What every kind is given. */
export interface SettingBasics {
  env: string;
  alias?: string;
  description: string;
}

function fromText<T>(
  secret: boolean,
  wanted: string,
  read: (text: string) => T | undefined,
): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    const value = read(text.trim());
    if (value !== undefined) return value;
    const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
    context.addIssue({
      code: "custom",
      message: secret ? `must be ${wanted}` : `must be ${wanted}, not "${shown}"`,
    });
    return z.NEVER;
  });
}

/** A whole number within [min, max]. `fallback` may depend on the machine; then say how in `fallbackText`. */
export function wholeNumber(
  row: SettingBasics & {
    unit: string | null;
    min: number;
    max: number;
    fallback: number | (() => number);
    fallbackText?: string;
  },
): Setting<number> {
  const { min, max, fallback } = row;
  const wanted = `a whole number from ${min} to ${max}${row.unit === null ? "" : ` (${row.unit})`}`;
  return {
    env: row.env,
    alias: row.alias ?? null,
    kind: "whole number",
    unit: row.unit,
    fallback: typeof fallback === "function" ? fallback : () => fallback,
    fallbackText: row.fallbackText ?? (typeof fallback === "number" ? String(fallback) : ""),
    dependsOnMachine: typeof fallback === "function",
    limit: `${min} to ${max}`,
    description: row.description,
    secret: false,
    schema: fromText(false, wanted, (text) => {
      const value = Number(text);
      return /^\d+$/.test(text) && value >= min && value <= max ? value : undefined;
    }),
  };
}

/** true or false (1 and 0 do too). */
export function flag(row: SettingBasics & { fallback: boolean }): Setting<boolean> {
  const values: Record<string, boolean> = { true: true, "1": true, false: false, "0": false };
  return {
    env: row.env,
    alias: row.alias ?? null,
    kind: "true or false",
    unit: null,
    fallback: () => row.fallback,
    fallbackText: String(row.fallback),
    dependsOnMachine: false,
    limit: "true, false",
    description: row.description,
    secret: false,
    schema: fromText(false, "true or false", (text) => values[text.toLowerCase()]),
  };
}

/** One of a few words. */
export function choice<const T extends string>(
  row: SettingBasics & { choices: readonly T[]; fallback: T },
): Setting<T> {
  return {
    env: row.env,
    alias: row.alias ?? null,
    kind: "one of a few words",
    unit: null,
    fallback: () => row.fallback,
    fallbackText: row.fallback,
    dependsOnMachine: false,
    limit: row.choices.join(", "),
    description: row.description,
    secret: false,
    schema: fromText(false, `one of ${row.choices.join(", ")}`, (text) =>
      row.choices.find((one) => one === text),
    ),
  };
}

/** Free text with a greatest length; null by default unless `fallback` is given. */
export function words<const T extends string | null>(
  row: SettingBasics & {
    fallback: T;
    minLength?: number;
    maxLength: number;
    secret?: boolean;
    pattern?: { form: RegExp; wanted: string };
    /** What the default is when it is not a fixed text. */
    fallbackNote?: string;
  },
): Setting<string | T> {
  const { minLength = 1, maxLength, pattern, secret = false } = row;
  const wanted = pattern?.wanted ?? `${minLength} to ${maxLength} characters long`;
  return {
    env: row.env,
    alias: row.alias ?? null,
    kind: secret ? "secret text" : "text",
    unit: null,
    fallback: () => row.fallback,
    fallbackText: row.fallback ?? "",
    dependsOnMachine: false,
    limit: `${minLength} to ${maxLength} characters${row.fallbackNote ? `; ${row.fallbackNote}` : ""}`,
    description: row.description,
    secret,
    schema: fromText<string | T>(secret, wanted, (text) =>
      text.length >= minLength && text.length <= maxLength && (pattern?.form.test(text) ?? true)
        ? text
        : undefined,
    ),
  };
}

/** Values separated by commas, each checked by `read` (undefined refuses), none twice. */
export function list<T>(
  row: SettingBasics & {
    kind: string;
    /** What one entry must be, in words. */
    wanted: string;
    maxEntries: number;
    fallback: readonly T[];
    fallbackText: string;
    secret?: boolean;
    read: (entry: string) => T | undefined;
    /** What may not occur twice; the entry itself unless given. */
    identities?: (value: T) => string[];
  },
): Setting<readonly T[]> {
  const { read, maxEntries, secret = false, identities = (value) => [String(value)] } = row;
  return {
    env: row.env,
    alias: row.alias ?? null,
    kind: row.kind,
    unit: null,
    fallback: () => row.fallback,
    fallbackText: row.fallbackText,
    dependsOnMachine: false,
    limit: `at most ${maxEntries} entries, none twice`,
    description: row.description,
    secret,
    schema: z.string().transform((text, context) => {
      const entries = text
        .split(",")
        .map((entry) => entry.trim())
        .filter((entry) => entry !== "");
      const complain = (message: string) => context.addIssue({ code: "custom", message });
      if (entries.length > maxEntries)
        complain(`may have at most ${maxEntries} entries, not ${entries.length}`);
      const values: T[] = [];
      const seen = new Set<string>();
      for (const [index, entry] of entries.slice(0, maxEntries).entries()) {
        const value = read(entry);
        const name = secret ? `entry ${index + 1}` : `"${entry}"`;
        if (value === undefined) {
          complain(`must list ${row.wanted}; ${name} is not`);
          continue;
        }
        const ids = identities(value);
        if (ids.some((id) => seen.has(id))) complain(`names something twice: ${name}`);
        for (const id of ids) seen.add(id);
        values.push(value);
      }
      return values;
    }),
  };
}
