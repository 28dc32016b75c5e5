import type { z } from "zod";

/** A field that may be left out; `null` means the same. */
export function optional<Schema extends z.ZodType>(schema: Schema) {
  return schema.nullish().transform((value) => value ?? undefined);
}
