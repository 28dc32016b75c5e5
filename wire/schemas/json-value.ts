import { z } from "zod";
import { eventLimits } from "./limits.ts";

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** A free JSON value (a tool's parameters, a trace's metadata): copied, within limits of depth and size. */
export const jsonValue = z.unknown().transform((value, context): JsonValue => {
  const budget = { values: eventLimits.jsonValueCount };
  const copy = copyWithin(value, eventLimits.jsonDepth, budget);
  if (copy !== undefined) return copy;
  context.addIssue({
    code: "custom",
    message: `expected JSON of at most ${eventLimits.jsonDepth} levels and ${eventLimits.jsonValueCount} values`,
  });
  return z.NEVER;
});

function copyWithin(value: unknown, depth: number, budget: { values: number }): JsonValue | undefined {
  budget.values -= 1;
  if (budget.values < 0) return undefined;
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value !== "object" || depth === 0) return undefined;
  if (Array.isArray(value)) {
    const copy: JsonValue[] = [];
    for (const element of value) {
      const copied = copyWithin(element, depth - 1, budget);
      if (copied === undefined) return undefined;
      copy.push(copied);
    }
    return copy;
  }
  const copy: { [key: string]: JsonValue } = {};
  for (const [key, element] of Object.entries(value)) {
    // The one key that reaches a prototype when it is assigned.
    if (key === "__proto__") continue;
    const copied = copyWithin(element, depth - 1, budget);
    if (copied === undefined) return undefined;
    copy[key] = copied;
  }
  return copy;
}
