/** The same fields without those that are `undefined`, for types that tell "absent" from "undefined". */
export type DefinedFields<Fields> = {
  [Key in keyof Fields as undefined extends Fields[Key] ? never : Key]: Fields[Key];
} & {
  [Key in keyof Fields as undefined extends Fields[Key] ? Key : never]?: Exclude<Fields[Key], undefined>;
};

/** Leaves out fields that are `undefined`; one level deep. */
export function definedFields<Fields extends object>(fields: Fields): DefinedFields<Fields> {
  const kept = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as DefinedFields<Fields>;
}
