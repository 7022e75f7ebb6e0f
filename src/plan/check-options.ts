import type { z } from 'zod';
import type { SpecProblem } from '../core/errors.js';
import { schemaProblems } from '../settings/schema-problems.js';

/**
 * Checks the options of a stage against the schema of its component, and fills in defaults.
 *
 * @param problems - Receives what is wrong, with paths within the stage.
 * @returns The options without those that were refused, so that the stage can still be planned and problems
 *   of later stages are found too. `undefined` if the rest is invalid as well.
 */
export function checkOptions(
  schema: z.ZodType,
  options: Record<string, unknown>,
  problems: SpecProblem[],
): { readonly options: unknown } | undefined {
  const result = schema.safeParse(options, { reportInput: true });
  if (result.success) return { options: result.data };
  problems.push(...schemaProblems(result.error, options));
  const rest = schema.safeParse(without(options, result.error.issues));
  return rest.success ? { options: rest.data } : undefined;
}

function without(
  options: Record<string, unknown>,
  issues: readonly z.core.$ZodIssue[],
): Record<string, unknown> {
  const refused = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : [String(issue.path[0])],
  );
  return Object.fromEntries(Object.entries(options).filter(([key]) => !refused.includes(key)));
}
