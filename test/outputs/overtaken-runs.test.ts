import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CheckpointStore } from '../../src/checkpoints/checkpoint-store.js';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { temporaryDirectory, ticks } from '../stages/sinks/sink-rows.js';
import { ROWS, runToEnd, TestStore } from '../support/checkpointed-run.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { operations } from '../support/deep.js';
import {
  buryRuns,
  disguiseRuns,
  globbed,
  OUTPUTS,
  read,
  remainsOf,
  runWhole,
  startRun,
  upTo,
} from '../support/file-runs.js';
import { handFed } from '../support/hand-fed.js';

const fast = () => new CrashingFileSystem().fs;

/** Outputs that one run has to itself. */
const EXCLUSIVE = OUTPUTS.flatMap((name) =>
  ['error', 'replace'].map((ifExists) => [name, ifExists] as const),
);

/** An owner of a key that no checkpoint was accepted from, and that stands still. */
async function unsaved(path: string, store: TestStore, options: Record<string, unknown> = {}) {
  const { epoch, keyId } = store.claim();
  const run = await startRun(path, { epoch, keyId, checkpointed: true, rotate: { rows: 2 }, ...options });
  await run.write(ticks(5, 50));
  return run;
}

describe('an owner of a key that is followed before its first checkpoint', () => {
  it.each(EXCLUSIVE)(
    'is taken over, and publishes nothing when it goes on, in %s (%s)',
    async (name, ifExists) => {
      const path = join(temporaryDirectory(), name);
      const store = new TestStore();
      const rotate = name.startsWith('out.') ? undefined : { rows: 2 };
      const first = await unsaved(path, store, { ifExists, rotate });
      await runToEnd(path, store, { ifExists, fs: fast() });
      expect(read(path)).toEqual(upTo(ROWS));
      await expect(first.prepare().then(() => first.flush())).rejects.toMatchObject({ code: 'FENCED' });
      await first.close();
      expect([read(path), remainsOf(path)]).toEqual([upTo(ROWS), []]);
    },
  );

  it.each(['out', 'out.jsonl'])('is taken over wherever its follower dies, in %s', async (name) => {
    for (const at of operations()) {
      const path = join(temporaryDirectory(), name);
      const store = new TestStore();
      const first = await unsaved(path, store, { rotate: undefined, fs: fast() });
      const disk = new CrashingFileSystem();
      disk.stopAt = at;
      await runToEnd(path, store, { fs: disk.fs }).catch((error: unknown) => {
        if (!disk.isStopped) throw error;
      });
      const reached = disk.isStopped;
      await disk.kill();
      buryRuns(path);
      await runToEnd(path, store, { fs: fast() });
      await expect(first.prepare().then(() => first.flush())).rejects.toMatchObject({ code: 'FENCED' });
      await first.close();
      expect([at, read(path), remainsOf(path)]).toEqual([at, upTo(ROWS), []]);
      if (!reached) break;
    }
  });

  it('changes nothing at the output when it goes on while it was still opening it', async () => {
    for (const at of operations()) {
      const path = join(temporaryDirectory(), 'out');
      const store = new TestStore();
      const { epoch, keyId } = store.claim();
      const disk = new CrashingFileSystem();
      let isFollowed = false;
      disk.between = async () => {
        if (disk.log.length < at || isFollowed) return;
        isFollowed = true;
        await runToEnd(path, store, { partitionBy: ['hour'], rotate: undefined, fs: fast() });
      };
      const opened = await startRun(path, { epoch, keyId, checkpointed: true, fs: disk.fs }).then(
        (run) => run.close().then(() => 'opened'),
        (error: { code?: string }) => error.code,
      );
      await disk.kill();
      if (!isFollowed) break;
      expect([at, disk.log[at], opened]).toEqual([
        at,
        disk.log[at],
        expect.stringMatching(/^(FENCED|OUTPUT_EXISTS|opened)$/),
      ]);
      expect([at, disk.log[at], globbed(path), remainsOf(path)]).toEqual([at, disk.log[at], upTo(ROWS), []]);
      // The columns are those of the follower.
      await runWhole(path, ticks(1, 500), { partitionBy: ['hour'], ifExists: 'append', fs: fast() });
    }
  });

  it('is refused where its follower is at work already', async () => {
    const path = join(temporaryDirectory(), 'out');
    const store = new TestStore();
    const stale = store.claim();
    const { epoch, keyId } = store.claim();
    const run = await startRun(path, { epoch, keyId, checkpointed: true, ifExists: 'append' });
    const late = { epoch: stale.epoch, keyId, checkpointed: true, ifExists: 'append' };
    await expect(startRun(path, late)).rejects.toMatchObject({ code: 'FENCED' });
    await run.close();
    expect(remainsOf(path)).toEqual([]);
  });

  it('is taken over on another host, too', async () => {
    const path = join(temporaryDirectory(), 'out.jsonl');
    const store = new TestStore();
    const first = await unsaved(path, store, { rotate: undefined });
    disguiseRuns(path, { host: 'elsewhere' });
    await runToEnd(path, store, { fs: fast() });
    expect([read(path), remainsOf(path)]).toEqual([upTo(ROWS), []]);
    await first.close();
  });

  it('leaves nothing behind when it died, though it had handed out a position', async () => {
    const path = join(temporaryDirectory(), 'out');
    const store = new TestStore();
    const first = await unsaved(path, store);
    await first.prepare();
    buryRuns(path);
    await runToEnd(path, store, { fs: fast() });
    expect([read(path), remainsOf(path)]).toEqual([upTo(ROWS), []]);
    await first.close();
  });

  it('leaves nothing behind when it was refused and ended before its follower came to the output', async () => {
    const path = join(temporaryDirectory(), 'out');
    const store = new TestStore();
    const first = await unsaved(path, store);
    await first.prepare();
    await first.close();
    expect(remainsOf(path)).not.toEqual([]);
    await runToEnd(path, store, { fs: fast() });
    expect([read(path), remainsOf(path)]).toEqual([upTo(ROWS), []]);
  });

  it('keeps what it handed out where the next run has another key, or no store', async () => {
    const path = join(temporaryDirectory(), 'out');
    const first = await unsaved(path, new TestStore(), { ifExists: 'append' });
    await first.prepare();
    await first.close();
    const kept = remainsOf(path);
    const other = new TestStore();
    other.claim();
    await runToEnd(path, other, { fs: fast(), ifExists: 'append' });
    await runWhole(path, ticks(1), { fs: fast(), ifExists: 'append' });
    expect(remainsOf(path)).toEqual(kept);
  });

  it('keeps its output where the other one has another key, or no store', async () => {
    const path = join(temporaryDirectory(), 'out.jsonl');
    const store = new TestStore();
    const first = await unsaved(path, store, { rotate: undefined });
    const inUse = { code: 'OUTPUT_IN_USE' };
    const other = new TestStore();
    other.claim(); // a higher epoch says nothing about another key
    await expect(runToEnd(path, other, { fs: fast() })).rejects.toMatchObject(inUse);
    await expect(runWhole(path, ticks(1), { fs: fast() })).rejects.toMatchObject(inUse);
    await first.close();
    expect(remainsOf(path)).toEqual([]);
  });
});

describe('a start of a pipeline while an earlier one waits for its first row', () => {
  const KINDS = [
    { use: 'csv', path: 'out.csv' },
    { use: 'jsonl', path: 'out.jsonl.gz', compression: 'gzip' },
    { use: 'csv', path: 'parts' },
    { use: 'jsonl', path: 'replaced', ifExists: 'replace' },
    { use: 'parquet', path: 'columns' },
    { use: 'parquet', path: 'columns', ifExists: 'replace' },
  ] as const;
  const STORES: Readonly<Record<string, (folder: string) => CheckpointStore>> = {
    memory: () => new MemoryCheckpointStore(),
    files: (folder) => new FileCheckpointStore(join(folder, 'checkpoints')),
  };
  const cases = KINDS.flatMap((sink) => Object.keys(STORES).map((store) => ({ ...sink, store })));

  it.each(cases)(
    'takes its output over: $use into $path, store in $store',
    async ({ store: kind, ...sink }) => {
      const folder = temporaryDirectory();
      const store = STORES[kind]!(folder);
      const path = join(folder, sink.path);
      const spec = { name: 'kept', sink: { ...sink, path } };
      const quiet = handFed();
      const first = createPipeline(spec, { store, source: quiet.factory });
      let isOpen = () => {};
      const opened = new Promise<void>((resolve) => {
        isOpen = resolve;
      });
      const ended = first.build().then((pipeline) => pipeline.run(async () => isOpen()));
      onTestFinished(() => first.stop());
      await opened;

      const feed = handFed();
      feed.push(1, 2, 3);
      feed.end();
      expect(await createPipeline(spec, { store, source: feed.factory }).run()).toMatchObject({
        outcome: 'completed',
      });
      const visible = () =>
        readdirSync(folder, { recursive: true, withFileTypes: true })
          .map((entry) => join(entry.parentPath, entry.name))
          .filter((file) => !/\/(\.|checkpoints)/.test(file.slice(folder.length)) && statSync(file).isFile())
          .map((file) => [file, readFileSync(file).toString('base64')])
          .sort();
      const files = visible();
      expect(files).toHaveLength(1);

      quiet.push(9);
      quiet.end();
      expect(await ended).toMatchObject({ outcome: 'failed', error: { code: 'FENCED' } });
      expect([visible(), remainsOf(path)]).toEqual([files, []]);
    },
  );
});
