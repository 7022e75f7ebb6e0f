import type { z } from 'zod';
import type { SpecProblem } from '../core/errors.js';
import { schemaProblems } from '../settings/schema-problems.js';

/**
 * Checks the options of a stage by the schema of its component, and fills in their defaults.
 *
 * @param problems - Takes what is wrong with them, with paths within the stage.
 * @returns `undefined` where they are not sound enough for the stage to be looked at further. Otherwise
 *   what was refused is left out: without it, the columns can still be followed, so that later stages have
 *   their problems named too.
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
