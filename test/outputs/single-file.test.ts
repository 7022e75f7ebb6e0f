import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { stateFolderOf } from '../../src/outputs/runs/state-folder.js';
import { temporaryDirectory, ticks } from '../stages/sinks/sink-rows.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import {
  buryRuns,
  type RunOptions,
  remainsOf,
  runWhole,
  seconds,
  startRun,
  upTo,
} from '../support/file-runs.js';
import { specialFiles } from '../support/special-files.js';

const started: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const sink of started.splice(0)) await sink.close();
});

async function start(path: string, options: RunOptions = {}) {
  const run = await startRun(path, options);
  started.push(run.sink);
  return run;
}

const file = () => join(temporaryDirectory(), 'out.jsonl');

describe('one file', () => {
  it('appears whole with the flush, and not at all without one', async () => {
    const path = file();
    const failed = await start(path);
    await failed.write(ticks(3));
    expect(() => readFileSync(path)).toThrow('ENOENT');
    await failed.close();
    expect([existsSync(path), remainsOf(path)]).toEqual([false, []]);
    await runWhole(path, ticks(3));
    expect(seconds(path)).toEqual([0, 1, 2]);
    expect(readdirSync(join(path, '..')).sort()).toEqual(['.out.jsonl.tickloom', 'out.jsonl']);
  });

  it('is refused, added to or replaced when it is there', async () => {
    const path = file();
    await runWhole(path, ticks(2));
    await expect(start(path)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    await runWhole(path, ticks(2, 2), { ifExists: 'append' });
    expect(seconds(path)).toEqual([0, 1, 2, 3]);
    const failed = await start(path, { ifExists: 'replace' });
    await failed.write(ticks(1, 9));
    await failed.close();
    expect(seconds(path)).toEqual([0, 1, 2, 3]);
    await runWhole(path, ticks(1, 9), { ifExists: 'replace' });
    expect(seconds(path)).toEqual([9]);
  });

  it('shows whole commits only, and goes on from one after a crash', async () => {
    const path = file();
    const first = await start(path);
    await first.write(ticks(2));
    const checkpoint = await first.flush();
    await first.write(ticks(2, 2));
    expect(seconds(path)).toEqual([0, 1]);
    await first.flush();
    expect(seconds(path)).toEqual([0, 1, 2, 3]);
    const second = await start(path, { resuming: true });
    await second.sink.resume(checkpoint.position);
    await second.write(ticks(3, 2));
    await second.flush();
    await second.close();
    expect(seconds(path)).toEqual(upTo(5));
  });

  it('is not replaced by a run that finds the file of another program in its place', async () => {
    for (const ifExists of ['error', 'append', 'replace']) {
      const path = file();
      if (ifExists !== 'error') await runWhole(path, ticks(1));
      const slow = await start(path, { ifExists });
      await slow.write(ticks(2, 10));
      writeFileSync(path, 'mine');
      await expect(slow.flush()).rejects.toMatchObject({
        code: 'OUTPUT_FAILED',
        message: expect.stringMatching(/was written by another program .* Give each job a path of its own/),
      });
      await slow.close();
      expect([readFileSync(path, 'utf8'), remainsOf(path)]).toEqual(['mine', []]);
    }
  });

  it('is refused to a second run before it starts, whatever either does to it', async () => {
    for (const ifExists of ['error', 'append', 'replace']) {
      const path = file();
      const first = await start(path, { ifExists });
      await first.write(ticks(2, 10));
      await expect(start(path, { ifExists, job: 'second' })).rejects.toMatchObject({ code: 'OUTPUT_IN_USE' });
      await first.flush();
      await first.close();
      expect(seconds(path)).toEqual([10, 11]);
    }
  });

  it('leaves nothing of a run that died, once another one starts', async () => {
    const path = file();
    const dead = await start(path);
    await dead.write(ticks(3));
    buryRuns(path);
    await runWhole(path, ticks(2), { job: 'other' });
    expect([seconds(path), remainsOf(path)]).toEqual([[0, 1], []]);
  });

  it('appears at the end and not at a checkpoint, and goes on from one in a copy', async () => {
    const path = file();
    const first = await start(path, { checkpointed: true });
    await first.write(ticks(2));
    const { position, rows } = await first.prepare();
    await first.sink.commit(position);
    expect([rows, existsSync(path)]).toEqual([2, false]);
    await first.write(ticks(3, 2));
    await first.prepare();

    const second = await start(path, { checkpointed: true, resuming: true });
    await second.sink.resume(position);
    await second.write(ticks(1, 2));
    // The stale owner still has its file open, and may come to its end.
    await first.write(ticks(5, 100));
    await expect(first.flush()).rejects.toMatchObject({ code: 'FENCED', retryable: false });
    await second.flush();
    await second.close();
    await first.close();
    expect([seconds(path), remainsOf(path)]).toEqual([[0, 1, 2], []]);
  });

  it('goes back to a checkpoint though it was shown since', async () => {
    const path = file();
    const first = await start(path, { checkpointed: true });
    await first.write(ticks(2));
    const { position } = await first.prepare();
    await first.write(ticks(3, 50));
    await first.flush(); // and no checkpoint came after it
    expect(seconds(path)).toEqual([0, 1, 50, 51, 52]);
    buryRuns(path);
    for (const last of [2, 3]) {
      const again = await start(path, { checkpointed: true, resuming: true });
      await again.sink.resume(position);
      await again.write(ticks(last, 2));
      await again.flush();
      expect(seconds(path)).toEqual(upTo(2 + last));
      buryRuns(path);
    }
  });

  it('goes on from the bytes of the owner whose checkpoint counts, though an earlier one left others', async () => {
    const path = file();
    const first = await start(path, { checkpointed: true });
    await first.write(ticks(2));
    const { position } = await first.prepare();
    await first.write(ticks(3, 50)); // and it stands still from here on
    await first.prepare();
    const second = await start(path, { checkpointed: true, resuming: true });
    await second.sink.resume(position);
    await second.write(ticks(2, 2));
    const end = await second.prepare(true); // accepted, and killed before it is told so
    buryRuns(path);
    const third = await start(path, { checkpointed: true, resuming: true });
    await third.sink.resume(end.position);
    await third.flush();
    await third.close();
    expect([seconds(path), remainsOf(path)]).toEqual([upTo(4), []]);
  });

  it('is not gone on with when the bytes that a checkpoint lists were changed', async () => {
    const path = file();
    const first = await start(path, { checkpointed: true });
    await first.write(ticks(2));
    const { position } = await first.prepare(true);
    await first.close();
    const [staged] = remainsOf(path).filter((name) => name.endsWith('.staged'));
    writeFileSync(join(stateFolderOf(path), staged!), 'x'.repeat(500));
    const second = await start(path, { checkpointed: true, resuming: true });
    await expect(second.sink.resume(position)).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining('no file with these bytes is there'),
    });
  });

  it('is gone on with when a note of the next file came before a crash', async () => {
    const path = file();
    const first = await start(path, { checkpointed: true });
    await first.write(ticks(2));
    const { position } = await first.prepare();
    await first.flush();
    buryRuns(path);
    const disk = new CrashingFileSystem();
    const second = await start(path, { checkpointed: true, resuming: true, fs: disk.fs });
    await second.sink.resume(position);
    await second.write(ticks(2, 2));
    disk.between = async (operation) => {
      if (operation.startsWith('rename ') && operation.endsWith('/out.jsonl')) disk.stopAt = disk.log.length;
    };
    await expect(second.flush()).rejects.toThrow();
    expect(seconds(path)).toEqual([0, 1]);
    buryRuns(path);
    const third = await start(path, { checkpointed: true, resuming: true });
    await third.sink.resume(position);
    await third.write(ticks(3, 2));
    await third.flush();
    await third.close();
    expect(seconds(path)).toEqual(upTo(5));
  });

  it('may be added to or replaced through a link, which stays one', async () => {
    const path = file();
    const link = join(temporaryDirectory(), 'link.jsonl');
    await runWhole(path, ticks(2));
    symlinkSync(path, link);
    await runWhole(link, ticks(2, 2), { ifExists: 'append' });
    expect(seconds(path)).toEqual(upTo(4));
    await runWhole(link, ticks(1, 9), { ifExists: 'replace' });
    expect(seconds(path)).toEqual([9]);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readdirSync(join(link, '..'))).toEqual(['link.jsonl']);
    expect(remainsOf(path)).toEqual([]);
  });

  it('is not added to when its last line has no end', async () => {
    const path = file();
    writeFileSync(path, '{"time":"2024-01-01T00:00:00.000000000Z"}');
    await expect(start(path, { ifExists: 'append' })).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining('expected its last line to end in a line break, found "}"'),
    });
  });

  it('is not written where a directory stands', async () => {
    const path = file();
    mkdirSync(path);
    await expect(start(path)).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringContaining('there is a directory of this name'),
    });
  });

  it.each(['error', 'append', 'replace'] as const)(
    'is not written where a pipe or a device stands, which stays there (%s)',
    async (ifExists) => {
      const { pipe, folder } = await specialFiles('out.jsonl');
      const link = join(folder, 'link.jsonl');
      symlinkSync('/dev/null', link);
      await expect(start(pipe, { ifExists })).rejects.toThrow('expected a file, or none yet, found a pipe');
      await expect(start(link, { ifExists })).rejects.toThrow('found a device');
      expect(lstatSync(pipe).isFIFO()).toBe(true);
    },
  );
});

describe('one file that somebody else wrote since the checkpoint', () => {
  it.each(['replaced', 'added to', 'made'])(
    'is not replaced by the run that is gone on with (%s)',
    async (how) => {
      const path = file();
      if (how !== 'made') await runWhole(path, ticks(2));
      const ifExists = how === 'added to' ? 'append' : 'replace';
      const first = await start(path, { ifExists, checkpointed: true });
      await first.write(ticks(2, 10));
      const { position } = await first.prepare();
      await first.close(); // killed
      const theirs = how === 'added to' ? 'append' : 'replace';
      await runWhole(path, ticks(3, 50), { job: 'other', ifExists: theirs });
      const before = seconds(path);
      const second = await start(path, { ifExists, checkpointed: true, resuming: true });
      await expect(second.sink.resume(position)).rejects.toMatchObject({
        code: 'OUTPUT_FAILED',
        message: expect.stringContaining('was written by another program since the checkpoint'),
      });
      expect(seconds(path)).toEqual(before);
      await second.close();

      // Once that is moved away, the run can be gone on with.
      renameSync(path, join(path, '..', 'theirs.jsonl'));
      const third = await start(path, { ifExists, checkpointed: true, resuming: true });
      await third.sink.resume(position);
      await third.flush();
      expect(seconds(path)).toEqual(how === 'added to' ? [0, 1, 10, 11] : [10, 11]);
    },
  );

  it('goes on where it is this run that has shown more since, with or without a store', async () => {
    const path = file();
    const first = await start(path);
    await first.write(ticks(2));
    const { position } = await first.flush();
    await first.write(ticks(3, 50));
    await first.flush();
    await first.close();
    const second = await start(path, { resuming: true });
    await second.sink.resume(position);
    await second.write(ticks(1, 2));
    await second.flush();
    expect(seconds(path)).toEqual([0, 1, 2]);
  });
});
