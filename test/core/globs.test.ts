import { describe, expect, it } from 'vitest';
import { globMatcher, pathProblem } from '../../src/core/glob.js';
import { MatchTime } from '../../src/core/match-time.js';

describe('a glob', () => {
  it.each([
    'ticks-*.csv',
    '*_*_*_*.csv',
    '**/{BTC,ETH,SOL}-{USD,EUR}-{2023,2024}-*.csv',
    'ticks (1).csv',
    'ticks (a+b).csv',
    '+([0-9])-@(bid|ask).csv',
    '!(*.tmp)',
    '{1..12}/[ab]?.csv',
    '*.{csv,csv.gz}',
    '{2023/12,2024/01}/*_*.csv',
    'old (1/new [x (2)].csv',
  ])('that people write is taken: %s', (glob) => {
    expect(pathProblem(glob)).toBeUndefined();
  });

  it.each([
    '+(*a|b/c)',
    '*(b/c|a*)x',
    '(*a|b/c)+',
    'in/{+(b/c|*a),x}',
    '+([)]*a|b)',
    '+([])]*a|b)',
    '+([(]*a|b/c)',
  ])('that takes years is refused, whatever is around its repetitions: %s', (glob) => {
    expect(pathProblem(glob)).toMatch(/^expected a glob that repeats no group/);
  });

  it('is counted with its groups whole, be there a slash in them', () => {
    expect(pathProblem('{*a/b,c}*d*e*f')).toBe(
      'expected a glob with at most 4 "*" and groups in a name, found 5',
    );
  });

  const NAMES = ['a', 'ab', 'é', '.'].map((text) => text.repeat(250).slice(0, 250));
  it.each(['*a*a*a*b', '?(a)?(a)?(a)?(a)b', '{a,aa}{a,aa}{a,aa}{a,aa}b', '@(*a|*b)*c', '!(*a)!(*b)'])(
    'that is taken tells of any name within a second: %s',
    async (glob) => {
      expect(pathProblem(glob)).toBeUndefined();
      const matches = await globMatcher(`/data/${glob}`);
      const began = process.cpuUsage();
      const time = new MatchTime();
      for (const name of NAMES) matches(`/data/${name}`, time);
      const { user, system } = process.cpuUsage(began);
      expect((user + system) / 1e6).toBeLessThan(1);
    },
  );

  it('counts as one that would match where it cannot be told in time', async () => {
    const matches = await globMatcher('/data/*a*a*a*b');
    const time = new MatchTime();
    expect(matches('/data/xaaab', time)).toBe(true);
    expect(matches('/data/aaax', time)).toBe(false);
    expect(matches(`/data/${'a'.repeat(4_000)}`, time)).toBe(true);
    expect(matches('/data/aaax', time)).toBe(true);
  });

  it('tells again in the next comparison, however long the last one took', async () => {
    const matches = await globMatcher('/data/*a*a*a*b');
    const time = new MatchTime();
    expect(matches(`/data/${'a'.repeat(4_000)}`, time)).toBe(true);
    expect(matches('/data/aaax', new MatchTime())).toBe(false);
  });
});
