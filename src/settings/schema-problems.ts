import type { z } from 'zod';
import { PROBLEMS_MAX, type SpecProblem } from '../core/errors.js';
import { nearestName } from '../core/nearest-name.js';
import { cutText, describeValue } from '../core/shown-text.js';
import { noSuchOption } from './known-keys.js';
import { type OptionPath, valueAt } from './marked-options.js';

/** Returns the names of the options at a path. */
export type KeysAt = (path: OptionPath) => readonly string[];

/** What is known of data besides its schema. */
interface Hints {
  /** Names of the options at a path within the data, to tell which one was meant. */
  readonly keysAt: KeysAt;
  /** Says where a key belongs that has no place here. */
  readonly whereItBelongs: (key: string) => string | undefined;
}

const NO_HINTS: Hints = { keysAt: () => [], whereItBelongs: () => undefined };

/**
 * What a schema refused, as problems: what was expected, what was found, at which path. Texts are
 * echoed only where a fixed list of words was expected: elsewhere they may be a credential.
 *
 * @param data - What was parsed.
 * @param at - Where the data is in the spec.
 */
export function schemaProblems(
  issues: readonly z.core.$ZodIssue[],
  data: unknown,
  at: OptionPath = [],
  hints: Partial<Hints> = {},
): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const known = { ...NO_HINTS, ...hints };
  for (const issue of issues) {
    const left = PROBLEMS_MAX - problems.length;
    for (const problem of problemsOf(issue, data, at, known, left)) problems.push(problem);
  }
  return problems;
}

/**
 * @param hintsMax - Problems that get a hint; none if it is negative. It takes a while to find one, and nobody
 *   reads thousands of them.
 */
function problemsOf(
  issue: z.core.$ZodIssue,
  data: unknown,
  at: OptionPath,
  hints: Hints,
  hintsMax: number,
): SpecProblem[] {
  const within = issue.path as OptionPath; // data has keys that are texts or numbers
  const path = [...at, ...within];
  const found = valueAt(data, within);
  switch (issue.code) {
    case 'invalid_key':
      return [{ path, message: issue.issues[0]?.message ?? issue.message }];
    case 'unrecognized_keys':
      return issue.keys.map((key, i) => ({
        path: [...path, key],
        // A schema may say itself which keys it expects.
        message: issue.message.startsWith('Unrecognized key')
          ? noSuchOption(key, i < hintsMax ? hints.keysAt(within) : [], hints.whereItBelongs(key))
          : issue.message,
      }));
    case 'invalid_union': {
      // Of several forms, the one that fits best is the one that the writer meant.
      const hintsWithin = { ...hints, keysAt: (below: OptionPath) => hints.keysAt([...within, ...below]) };
      const nearest = issue.errors
        .map((nested) => nested.flatMap((one) => problemsOf(one, found, path, hintsWithin, hintsMax)))
        .sort((a, b) => depth(b) - depth(a) || a.length - b.length)[0];
      if (nearest && nearest.length > 0 && depth(nearest) > path.length) return nearest;
      const words = issue.errors.flat().flatMap((each) => (each.code === 'invalid_value' ? each.values : []));
      if (words.length === 0 || typeof found !== 'string') break;
      return [
        { path, message: `${expectation(issue.message)}, found ${word(found, hintsMax > 0 ? words : [])}` },
      ];
    }
    case 'invalid_value': {
      const what =
        typeof found === 'string' ? word(found, hintsMax > 0 ? issue.values : []) : describeValue(found);
      return [{ path, message: `expected ${issue.values.join(', ')}, found ${what}` }];
    }
    case 'too_big':
    case 'too_small':
      if (!Array.isArray(found) || found.length === 0) break;
      return [{ path, message: `${expectation(issue.message)}, found ${found.length}` }];
  }
  const isExpectation = found === undefined || /expected/.test(issue.message);
  return [{ path, message: isExpectation ? sentence(issue.message, found) : issue.message }];
}

/** A text where words of a fixed list were expected, and the one of these that was most likely meant. */
function word(found: string, words: readonly unknown[]): string {
  const near = nearestName(found, words.map(String));
  return `"${cutText(found, 40)}"${near === undefined ? '' : ` (did you mean "${near}"?)`}`;
}

/** Adds what was found to a message that says what was expected. */
function sentence(message: string, found: unknown): string {
  const expected = expectation(message);
  return /\bfound\b/.test(expected) ? expected : `${expected}, found ${describeValue(found)}`;
}

function expectation(message: string): string {
  return message
    .replace(/^Invalid input: /, '')
    .replace(/, received .*$/, '')
    .replace(/^expected (\w+)$/, (whole, type) => (TYPES.has(type) ? `expected ${TYPES.get(type)}` : whole));
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

const depth = (problems: readonly SpecProblem[]): number =>
  problems.reduce((deepest, { path }) => Math.max(deepest, path.length), 0);
