import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import * as real from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Disk } from '../../src/outputs/disk/disk.js';
import type { FileSystem } from '../../src/outputs/disk/file-system.js';
import { stateFolderOf } from '../../src/outputs/runs/state-folder.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { temporaryDirectory, ticks } from '../stages/sinks/sink-rows.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { globbed, read, runWhole, seconds, startRun } from '../support/file-runs.js';

/** A folder of somebody else with a file in it that must stay as it is. */
function victim() {
  const folder = temporaryDirectory();
  writeFileSync(join(folder, 'theirs'), 'as it was');
  const isUntouched = () =>
    readFileSync(join(folder, 'theirs'), 'utf8') === 'as it was' && readdirSync(folder).length === 1;
  return { folder, file: join(folder, 'theirs'), isUntouched };
}

describe('an output whose folders another run made, which died before it had synced their names', () => {
  it.each(['out', 'out.jsonl'])(
    'survives a power cut with all rows that were committed (%s)',
    async (name) => {
      const disk = new CrashingFileSystem();
      const folder = join(temporaryDirectory(), 'new');
      await disk.fs.mkdir(folder);
      const path = name === 'out' ? folder : join(folder, name);
      await disk.fs.mkdir(stateFolderOf(path));
      await disk.fs.mkdir(join(stateFolderOf(path), 'runs'));
      await runWhole(path, ticks(3), { fs: disk.fs });
      await disk.cutPower();
      expect(read(path)).toEqual([0, 1, 2]);
    },
  );
});

/** The real file system, with other mounts; `undefined` where the system does not tell them. */
const mountsOf = (mounts: string | undefined): FileSystem => ({
  ...real,
  readFile: (async (path: string, ...how: []) => {
    if (path !== '/proc/self/mountinfo') return real.readFile(path, ...how);
    if (mounts === undefined) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
    return mounts;
  }) as FileSystem['readFile'],
});

describe('what is not whole yet', () => {
  it.each(['', 'runs'])(
    'is not written through a planted link (in place of the folder %s)',
    async (inside) => {
      const { folder, isUntouched } = victim();
      const path = join(temporaryDirectory(), 'out');
      const state = stateFolderOf(path);
      if (inside) mkdirSync(state);
      symlinkSync(folder, join(state, inside));
      await expect(startRun(path, { ifExists: 'append' })).rejects.toMatchObject({
        code: 'OUTPUT_FAILED',
        message: expect.stringContaining('expected a directory, found a link'),
      });
      expect(isUntouched()).toBe(true);
    },
  );

  it('is not written through links at the names of its small files', async () => {
    const { file, isUntouched } = victim();
    const path = join(temporaryDirectory(), 'out');
    const state = stateFolderOf(path);
    mkdirSync(join(state, 'runs'), { recursive: true });
    symlinkSync(file, join(state, 'columns.json'));
    symlinkSync(file, join(state, 'runs', 'ended-00001'));
    await expect(runWhole(path, ticks(2))).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    expect([isUntouched(), lstatSync(join(state, 'columns.json')).isSymbolicLink()]).toEqual([true, true]);
  });

  it('is not read through a link at the number of a run', async () => {
    const { file, isUntouched } = victim();
    const path = join(temporaryDirectory(), 'out');
    const runs = join(stateFolderOf(path), 'runs');
    mkdirSync(runs, { recursive: true });
    symlinkSync(file, join(runs, '00001'));
    await expect(runWhole(path, ticks(2))).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    expect(isUntouched()).toBe(true);
  });

  it('stands beside the file that a link leads to, so that two paths to one file are one output', async () => {
    const folder = temporaryDirectory();
    mkdirSync(join(folder, 'real'));
    symlinkSync(join(folder, 'real'), join(folder, 'link'));
    const first = await startRun(join(folder, 'link'), { ifExists: 'error' });
    await expect(startRun(join(folder, 'real'))).rejects.toMatchObject({ code: 'OUTPUT_IN_USE' });
    await first.write(ticks(2));
    await first.flush();
    await first.close();
    expect(first.sink.outputs()[0]).toContain(join(folder, 'link'));
    expect([globbed(join(folder, 'real')), readdirSync(folder).sort()]).toEqual([
      [0, 1],
      ['.real.tickloom', 'link', 'real'],
    ]);
  });

  it('is refused where the output is a mount point of another file system, with advice', async () => {
    // Only somebody who may write beside a mount point gets that far.
    const fs: FileSystem = {
      ...real,
      stat: (async (path: string) => {
        const found = await real.stat(path);
        if (!path.endsWith('.tickloom')) return found;
        return Object.assign(Object.create(Object.getPrototypeOf(found)), found, { dev: found.dev + 1 });
      }) as FileSystem['stat'],
    };
    const path = join(temporaryDirectory(), 'out');
    await expect(startRun(path, { fs })).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringMatching(/is a mount point.*choose a folder below it/),
    });
    expect(existsSync(stateFolderOf(path))).toBe(false);
  });

  it.each([
    ['a directory', 'my out', /"[^"]*my out" is a mount point.*choose a folder below it/],
    ['one file', 'my out.jsonl', /"[^"]*my out\.jsonl" is a mount point.*mount the folder around it instead/],
  ])(
    'is refused where %s is a bind mount, which has the device number of what is around it',
    async (_, name, message) => {
      const path = join(temporaryDirectory(), name);
      const mounted = (place: string) =>
        `36 35 98:0 / ${place.replaceAll(' ', '\\040')} rw - ext4 /dev/sda1 rw\n`;
      const fs = mountsOf(`${mounted('/')}${mounted(path)}`);
      await expect(startRun(path, { fs })).rejects.toMatchObject({
        code: 'OUTPUT_FAILED',
        message: expect.stringMatching(message),
      });
      expect(existsSync(stateFolderOf(path))).toBe(false);
      await runWhole(`${path}-too`, ticks(2), { fs });
      for (const mounts of [mounted('/'), undefined]) {
        await runWhole(join(temporaryDirectory(), name), ticks(2), { fs: mountsOf(mounts) });
      }
    },
  );

  it('is refused at its first file, with advice, where the system does not tell its mounts', async () => {
    const rename = (from: string, to: string) => {
      if (dirname(to).endsWith('out')) throw Object.assign(new Error('EXDEV'), { code: 'EXDEV' });
      return real.rename(from, to);
    };
    const fs = { ...mountsOf(undefined), rename } as FileSystem;
    await expect(runWhole(join(temporaryDirectory(), 'out'), ticks(2), { fs })).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringMatching(/on another mount .*choose a folder below that mount \(EXDEV\)/),
    });
  });
});

describe('a directory that cannot be synced', () => {
  const failing = (code: string): FileSystem => ({
    ...real,
    open: (async (path: string, flags: string) => {
      const handle = await real.open(path, flags);
      if (flags !== 'r') return handle;
      return Object.assign(handle, { sync: () => Promise.reject(Object.assign(new Error(code), { code })) });
    }) as FileSystem['open'],
  });

  it('is said once where the file system has no such thing, and the run goes on', async () => {
    const warnings: string[] = [];
    const log = { ...silentLogger, warn: (_: object, text: string) => warnings.push(text) };
    const disk = new Disk(failing('EINVAL'), log);
    await disk.syncDirectory(temporaryDirectory());
    await disk.syncDirectory(temporaryDirectory());
    expect(warnings).toEqual(['this file system cannot sync directories: a power cut may lose files']);
    const path = join(temporaryDirectory(), 'out.jsonl');
    await runWhole(path, ticks(2), { fs: failing('ENOTSUP') });
    expect(seconds(path)).toEqual([0, 1]);
  });

  it('ends the run where it could, which may be tried again', async () => {
    const path = join(temporaryDirectory(), 'out');
    await expect(startRun(path, { fs: failing('EIO') })).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      retryable: true,
      message: expect.stringContaining('what was written last may be lost'),
    });
  });
});
