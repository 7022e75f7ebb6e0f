import { z } from 'zod';

/** Schemas do not change, so each is converted once. */
const known = new WeakMap<z.ZodType, Readonly<Record<string, unknown>>>();

/** JSON Schema of options as people write them. */
export function jsonSchemaOf(schema: z.ZodType): Readonly<Record<string, unknown>> {
  let found = known.get(schema);
  if (!found) {
    const params = { io: 'input', unrepresentable: 'any' } as const;
    // A schema from outside may be of another copy of Zod, and knows itself best.
    found = (schema.toJSONSchema?.(params) ?? z.toJSONSchema(schema, params)) as Record<string, unknown>;
    known.set(schema, found);
  }
  return found;
}
