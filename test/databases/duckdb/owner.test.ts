import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadDuckDb } from '../../../src/databases/duckdb/load-duckdb.js';
import { Database } from '../../../src/databases/duckdb/open-database.js';
import { Disk } from '../../../src/outputs/disk/disk.js';
import { nodeFileSystem } from '../../../src/outputs/disk/file-system.js';
import { thisOwner } from '../../../src/outputs/runs/run-owner.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { temporaryDirectory } from '../../stages/sinks/sink-rows.js';
import { inDatabase } from './in-database.js';

const optionsOf = (path: string) => ({
  disk: new Disk(nodeFileSystem, silentLogger),
  path,
  job: 'job',
  memoryMb: 128,
});

async function write(path: string, mayCreate = true): Promise<Database> {
  const database = await Database.forWriting(optionsOf(path), mayCreate);
  onTestFinished(() => database.close());
  return database;
}

async function read(path: string): Promise<Database> {
  const database = await Database.forReading(optionsOf(path));
  onTestFinished(() => database.close());
  return database;
}

describe('the file of a database', () => {
  it('has one writer in a process, also by a link to the file or to its folder', async () => {
    const folder = temporaryDirectory();
    mkdirSync(join(folder, 'data'));
    symlinkSync('data', join(folder, 'linked'));
    symlinkSync(join(folder, 'data', 'a.duckdb'), join(folder, 'b.duckdb'));
    await inDatabase(join(folder, 'data', 'a.duckdb'), 'SELECT 1');
    const first = await write(join(folder, 'data', 'a.duckdb'));
    for (const path of ['data/a.duckdb', 'linked/a.duckdb', 'b.duckdb']) {
      await expect(write(join(folder, path))).rejects.toMatchObject({
        code: 'OUTPUT_IN_USE',
        message: expect.stringContaining('A database has one writer at a time'),
      });
    }
    await first.close();
    await write(join(folder, 'b.duckdb'));
  });

  it('is not read while it is written, and read by several otherwise', async () => {
    const path = join(temporaryDirectory(), 'a.duckdb');
    const writer = await write(path);
    await expect(read(path)).rejects.toMatchObject({ code: 'OUTPUT_IN_USE' });
    await writer.close();
    await read(path);
    await read(path);
  });

  it('is not written while it is read, and so keeps the lock that keeps other processes out', async () => {
    const path = join(temporaryDirectory(), 'a.duckdb');
    await inDatabase(path, 'SELECT 1');
    const [first, second] = [await read(path), await read(path)];
    await first.close();
    await expect(write(path)).rejects.toMatchObject({
      code: 'OUTPUT_IN_USE',
      message: expect.stringContaining('is being read by a run of job "job"'),
    });
    await second.close();
    await write(path);
  });

  it('is read where nothing can be written beside it, unless somebody writes to it', async () => {
    const path = join(temporaryDirectory(), 'a.duckdb');
    const writer = await write(path);
    const refusing = new Disk(
      {
        ...nodeFileSystem,
        mkdir: async () => {
          throw Object.assign(new Error('read-only'), { code: 'EROFS' });
        },
        open: async (name: string) => {
          throw Object.assign(new Error(`read-only: ${name}`), { code: 'EROFS' });
        },
      } as unknown as typeof nodeFileSystem,
      silentLogger,
    );
    const options = { ...optionsOf(path), disk: refusing };
    await expect(Database.forReading(options)).rejects.toMatchObject({ code: 'OUTPUT_IN_USE' });
    await writer.close();
    const reader = await Database.forReading(options);
    await reader.close();
  });

  it('is refused with a second name, under which its log would not be found', async () => {
    const folder = temporaryDirectory();
    const path = join(folder, 'a.duckdb');
    await inDatabase(path, 'SELECT 1');
    linkSync(path, join(folder, 'b.duckdb'));
    await expect(write(path)).rejects.toThrow(/found 2 \(hard links\)/);
  });

  it('is refused while another process has it open, with the number of that process', async () => {
    const path = join(temporaryDirectory(), 'a.duckdb');
    const script = `const { DuckDBInstance } = require(${JSON.stringify(createRequire(import.meta.url).resolve('@duckdb/node-api'))});
      DuckDBInstance.create(${JSON.stringify(path)}).then((db) => { globalThis.db = db; console.log('open'); setInterval(() => db, 1e6); });`;
    const other = spawn(process.execPath, ['-e', script]);
    onTestFinished(() => void other.kill('SIGKILL'));
    await once(other.stdout, 'data');
    await expect(write(path)).rejects.toMatchObject({
      code: 'OUTPUT_IN_USE',
      message: expect.stringContaining(`PID ${other.pid}`),
    });
    other.kill('SIGKILL');
    await once(other, 'exit');
    await write(path);
  });

  it('is free again once the process of its writer was killed', async () => {
    const path = join(temporaryDirectory(), 'a.duckdb');
    await (await write(path)).close();
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']);
    const stat = () => readFileSync(`/proc/${other.pid}/stat`, 'latin1');
    await vi.waitFor(() => stat());
    const startedAt = stat()
      .slice(stat().lastIndexOf(')') + 2)
      .split(' ')[19]!;
    const owner = { ...thisOwner(), pid: other.pid!, thread: other.pid!, startedAt };
    const entry = { version: 1, job: 'other', run: 'a'.repeat(10), staging: `00001-${'a'.repeat(10)}` };
    writeFileSync(
      join(path, '..', '.a.duckdb.tickloom', 'runs', '00009'),
      JSON.stringify({ ...entry, mode: 'database', owner }),
    );
    await expect(write(path)).rejects.toMatchObject({ code: 'OUTPUT_IN_USE' });
    other.kill('SIGKILL');
    await once(other, 'exit');
    await write(path);
  });

  it('is made only if that is asked for', async () => {
    const folder = temporaryDirectory();
    await expect(write(join(folder, 'a.duckdb'), false)).rejects.toThrow(/create: if-missing/);
    await expect(read(join(folder, 'a.duckdb'))).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is told from a file of something else, which stays as it is', async () => {
    for (const name of ['ticks.csv', 'ticks']) {
      const path = join(temporaryDirectory(), name);
      const text = 'time,price\n'.repeat(1_000);
      writeFileSync(path, text);
      await expect(write(path)).rejects.toThrow(/expected a database of DuckDB/);
      expect(readFileSync(path, 'utf8')).toBe(text);
    }
  });
});

describe('the package of DuckDB', () => {
  it('is asked for with the command that installs it', () => {
    const load = () => {
      throw new Error('Cannot find module');
    };
    expect(() => loadDuckDb(load)).toThrow(/npm install @duckdb\/node-api/);
  });

  it('is refused in a version that lacks a call', () => {
    expect(() => loadDuckDb(() => ({}))).toThrow(/"data_chunk_get_vector"/);
  });
});
