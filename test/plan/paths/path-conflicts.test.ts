import { existsSync, linkSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { ComparisonTimeError } from '../../../src/core/comparison-time.js';
import { looksLikeGlob } from '../../../src/core/glob.js';
import type { SinkFactory } from '../../../src/engine/factories.js';
import { findJobFiles, type JobFiles } from '../../../src/plan/paths/job-files.js';
import { conflictsBetween, ownConflicts } from '../../../src/plan/paths/path-conflicts.js';
import type { PipelineSpec, SinkSpec, SourceSpec } from '../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../src/runtime/pipeline-builder.js';
import { resolveSpec } from '../../../src/runtime/resolve-spec.js';
import { listFiles } from '../../../src/stages/sources/replay/file-list.js';
import { DEEP, tried } from '../../support/deep.js';
import { scratchFolder } from '../../support/recorded-data.js';
import { specProblems } from '../../support/spec-problems.js';
import { specialFiles } from '../../support/special-files.js';
import { entries, type PlantedEntry, pathInTree, plantTree, spelling } from './random-tree.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

let folders = 0;
/** A folder for one test, and paths in it. */
function makeFolder(...files: string[]) {
  const folder = join(SCRATCH.folder, `${++folders}`);
  const at = (path: string) => join(folder, path);
  mkdirSync(folder);
  for (const file of files) {
    mkdirSync(dirname(at(file)), { recursive: true });
    writeFileSync(at(file), 'time,symbol,bid,ask\n');
  }
  return { folder, at };
}

const replay = (...paths: string[]): SourceSpec => ({
  use: 'replay',
  path: paths.length === 1 ? paths[0]! : paths,
  kind: 'quote',
  columns: { time: 'time', symbol: 'symbol', bid: 'bid', ask: 'ask' },
});
const csv = (path: string, more = {}): SinkSpec => ({ use: 'csv', path, ...more });
const SYNTHETIC = { use: 'synthetic' } as const;
const NOWHERE = { use: 'null' } as const;

const problemsOf = (spec: Omit<PipelineSpec, 'name'>) => specProblems({ name: 'own', ...spec });

describe('a spec is refused', () => {
  it('whose dead-letter file is its input', async () => {
    const { at } = makeFolder('ticks.csv');
    const path = at('ticks.csv');
    expect(await problemsOf({ source: replay(path), sink: NOWHERE, deadLetter: { path } })).toEqual([
      `deadLetter.path: expected a path that nothing reads, found "${path}", which source.path reads; choose another path`,
    ]);
    symlinkSync('.', at('here'));
    const alias = `${relative(process.cwd(), at('here'))}/ticks.csv`;
    expect(await problemsOf({ source: replay(path), sink: NOWHERE, deadLetter: { path: alias } })).toEqual([
      `deadLetter.path: expected a path that nothing reads, found "${alias}", which source.path reads as "${path}"; ` +
        'choose another path',
    ]);
  });

  it('whose dead-letter file is an input by a link or by a second name', async () => {
    const { at } = makeFolder('in/ticks.csv');
    symlinkSync('in', at('link'));
    linkSync(at('in/ticks.csv'), at('second.csv'));
    for (const path of [at('link/ticks.csv'), at('second.csv')]) {
      const spec = { source: replay(at('in/*.csv')), sink: NOWHERE, deadLetter: { path } };
      expect(await problemsOf(spec)).toEqual([
        expect.stringMatching(
          /^deadLetter\.path: .*which source\.path reads as ".*ticks\.csv" \(by ".*\*\.csv"\)/,
        ),
      ]);
    }
  });

  it('whose dead-letter file holds anything else', async () => {
    const { at } = makeFolder('notes.txt');
    const spec = { source: SYNTHETIC, sink: NOWHERE };
    expect(await problemsOf({ ...spec, deadLetter: { path: at('notes.txt') } })).toEqual([
      `deadLetter.path: expected a new file, an empty file or a dead-letter file, found "${at('notes.txt')}", ` +
        'which is another kind of file; nothing was written to it: choose another path, or move it away',
    ]);
    expect(await problemsOf({ ...spec, deadLetter: { path: at('.') } })).toEqual([
      expect.stringContaining('which is a directory'),
    ]);
    symlinkSync('not-there', at('planted'));
    expect(await problemsOf({ ...spec, deadLetter: { path: at('planted') } })).toEqual([
      expect.stringContaining('which is a link to a file that does not exist'),
    ]);
    expect(await problemsOf({ ...spec, deadLetter: { path: at('new/dead.jsonl') } })).toEqual([]);
  });

  it('whose dead-letter file is its output, or lies among the parts', async () => {
    const { at } = makeFolder();
    const spec = { source: SYNTHETIC, sink: csv(at('all.csv')) };
    expect(await problemsOf({ ...spec, deadLetter: { path: at('./all.csv') } })).toEqual([
      expect.stringMatching(/^deadLetter\.path: expected a path of its own, .*where sink\.path writes/),
    ]);
    expect(
      await problemsOf({ ...spec, sink: csv(at('out')), deadLetter: { path: at('out/bad.jsonl') } }),
    ).toEqual([
      expect.stringMatching(
        /^deadLetter\.path: expected a path outside of ".*out", where sink\.path writes its parts/,
      ),
    ]);
  });

  it('whose glob matches its own output, be it there or not', async () => {
    const { at } = makeFolder('a.csv', 'b.csv');
    const spec = { source: replay(at('*.csv')), sink: csv(at('all.csv'), { ifExists: 'replace' }) };
    const ifMissing = await problemsOf(spec);
    expect(ifMissing).toEqual([
      `source.path: expected input that nothing writes to, found the glob "${at('*.csv')}", which matches ` +
        `"${at('all.csv')}", where sink.path writes; narrow the glob, or write elsewhere`,
    ]);
    writeFileSync(at('all.csv'), '');
    expect(await problemsOf(spec)).toEqual([
      `source.path: expected input that nothing writes to, found "${at('all.csv')}" (by "${at('*.csv')}"), ` +
        'where sink.path writes; write elsewhere',
    ]);
    expect(await problemsOf({ ...spec, source: replay(at('[ab].csv')) })).toEqual([]);
  });

  it('whose glob matches the names that its parts will have, in folders of partitions too', async () => {
    const { at } = makeFolder('in/a.csv');
    const isRefused = async (glob: string, options: object = {}) =>
      (
        await problemsOf({
          source: replay(at(glob), at('in/a.csv')),
          sink: csv(at('out'), options),
        })
      ).length > 0;
    expect(await isRefused('out/own-??????????-*.csv')).toBe(true);
    expect(await isRefused('out/own-*-00001-*.csv')).toBe(true);
    expect(await isRefused('out/no-such-*.csv')).toBe(false);
    expect(await isRefused('out/*/*.csv')).toBe(false);
    expect(await isRefused('out/*/*.csv', { partitionBy: ['symbol'] })).toBe(true);
    expect(await isRefused('out/symbol=*/day=*/*.csv', { partitionBy: ['symbol', 'day'] })).toBe(true);
  });

  it('whose glob would match its output under a link, or in a folder that is yet to be made', async () => {
    const { at } = makeFolder('in/a.csv', 'there/b.csv');
    symlinkSync('../out', at('in/sub')); // leads nowhere yet
    symlinkSync('../there', at('in/more'));
    symlinkSync('../later.csv', at('in/link.csv'));
    const source = replay(at('in/**/*.csv'));
    const isRefused = async (path: string) => (await problemsOf({ source, sink: csv(at(path)) })).length > 0;
    expect(await isRefused('out/all.csv')).toBe(true);
    expect(await isRefused('there/all.csv')).toBe(true);
    expect(await isRefused('in/new/deep/all.csv')).toBe(true);
    expect(await isRefused('later.csv')).toBe(true);
    expect(await isRefused('elsewhere.csv')).toBe(false);
    expect(await isRefused('in/all.csv.gz')).toBe(false);
  });

  it('whose input lies in the directory that it fills, or whose glob would find the parts', async () => {
    const { at } = makeFolder('out/in/a.csv', 'in/a.csv');
    expect(
      await problemsOf({ source: replay(at('in/a.csv'), at('out/in/a.csv')), sink: csv(at('out')) }),
    ).toEqual([
      `source.path.1: expected input that nothing writes to, found "${at('out/in/a.csv')}" in the directory ` +
        `"${at('out')}", where sink.path writes; write elsewhere`,
    ]);
    const parts = { source: replay(at('**/a*.csv')), sink: csv(at('new')) };
    expect(await problemsOf(parts)).toEqual([]);
    expect(await problemsOf({ ...parts, source: replay(at('**/*.csv')) })).toEqual([
      expect.stringMatching(
        /^source\.path: .* the glob ".*", which matches the parts in ".*new", where sink\.path/,
      ),
    ]);
    expect(
      await problemsOf({ source: replay(at('**/*.csv')), sink: { use: 'parquet', path: at('new') } }),
    ).toEqual([]);
  });

  it('whose input is missing and its own output', async () => {
    const { at } = makeFolder();
    expect(await problemsOf({ source: replay(at('x.csv')), sink: csv(at('x.csv')) })).toEqual([
      expect.stringMatching(/^source\.path: .* where sink\.path writes; write elsewhere$/),
    ]);
  });
});

describe('a pipeline in the calling thread', () => {
  it('is refused for what it reads and writes, before a stage is made', async () => {
    const { at } = makeFolder('a.csv');
    const spec = { name: 'own', source: replay(at('*.csv')), sink: csv(at('all.csv')) };
    await expect(createPipeline(spec).run()).rejects.toMatchObject({
      code: 'SPEC_INVALID',
      problems: [{ path: ['source', 'path'] }],
    });
    expect(existsSync(at('all.csv'))).toBe(false);
  });

  it('has the files of a sink in code compared that says which it has', async () => {
    const { at } = makeFolder('a.csv');
    const create = () => expect.fail('made');
    const sink: SinkFactory<unknown> = {
      files: () => ({ writes: [{ path: at('a.csv'), at: ['path'] }] }),
      create,
    };
    const spec = { name: 'own', source: replay(at('a.csv')) };
    await expect(createPipeline(spec, { sink }).run()).rejects.toThrow(
      /source\.path: .*where sink\.path writes/,
    );
  });
});

describe('"-" as a path', () => {
  it('is refused with what to do, for sources, sinks and dead letters', async () => {
    const spec = { source: replay('-'), sink: csv('-'), deadLetter: { path: '-' } };
    expect(await problemsOf(spec)).toEqual([
      expect.stringMatching(/^source\.path: .*found "-": standard input .* Write it to a file first/),
      expect.stringMatching(/^sink\.path: .*found "-": on standard output, the sink "console" prints rows/),
      expect.stringMatching(/^deadLetter\.path: .*found "-": bad rows are kept in a file alone/),
    ]);
    expect(existsSync('-')).toBe(false);
    expect(await problemsOf({ source: SYNTHETIC, sink: csv('./-') })).toEqual([]);
  });

  it('is refused in a list, and in a branch', async () => {
    const branches = [NOWHERE, { use: 'parquet', path: '-' } as const];
    expect(await problemsOf({ source: replay('a.csv', '-'), sink: { use: 'tee', branches } })).toEqual([
      expect.stringMatching(/^source\.path\.1: /),
      expect.stringMatching(/^sink\.branches\.1\.path: /),
    ]);
  });
});

describe('what is no file', () => {
  it('takes no dead letters, and is called what it is', async () => {
    const { pipe, socket } = await specialFiles();
    for (const [path, found] of [
      [pipe, 'which is a pipe'],
      [socket, 'which is a socket'],
    ] as const) {
      const spec = { source: SYNTHETIC, sink: NOWHERE, deadLetter: { path } };
      expect(await problemsOf(spec)).toEqual([expect.stringContaining(found)]);
    }
  });
});

describe('a device', () => {
  it('takes the dead letters of any number of jobs', async () => {
    const files = await filesOf('a', { source: SYNTHETIC, sink: NOWHERE, deadLetter: { path: '/dev/null' } });
    expect(files).toMatchObject({ writes: [] });
  });
});

async function filesOf(name: string, spec: Omit<PipelineSpec, 'name'>): Promise<JobFiles> {
  return (await findJobFiles(await resolveSpec({ name, ...spec })))!;
}

/** What the second is told of the first. */
async function between(
  first: Omit<PipelineSpec, 'name'>,
  second: Omit<PipelineSpec, 'name'>,
): Promise<string[]> {
  const [a, b] = [await filesOf('a', first), await filesOf('b', second)];
  return conflictsBetween(b, a, 'job "a"').map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('two jobs', () => {
  it('do not write to one file, or one into the directory of the other', async () => {
    const { at } = makeFolder();
    const into = (sink: SinkSpec) => ({ source: SYNTHETIC, sink });
    expect(
      await between(into(csv(at('x.csv'))), into(csv(at('./y/../x.csv'), { ifExists: 'append' }))),
    ).toEqual([
      `sink.path: expected a path of its own, found "${at('x.csv')}", where sink.path of job "a" writes; ` +
        'choose another path',
    ]);
    expect(await between(into(csv(at('out'))), into(csv(at('out/x.csv'))))).toEqual([
      expect.stringMatching(
        /^sink\.path: expected a path outside of ".*out", where sink\.path of job "a" writes/,
      ),
    ]);
    expect(await between(into(csv(at('out/deep/x.csv'))), into(csv(at('out'))))).toEqual([
      expect.stringMatching(
        /^sink\.path: expected a directory of its own, .*job "a" writes to ".*x\.csv" in it/,
      ),
    ]);
    expect(await between(into(csv(at('x.csv'))), into(csv(at('y.csv'))))).toEqual([]);
  });

  it('share a directory where both add parts of one format, and no other way', async () => {
    const { at } = makeFolder();
    const into = (use: 'csv' | 'parquet', ifExists: 'append' | 'error' | 'replace') => ({
      source: SYNTHETIC,
      sink: { use, path: at('out'), ifExists },
    });
    expect(await between(into('csv', 'append'), into('csv', 'append'))).toEqual([]);
    for (const other of [into('csv', 'replace'), into('csv', 'error'), into('parquet', 'append')]) {
      expect(await between(into('csv', 'append'), other)).toHaveLength(1);
      expect(await between(other, into('csv', 'append'))).toHaveLength(1);
    }
  });

  it('have dead-letter files of their own', async () => {
    const { at } = makeFolder();
    const spec = { source: SYNTHETIC, sink: NOWHERE, deadLetter: { path: at('bad.jsonl') } };
    expect(await between(spec, spec)).toEqual([
      expect.stringMatching(
        /^deadLetter\.path: expected a path of its own, .*deadLetter\.path of job "a" writes/,
      ),
    ]);
    const sink = { use: 'jsonl', path: at('bad.jsonl') } as const;
    expect(await between(spec, { source: SYNTHETIC, sink })).toHaveLength(1);
  });

  it('do not read what the other one writes, whichever came first', async () => {
    const { at } = makeFolder('in/a.csv', 'in/b.csv');
    const reader = { source: replay(at('in/*.csv')), sink: NOWHERE };
    const writer = (path: string) => ({ source: SYNTHETIC, sink: csv(at(path), { ifExists: 'replace' }) });
    expect(await between(reader, writer('in/b.csv'))).toEqual([
      `sink.path: expected a path that nothing reads, found "${at('in/b.csv')}", which source.path of job "a" reads ` +
        `(by "${at('in/*.csv')}"); choose another path`,
    ]);
    expect(await between(reader, writer('in/new.csv'))).toEqual([
      `sink.path: expected a path that nothing reads, found "${at('in/new.csv')}", and the glob "${at('in/*.csv')}" ` +
        'of source.path of job "a" matches it; choose another path',
    ]);
    expect(await between(writer('in/b.csv'), reader)).toEqual([
      expect.stringMatching(/^source\.path: .*b\.csv" \(by .*\), where sink\.path of job "a" writes/),
    ]);
    expect(await between(writer('in/new.csv'), reader)).toEqual([
      expect.stringMatching(/^source\.path: .*the glob .*where sink\.path of job "a" writes/),
    ]);
    expect(await between(reader, writer('out/new.csv'))).toEqual([]);
    expect(await between(reader, reader)).toEqual([]);
  });

  // Again where the machine stood still for a quarter of a second: a glob that long without an answer counts as a match.
  it('are compared without regard to the time that globs have taken before', { retry: 3 }, async () => {
    const { at } = makeFolder('in/a.csv');
    const writer = await filesOf('b', {
      source: SYNTHETIC,
      sink: csv(at('in/b.csv'), { ifExists: 'replace' }),
    });
    const reader = await filesOf('a', { source: replay(at('in/*a*a*.csv')), sink: NOWHERE });
    const { reads } = reader;
    const forever = () => {
      for (;;);
    };
    const usesUpTheTime: typeof reads.globFor = (path, time) => {
      for (let i = 0; i < 10; i++) time.within(forever);
      return reads.globFor(path, time);
    };
    const slow = {
      ...reader,
      reads: { same: reads.same.bind(reads), within: reads.within.bind(reads), globFor: usesUpTheTime },
    } as unknown as typeof reader;
    expect(conflictsBetween(writer, reader, 'a')).toHaveLength(0);
    expect(() => conflictsBetween(writer, slow, 'a')).toThrow(ComparisonTimeError);
    expect(conflictsBetween(writer, reader, 'a')).toHaveLength(0);
  });

  it('do not read the parts of the other one by the names that the writer gives them', async () => {
    const { at } = makeFolder('in/a-1.csv', 'in/b-1.csv');
    const reader = (glob: string) => ({ source: replay(at(glob)), sink: NOWHERE });
    const writer = { source: SYNTHETIC, sink: csv(at('out')) };
    // The first job is "a", the second "b".
    expect(await between(writer, reader('*/a-*.csv'))).toEqual([
      expect.stringMatching(/^source\.path: .* the glob .* matches the parts in .*sink\.path of job "a"/),
    ]);
    expect(await between(reader('*/b-*.csv'), writer)).toEqual([
      expect.stringMatching(/^sink\.path: .* the glob .* of source\.path of job "a" matches its parts/),
    ]);
    expect(await between(writer, reader('*/b-*.csv'))).toEqual([]);
    expect(await between(reader('*/a-*.csv'), writer)).toEqual([]);
  });
});

const GLOB_STEP = fc.constantFrom('*', '**', '**', 'a', '{a,b}', '..');
const globInTree = fc
  .tuple(fc.array(GLOB_STEP, { maxLength: 2 }), fc.constantFrom('*.csv', '*', 'x.csv', '[!x]*'))
  .map(([steps, last]) => [...steps, last].join('/'));

function isWithoutCircles(planted: readonly PlantedEntry[]): boolean {
  const links = planted.filter(({ kind }) => kind.endsWith('link') && kind !== 'hard link');
  return links.length === 0 || (links.length === 1 && links[0]!.kind === 'link' && !/^\./.test(links[0]!.to));
}

describe('the files of a job', () => {
  it('conflict where the source would read what the sink has written, and nowhere else', async () => {
    const seen = { refused: 0, sound: 0 };
    await fc.assert(
      fc.asyncProperty(
        entries,
        fc.oneof({ weight: 4, arbitrary: globInTree }, { weight: 1, arbitrary: pathInTree }),
        pathInTree.map((path) => (path.endsWith('.csv') ? path : `${path}.csv`)),
        spelling,
        spelling,
        async (planted, input, output, readAs, writtenAs) => {
          const tree = plantTree(planted);
          try {
            const path = tree.spell(output, writtenAs);
            const files = await findJobFiles({
              name: 'own',
              source: { use: 'replay', options: { path: tree.spell(input, readAs) } },
              sink: { use: 'csv', options: { path, ifExists: 'replace' } },
            });
            const isRefused = ownConflicts(files!).length > 0;

            try {
              mkdirSync(dirname(path), { recursive: true });
              writeFileSync(path, '', { flag: 'a' });
            } catch {
              return; // nothing can be written there
            }
            const inode = (file: string) => {
              const { dev, ino } = statSync(file, { bigint: true });
              return `${dev}:${ino}`;
            };
            const read = await listFiles([tree.spell(input, readAs)]).catch(() => undefined);
            // `missing/../x.csv` is a file for those alone who make the folder.
            if (!read && !looksLikeGlob(input)) return;
            const isRead = read?.map(inode).includes(inode(path)) === true;
            if (isRead) expect(isRefused).toBe(true);
            // Links in a circle give a file endless names, and a glob stops at some of them.
            else if (isWithoutCircles(planted)) expect(isRefused).toBe(false);
            seen[isRefused ? 'refused' : 'sound']++;
          } finally {
            tree.remove();
          }
        },
      ),
      { numRuns: tried(50, 500, 5_000), ...(DEEP ? {} : { seed: 1 }) },
    );
    expect(seen.refused).toBeGreaterThan(tried(0, 0, 5));
    expect(seen.sound).toBeGreaterThan(tried(0, 0, 5));
  });

  it('are compared through maps, be there thousands', async () => {
    const { at } = makeFolder();
    mkdirSync(at('in'));
    for (let i = 0; i < 4_000; i++) writeFileSync(at(`in/${i}.csv`), '');
    const reader = await filesOf('a', { source: replay(at('in/*.csv')), sink: NOWHERE });
    const writer = await filesOf('b', { source: SYNTHETIC, sink: csv(at('out/x.csv')) });
    let looks = 0;
    const counted: JobFiles = {
      ...writer,
      writes: writer.writes.map((write) => ({
        ...write,
        get resolved() {
          looks++;
          return write.resolved;
        },
      })),
    };
    expect(conflictsBetween(counted, reader, 'job "a"')).toEqual([]);
    expect(looks).toBeLessThan(10);
  });
});
