import type { z } from 'zod';
import { formatProblem, InvalidOptionsError } from '../core/errors.js';
import { checkData } from './check-data.js';
import { jsonSchemaOf } from './json-schema-of.js';

/**
 * Checks one section of settings and fills in its defaults.
 *
 * @param otherProblems - What is wrong with what the schema does not check.
 * @throws {InvalidOptionsError} naming the refused fields, not just the first: a hundred of them, and how many more there are.
 */
export function parseOptions<S extends z.ZodType>(
  section: string,
  schema: S,
  input: unknown,
  otherProblems: readonly string[] = [],
): z.output<S> {
  const context = { at: [section], jsonSchema: () => jsonSchemaOf(schema) };
  const { data, problems } = checkData(schema, input, context);
  if (problems.length + otherProblems.length === 0) return data as z.output<S>; // there is data then
  throw new InvalidOptionsError(section, [...problems.map(formatProblem), ...otherProblems]);
}
