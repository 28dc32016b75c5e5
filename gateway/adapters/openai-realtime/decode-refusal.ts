/** Why a client's event is refused: a code of the table, a message in the vendor's words, the field at fault. */
import type { z } from "zod";
import type { ErrorCode } from "../../../wire/codes.ts";

/** Thrown by the mappings, caught by `decodeClientEvent`; never leaves the adapter. */
export class Refusal extends Error {
  readonly code: ErrorCode;
  /** Dotted, with indices in brackets: `item.content[0].type`. Null when no field is at fault. */
  readonly param: string | null;

  constructor(code: ErrorCode, message: string, param: string | null) {
    super(message);
    this.code = code;
    this.param = param;
  }
}

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** Longest piece of a client's value that a message repeats. */
const maxQuotedChars = 64;

/** A field that must be there is not. */
export function missing(param: string): Refusal {
  return new Refusal("missing_required_parameter", `Missing required parameter: '${param}'.`, param);
}

/** A value that is none of the allowed ones. */
export function notOneOf(param: string, value: unknown, allowed: readonly unknown[]): Refusal {
  return new Refusal("invalid_value", `Invalid value: ${quote(value)}. ${listAllowed(allowed)}`, param);
}

/** Something of the protocol that this gateway does not do. */
export function unsupported(param: string, what: string): Refusal {
  return new Refusal("unsupported_feature", `${what} not supported by this server.`, param);
}

/** Turns the first problem that a schema found into a refusal. `raw` is what was checked. */
export function refusalFromIssues(issues: readonly Issue[], raw: unknown): Refusal {
  const first = issues[0];
  if (first === undefined) return new Refusal("invalid_event", "The event could not be read.", null);
  return refusalFromIssue(first, [], raw);
}

function refusalFromIssue(issue: Issue, prefix: Path, raw: unknown): Refusal {
  const path = [...prefix, ...issue.path];
  const param = paramOf(path);
  const value = valueAt(raw, path);
  if (value === undefined || value === null) return missing(param);
  switch (issue.code) {
    case "invalid_type":
      return new Refusal(
        "invalid_value",
        `Invalid type for '${param}': expected ${article(issue.expected)}, but got ${kindOf(value)} instead.`,
        param,
      );
    case "invalid_value":
      return notOneOf(param, value, issue.values);
    case "too_big":
      return outOfBounds(param, value, issue.origin, "long", "above maximum value", "<=", issue.maximum);
    case "too_small":
      return outOfBounds(param, value, issue.origin, "short", "below minimum value", ">=", issue.minimum);
    case "invalid_format":
      return new Refusal(
        "invalid_value",
        `Invalid '${param}': string does not match pattern. Expected a string that matches the pattern '${issue.pattern ?? issue.format}'.`,
        param,
      );
    case "invalid_union":
      return refusalFromUnion(issue, path, raw);
    default:
      return new Refusal("invalid_value", `Invalid '${param}': ${issue.message}.`, param);
  }
}

/** Of a union's branches, the one that came closest to fitting tells what is wrong. */
function refusalFromUnion(issue: z.core.$ZodIssueInvalidUnion, path: Path, raw: unknown): Refusal {
  const param = paramOf(path);
  const value = valueAt(raw, path);
  const discriminated = issue as { options?: readonly unknown[] };
  if (issue.errors.length === 0 && discriminated.options)
    return notOneOf(param, value, discriminated.options);
  const firsts = issue.errors
    .filter((branch) => branch.length > 0)
    .sort((a, b) => a.length - b.length)
    .map((branch) => branch[0]!);
  const inside = firsts.find((candidate) => candidate.path.length > 0);
  if (inside) return refusalFromIssue(inside, path, raw);
  const bounds = firsts.find((candidate) => candidate.code === "too_big" || candidate.code === "too_small");
  if (bounds) return refusalFromIssue(bounds, path, raw);
  const allowed = firsts.flatMap((candidate) => (candidate.code === "invalid_value" ? candidate.values : []));
  if (allowed.length > 0) return notOneOf(param, value, allowed);
  return new Refusal("invalid_value", `Invalid value for '${param}': got ${kindOf(value)}.`, param);
}

function outOfBounds(
  param: string,
  value: unknown,
  origin: string,
  lengthWord: string,
  boundWords: string,
  sign: string,
  bound: number | bigint,
): Refusal {
  if (origin === "string" || origin === "array") {
    const side = sign === "<=" ? "maximum" : "minimum";
    const size = (value as { length: number }).length;
    return new Refusal(
      "invalid_value",
      `Invalid '${param}': ${origin} too ${lengthWord}. Expected ${article(origin)} with ${side} length ${bound}, but got ${article(origin)} with length ${size} instead.`,
      param,
    );
  }
  return new Refusal(
    "invalid_value",
    `Invalid '${param}': number ${boundWords}. Expected a value ${sign} ${bound}, but got ${quote(value)} instead.`,
    param,
  );
}

/** `["item", "content", 0, "type"]` → `item.content[0].type`. */
function paramOf(path: Path): string {
  let param = "";
  for (const key of path) {
    if (typeof key === "number") param += `[${key}]`;
    else param += param === "" ? shorten(String(key)) : `.${shorten(String(key))}`;
  }
  return param;
}

function valueAt(raw: unknown, path: Path): unknown {
  let value = raw;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function quote(value: unknown): string {
  if (typeof value === "string") return `'${shorten(value)}'`;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return kindOf(value);
}

function shorten(text: string): string {
  return text.length <= maxQuotedChars ? text : `${text.slice(0, maxQuotedChars)}…`;
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return Number.isInteger(value) ? "an integer" : "a decimal";
  return article(typeof value);
}

function article(kind: string): string {
  if (kind === "int") return "an integer";
  return /^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`;
}

function listAllowed(allowed: readonly unknown[]): string {
  return `Supported values are: ${allowed.map((value) => `'${String(value)}'`).join(", ")}.`;
}
