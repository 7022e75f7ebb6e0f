import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FilesInUse } from '../../../src/plan/paths/files-in-use.js';
import { findJobFiles, type JobFiles } from '../../../src/plan/paths/job-files.js';
import { conflictsBetween } from '../../../src/plan/paths/path-conflicts.js';
import { DEEP, tried } from '../../support/deep.js';
import { entries, pathInTree, plantTree, spelling } from './random-tree.js';

const input = fc.oneof(pathInTree, fc.constantFrom('*.csv', '**/*.csv', 'a/*', 'a/**', '{a,b}/x.csv', '**'));
const output = fc.record({
  path: fc.oneof(
    pathInTree,
    pathInTree.map((path) => `${path}.csv`),
  ),
  ifExists: fc.constantFrom('append', 'error'),
  partitionBy: fc.constantFrom(undefined, ['symbol']),
});
const deadLetter = fc.option(pathInTree, { nil: undefined });
const job = fc.record({ input, output, deadLetter, readAs: spelling, writtenAs: spelling });

async function filesOf(
  name: string,
  {
    input,
    output,
    deadLetter,
    readAs,
    writtenAs,
  }: typeof job extends fc.Arbitrary<infer Value> ? Value : never,
  spell: (path: string, how: string) => string,
): Promise<JobFiles> {
  const files = await findJobFiles({
    name,
    source: { use: 'replay', options: { path: spell(input, readAs) } },
    sink: { use: 'csv', options: { ...output, path: spell(output.path, writtenAs) } },
    ...(deadLetter !== undefined && { deadLetter: { path: spell(deadLetter, readAs), maxRows: 1 } }),
  });
  return files!;
}

/** A job that reads one file and writes another one. */
const between = (name: string, read: string, written: string) =>
  findJobFiles({
    name,
    source: { use: 'replay', options: { path: read } },
    sink: { use: 'csv', options: { path: written, ifExists: 'append' } },
  }) as Promise<JobFiles>;

describe('the files in use', () => {
  it('name every job that has a conflict, whatever its files are', async () => {
    const seen = { conflicts: 0, others: 0 };
    await fc.assert(
      fc.asyncProperty(entries, job, job, async (planted, first, second) => {
        const tree = plantTree(planted);
        try {
          const [a, b] = [await filesOf('a', first, tree.spell), await filesOf('b', second, tree.spell)];
          const inUse = new FilesInUse<object>();
          inUse.add(a, a);
          const hasConflict = conflictsBetween(b, a, 'job "a"').length > 0;
          if (hasConflict) expect(inUse.near(b)).toEqual([[a, a]]);
          seen[hasConflict ? 'conflicts' : 'others']++;
          inUse.delete(a);
          expect(inUse.near(b)).toEqual([]);
        } finally {
          tree.remove();
        }
      }),
      { numRuns: tried(100, 1_000, 5_000), ...(DEEP ? {} : { seed: 1 }) },
    );
    expect(seen.conflicts).toBeGreaterThan(10);
    expect(seen.others).toBeGreaterThan(10);
  });

  it('name none of any number of jobs that read one file, and add to one directory or write their own', async () => {
    const inUse = new FilesInUse<JobFiles>();
    const add = (files: JobFiles) => inUse.add(files, files);
    for (let i = 0; i < 100; i++) {
      add(await between(`shared ${i}`, '/in/ticks.csv', '/out/shared'));
      add(await between(`own ${i}`, '/in/*.csv', `/out/own/${i}`));
    }
    expect(inUse.near(await between('b', '/in/ticks.csv', '/out/shared'))).toEqual([]);
    expect(inUse.near(await between('b', '/in/*.csv', '/out/own/b'))).toEqual([]);
    expect(inUse.near(await between('b', '/in/ticks.csv', '/out/own/7/x.csv'))).toMatchObject([
      [{ job: 'own 7' }, {}],
    ]);
    expect(inUse.near(await between('b', '/out/shared/*.csv', '/out/b'))).toHaveLength(100);
  });

  it('are said not to be compared where globs take too long, and not to be in the way', async () => {
    const inUse = new FilesInUse<JobFiles>();
    const slow = await between('slow', '/in/*a*a*.csv', '/out/slow');
    const forever = () => {
      for (;;);
    };
    const globFor: typeof slow.reads.globFor = (_, time) => {
      for (;;) time.within(forever);
    };
    Object.assign(slow.reads, { globFor });
    inUse.add(slow, slow);
    expect(inUse.conflicts(await between('writer', '/other/ticks.csv', '/in/b'), ({ job }) => job)).toEqual([
      {
        path: ['sink', 'path'],
        message: expect.stringMatching(/^expected paths that are soon compared with th/),
      },
    ]);
  });

  it('are compared with those of no more jobs than a spec has problems kept', async () => {
    const inUse = new FilesInUse<JobFiles>();
    for (let i = 0; i < 500; i++) {
      const files = await between(`reader ${i}`, '/in/ticks.csv', `/out/own/${i}`);
      inUse.add(files, files);
    }
    const compared: string[] = [];
    const conflictsOf = async (name: string, written: string) =>
      inUse.conflicts(await between(name, '/other/ticks.csv', written), ({ job }) => {
        compared.push(job);
        return job;
      });
    expect([await conflictsOf('apart', '/out/apart'), compared]).toEqual([[], []]);
    expect(await conflictsOf('writer', '/in')).toHaveLength(100);
    expect(compared).toHaveLength(100);
  });
});
