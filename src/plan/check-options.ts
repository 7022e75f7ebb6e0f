import type { z } from 'zod';
import type { SpecProblem } from '../core/errors.js';
import { checkData, type DataContext } from '../settings/check-data.js';

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
  context: DataContext = {},
): { readonly options: unknown } | undefined {
  const checked = checkData(schema, options, context);
  if (checked.problems.length === 0) return { options: checked.data };
  for (const problem of checked.problems) problems.push(problem);
  const rest = schema.safeParse(without(options, checked.issues));
  return rest.success ? { options: rest.data } : undefined;
}

function without(
  options: Record<string, unknown>,
  issues: readonly z.core.$ZodIssue[],
): Record<string, unknown> {
  const refused = new Set(
    issues.flatMap((issue) =>
      issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : [String(issue.path[0])],
    ),
  );
  return Object.fromEntries(Object.entries(options).filter(([key]) => !refused.has(key)));
}
