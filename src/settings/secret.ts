import type { z } from 'zod';

/**
 * Marks an option as secret: its text is kept out of logs, reports and errors of every job that is given
 * it. A list or an object may be marked as a whole. JSON Schema tells of it as `writeOnly`.
 *
 * @example
 * z.strictObject({ apiKey: secret(z.string().min(1)) });
 */
export function secret<S extends z.ZodType>(schema: S): S {
  return schema.meta({ writeOnly: true });
}
