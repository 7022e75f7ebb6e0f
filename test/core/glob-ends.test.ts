import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pathProblem, unboundedMatcher } from '../../src/core/glob.js';
import { globEnds, hasEnds } from '../../src/core/glob-ends.js';
import { DEEP, tried } from '../support/deep.js';

describe('the fixed ends of a glob', () => {
  it.each([
    ['in/ticks-*.csv', 'ticks-', '.csv'],
    ['in/**/ticks.csv', 'ticks.csv', 'ticks.csv'],
    ['**/*.{csv,csv.gz}', '', ''],
    ['{a/b,c}-2024?.csv', '', '.csv'],
    ['ticks[0-9].csv', '', '.csv'],
    ['a+(b).csv', '', '.csv'],
    ['a|b.csv', '', ''],
    ['!in/a*.csv', '', ''],
    ['in/', '', ''],
    ['in/.', '', ''],
    ['in/..', '', ''],
    ['in/(a)\\b', '', ''],
  ])('%s', (glob, prefix, suffix) => {
    expect(globEnds(glob)).toEqual({ prefix, suffix });
  });

  it('are those of every name that it matches', async () => {
    const sign = fc.constantFrom(
      ...'abc.-*?[]{}(),|!+@/\\^$',
      'a',
      'b',
      '*',
      '.a',
      '{a,b}',
      '*(a)',
      '@(b)',
      '[ab]',
    );
    const glob = fc.array(sign, { minLength: 1, maxLength: 7 }).map((signs) => `/d/${signs.join('')}`);
    const name = fc
      .array(fc.constantFrom(...'abc.-/', '[', '(', '{', '!', '+'), { minLength: 1, maxLength: 5 })
      // A path that was resolved has no name `.` or `..` in it.
      .filter((signs) => signs.at(-1) !== '/' && !/(^|\/)\.\.?(\/|$)/.test(signs.join('')));
    let matched = 0;
    await fc.assert(
      fc.asyncProperty(glob, fc.array(name, { minLength: 20, maxLength: 20 }), async (pattern, names) => {
        if (pathProblem(pattern) !== undefined) return;
        const matches = await unboundedMatcher(pattern);
        const ends = globEnds(pattern);
        for (const each of names) {
          const path = `/d/${each.join('')}`;
          if (!matches(path)) continue;
          matched++;
          expect([pattern, path, hasEnds(path.slice(path.lastIndexOf('/') + 1), ends)]).toEqual([
            pattern,
            path,
            true,
          ]);
        }
      }),
      { numRuns: tried(200, 1_000, 5_000), ...(DEEP ? {} : { seed: 1 }) },
    );
    expect(matched).toBeGreaterThan(20);
  });
});
