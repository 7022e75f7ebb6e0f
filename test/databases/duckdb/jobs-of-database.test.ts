import { linkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findJobFiles } from '../../../src/plan/paths/job-files.js';
import { FilesOfJobs } from '../../../src/supervision/files-of-jobs.js';
import { temporaryDirectory } from '../../stages/sinks/sink-rows.js';
import { inDatabase } from './in-database.js';

describe('jobs with one database', () => {
  const filesOf = async (name: string, path: string, use: 'sink' | 'source') =>
    (await findJobFiles({
      name,
      ...(use === 'sink'
        ? { sink: { use: 'duckdb', options: { path, table: 'a' } } }
        : { source: { use: 'duckdb', options: { path, table: 'a' } } }),
    }))!;

  it.each(['sink', 'source'] as const)('are refused before anything is opened, as a %s', async (use) => {
    const folder = temporaryDirectory();
    const path = join(folder, 'a.duckdb');
    await inDatabase(path, 'SELECT 1');
    symlinkSync(path, join(folder, 'linked.duckdb'));
    linkSync(path, join(folder, 'hard.duckdb'));
    const jobs = new FilesOfJobs<{ name: string }>();
    jobs.add({ name: 'first' }, await filesOf('first', path, 'sink'));
    for (const other of ['a.duckdb', 'linked.duckdb', 'hard.duckdb']) {
      const problems = jobs.conflicts(await filesOf('second', join(folder, other), use), ({ name }) => name);
      expect(problems.map((problem) => problem.path)).toEqual([[use, 'path']]);
    }
  });
});
