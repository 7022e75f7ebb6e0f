import type { z } from 'zod';
import type { SpecProblem } from '../core/errors.js';
import { nearestName } from '../core/nearest-name.js';
import { valueAt } from './marked-options.js';

type Path = readonly (string | number)[];

/**
 * What a schema refused, as problems: what was expected, what was found, at which path. Texts are
 * echoed only where a fixed list of words was expected: elsewhere they may be a credential.
 *
 * @param input - What was parsed.
 * @param at - Where the input stands in the spec.
 */
export function schemaProblems(error: z.ZodError, input: unknown, at: Path = []): SpecProblem[] {
  return error.issues.flatMap((issue) => problemsOf(issue, input, at));
}

function problemsOf(issue: z.core.$ZodIssue, input: unknown, at: Path): SpecProblem[] {
  const path = [...at, ...(issue.path as (string | number)[])];
  const found = valueAt(input, issue.path as Path);
  switch (issue.code) {
    case 'invalid_key':
      return [{ path, message: issue.issues[0]?.message ?? issue.message }];
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], message: 'there is no such option' }));
    case 'invalid_union': {
      // Of several forms, the one that fits best is the one that the writer meant.
      const nearest = issue.errors
        .map((issues) => issues.flatMap((nested) => problemsOf(nested, found, path)))
        .sort((a, b) => depth(b) - depth(a) || a.length - b.length)[0];
      if (nearest && nearest.length > 0 && depth(nearest) > path.length) return nearest;
      break;
    }
    case 'invalid_value': {
      const near = typeof found === 'string' ? nearestName(found, issue.values.map(String)) : undefined;
      return [
        {
          path,
          message:
            `expected ${issue.values.join(', ')}, found ${typeof found === 'string' ? `"${found.slice(0, 40)}"` : describe(found)}` +
            (near === undefined ? '' : ` (did you mean "${near}"?)`),
        },
      ];
    }
  }
  return [
    {
      path,
      message:
        found === undefined || /expected/.test(issue.message)
          ? sentence(issue.message, found)
          : issue.message,
    },
  ];
}

/** Adds what was found to a message that says what was expected. */
function sentence(message: string, found: unknown): string {
  const expected = message
    .replace(/^Invalid input: /, '')
    .replace(/, received .*$/, '')
    .replace(/^expected (\w+)$/, (whole, type) => (TYPES.has(type) ? `expected ${TYPES.get(type)}` : whole));
  return /\bfound\b/.test(expected) ? expected : `${expected}, found ${describe(found)}`;
}

/** Types as those who write specs know them. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ['object', 'a mapping'],
  ['record', 'a mapping'],
  ['array', 'a list'],
  ['string', 'a text'],
  ['number', 'a number'],
  ['boolean', 'true or false'],
]);

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return typeof value === 'object' ? 'a mapping' : value === '' ? 'an empty text' : 'a text';
}

const depth = (problems: readonly SpecProblem[]): number =>
  Math.max(0, ...problems.map(({ path }) => path.length));
