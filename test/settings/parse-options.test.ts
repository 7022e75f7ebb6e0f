import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { InvalidOptionsError } from '../../src/core/errors.js';
import { parseOptions } from '../../src/settings/parse-options.js';

const Options = z.strictObject({
  rows: z.int('expected 1 or more rows').min(1, 'expected 1 or more rows').optional(),
  names: z.array(z.string('expected a text')).optional(),
  inner: z.array(z.strictObject({ speed: z.number().optional() })).optional(),
});

function refusalOf(options: unknown): InvalidOptionsError {
  try {
    parseOptions('section', Options, options);
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

const unknownKeys = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`key${i}`, 1]));

describe('options that are refused', () => {
  it('have their problems in the error, a line each', () => {
    const { problems, problemsLeftOut } = refusalOf({ rows: 0, row: 1 });
    expect(problems).toEqual([
      'section.rows: expected 1 or more rows, found 0',
      'section.row: there is no such option (did you mean "rows"?)',
    ]);
    expect(problemsLeftOut).toBe(0);
  });

  it('have a hundred problems kept and twenty in the message, and the others counted', () => {
    const error = refusalOf(unknownKeys(5_000));
    expect([error.problems.length, error.problemsLeftOut]).toEqual([100, 4_900]);
    expect(error.message.split('\n')).toHaveLength(22);
    expect(error.message).toMatch(/… and 4980 more$/);
  });

  it('say so where more is wrong than the check can hold', () => {
    const Lists = z.record(z.string(), z.record(z.string(), z.number()));
    const inner = Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`key${i}`, 'no number']));
    expect(() => parseOptions('section', Lists, { inner })).toThrow(
      'section: expected data that can be checked, found some 100,000 mistakes or lists and mappings without end',
    );
  });

  it('fail as the check of a component itself does, whatever kind of error it throws', () => {
    const Zone = z.string().refine((zone) => new Intl.DateTimeFormat('en', { timeZone: zone }) !== undefined);
    expect(() => parseOptions('section', Zone, 'Nowhere')).toThrow('Invalid time zone specified: Nowhere');
  });

  it('have each unknown key counted once, wherever it comes in the list', () => {
    const inner = [unknownKeys(60), unknownKeys(60), unknownKeys(60)];
    const { problems, problemsLeftOut } = refusalOf({ inner, names: [1, 2], ...unknownKeys(3) });
    expect(problems.length + problemsLeftOut).toBe(3 * 60 + 2 + 3);
  });

  it('have long texts of theirs cut in each problem', () => {
    const { problems } = refusalOf({ ['x'.repeat(100_000)]: 1 });
    expect(problems[0]!.length).toBeLessThanOrEqual(1_000);
  });
});
