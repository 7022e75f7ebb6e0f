import { z } from 'zod';

/** Schemas do not change, so each is converted once. */
const known = new WeakMap<z.ZodType, Readonly<Record<string, unknown>>>();

/** JSON Schema of options as people write them. */
export function jsonSchemaOf(schema: z.ZodType): Readonly<Record<string, unknown>> {
  let found = known.get(schema);
  if (!found) {
    found = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>;
    known.set(schema, found);
  }
  return found;
}
