import { mkdirSync, readdir, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FileSystemAdapter } from 'tinyglobby';
import { describe, expect, it } from 'vitest';
import { ComparisonTime, ComparisonTimeError } from '../../src/core/comparison-time.js';
import {
  GlobReachError,
  globFiles,
  globMatcher,
  pathProblem,
  unboundedMatcher,
} from '../../src/core/glob.js';
import { temporaryDirectory } from '../stages/sinks/sink-rows.js';
import { withinCpuTime } from '../support/cpu-time.js';

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

  /** Takes minutes to be told from names with a `c`. */
  const SLOW = `/data/${'a'.repeat(4_000)}b`;
  const NAMES = ['a', 'ab', 'é', '.'].map((text) => text.repeat(250).slice(0, 250));
  it.each(['*a*a*a*b', '?(a)?(a)?(a)?(a)b', '{a,aa}{a,aa}{a,aa}{a,aa}b', '@(*a|*b)*c', '!(*a)!(*b)'])(
    'that is taken tells of any name within a second: %s',
    async (glob) => {
      expect(pathProblem(glob)).toBeUndefined();
      const matches = await unboundedMatcher(`/data/${glob}`);
      await withinCpuTime(1_000, () => {
        const time = new ComparisonTime();
        for (const name of NAMES) time.within(() => matches(`/data/${name}`));
      });
    },
  );

  it('counts as one that would match where it cannot be told in time', async () => {
    const matches = await globMatcher('/data/*a*a*c*b');
    const time = new ComparisonTime();
    expect(matches('/data/xaacb', time)).toBe(true);
    expect(matches('/data/aaxb', time)).toBe(false);
    expect(matches(SLOW, time)).toBe(true);
    expect(matches('/data/aaxb', time)).toBe(false);
  });

  it('is not told any more where all that are compared have taken too long', async () => {
    const matches = await globMatcher('/data/*a*a*c*b');
    const time = new ComparisonTime();
    const compareAll = () => {
      for (let i = 0; i < 10; i++) matches(SLOW, time);
    };
    expect(compareAll).toThrow(ComparisonTimeError);
    expect(() => matches('/data/aaxb', time)).toThrow(ComparisonTimeError);
    expect(matches('/data/aaax', time)).toBe(false); // by its end alone
  });

  it('tells again in the next comparison, however long the last one took', async () => {
    const matches = await globMatcher('/data/*a*a*c*b');
    const time = new ComparisonTime();
    expect(matches(SLOW, time)).toBe(true);
    expect(matches('/data/aaxb', new ComparisonTime())).toBe(false);
  });

  it('looks into no more directories than it may, so that `/**` walks through no disks', async () => {
    const root = temporaryDirectory();
    for (const name of ['a', 'b', 'c']) {
      mkdirSync(join(root, name));
      writeFileSync(join(root, name, 'x.csv'), '');
    }
    const glob = `${root.replaceAll('\\', '/')}/**/*.csv`;
    let listed = 0;
    const counting = {
      readdir: (...all: Parameters<typeof readdir>) => {
        listed++;
        readdir(...all);
      },
    };
    // The cast is true: all arguments are passed on.
    expect(await globFiles(glob, counting as unknown as FileSystemAdapter)).toHaveLength(3);
    expect(listed).toBeGreaterThanOrEqual(4); // what is above the root may be among them
    expect(await globFiles(glob, {}, listed)).toHaveLength(3);
    await expect(globFiles(glob, {}, listed - 1)).rejects.toThrow(GlobReachError);
  });
});
