import type { z } from 'zod';
import { formatPath, InvalidOptionsError } from '../core/errors.js';
import { schemaProblems } from './schema-problems.js';

/**
 * Checks one section of settings and fills in its defaults.
 *
 * @throws {InvalidOptionsError} naming every refused field, not just the first.
 */
export function parseOptions<S extends z.ZodType>(section: string, schema: S, input: unknown): z.output<S> {
  const result = schema.safeParse(input, { reportInput: true });
  if (result.success) return result.data;
  throw new InvalidOptionsError(
    section,
    schemaProblems(result.error, input, [section]).map(
      ({ path, message }) => `${formatPath(path)}: ${message}`,
    ),
  );
}
