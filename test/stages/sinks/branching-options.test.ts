import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { Schema } from '../../../src/columns/schema.js';
import { schemaProblems } from '../../../src/settings/schema-problems.js';
import { SplitSinkOptions } from '../../../src/stages/sinks/split/options.js';
import { planSplit } from '../../../src/stages/sinks/split/plan-split.js';
import { TeeSinkOptions } from '../../../src/stages/sinks/tee/options.js';
import { collectProblems } from '../../support/stage-context.js';

const NULL = { use: 'null' };
const TRADES: Schema = {
  kind: 'trade',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'size', type: 'float64' },
  ],
};

function refusals(schema: z.ZodType, options: object): string[] {
  const { error } = schema.safeParse(options, { reportInput: true });
  return error
    ? schemaProblems(error.issues, options).map(({ path, message }) => `${path.join('.')}: ${message}`)
    : [];
}

const many = (count: number) => Array.from({ length: count }, () => NULL);

describe('the sink tee', () => {
  it('has one branch at least and 64 at most', () => {
    expect(refusals(TeeSinkOptions, { branches: many(1) })).toEqual([]);
    expect(refusals(TeeSinkOptions, { branches: many(64) })).toEqual([]);
    expect(refusals(TeeSinkOptions, {})).toEqual([
      'branches: expected a list of 1 to 64 branches, found nothing',
    ]);
    for (const [count, found] of [
      [0, 'an empty list'],
      [65, '65'],
    ] as const) {
      expect(refusals(TeeSinkOptions, { branches: many(count) })).toEqual([
        `branches: expected a list of 1 to 64 branches, found ${found}`,
      ]);
    }
    expect(refusals(TeeSinkOptions, { branches: { a: NULL } })).toEqual([
      'branches: expected a list of 1 to 64 branches, found a mapping',
    ]);
  });

  it('waits thirty seconds for its branches unless told otherwise', () => {
    expect(TeeSinkOptions.parse({ branches: many(1) }).cutDeadlineMs).toBe(30_000);
    expect(refusals(TeeSinkOptions, { branches: many(1), cutDeadlineMs: 1 })).toEqual([
      'cutDeadlineMs: expected 100 to 3600000 milliseconds, found 1',
    ]);
  });
});

describe('the sink split', () => {
  const large = { ...NULL, when: 'size >= 100' };

  it('sends a row along the first route that it may take unless told otherwise', () => {
    expect(SplitSinkOptions.parse({ routes: { large } }).match).toBe('first');
    expect(SplitSinkOptions.parse({ routes: { large }, match: 'all' }).match).toBe('all');
    expect(refusals(SplitSinkOptions, { routes: { large }, match: 'any' })).toEqual([
      'match: expected first, all, found "any"',
    ]);
  });

  it('has one route at least and 64 at most', () => {
    const named = (count: number) => Object.fromEntries(many(count).map((_, i) => [`r${i}`, large]));
    expect(refusals(SplitSinkOptions, { routes: named(64) })).toEqual([]);
    for (const count of [0, 65]) {
      expect(refusals(SplitSinkOptions, { routes: named(count) })).toEqual([
        expect.stringMatching(/^routes: expected a mapping from 1 to 64 names to routes/),
      ]);
    }
  });

  it.each(['', '1', 'a b', 'a.b', '__proto__', 'x'.repeat(64)])('has no route named %j', (name) => {
    const options = { routes: JSON.parse(`{${JSON.stringify(name)}: {"use": "null", "when": "true"}}`) };
    expect(refusals(SplitSinkOptions, options).join()).toContain('expected');
  });

  it('has a condition for each route, and none for the rows that take no route', () => {
    expect(refusals(SplitSinkOptions, { routes: { large: NULL } })).toEqual([
      'routes.large.when: expected a condition as text, such as "size >= 100", found nothing',
    ]);
    expect(refusals(SplitSinkOptions, { routes: { large }, otherwise: NULL })).toEqual([]);
  });

  it.each([
    ['size >= 100 and symbol = "AAPL"', []],
    [
      'size',
      [expect.stringContaining('routes.large.when: expected a condition, such as "bid > 0", found a number')],
    ],
    ['symbol', [expect.stringContaining('expected a condition, found a string')]],
    ['sise > 1', [expect.stringContaining('sise')]],
    ['size >', [expect.stringContaining('routes.large.when: ')]],
  ])('checks the condition %s with the columns that reach it', (when, expected) => {
    const problems = collectProblems();
    planSplit(SplitSinkOptions.parse({ routes: { large: { ...NULL, when } } }), TRADES, problems);
    expect(problems.found).toEqual(expected);
  });
});
