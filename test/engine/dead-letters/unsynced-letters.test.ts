import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { PlainData } from '../../../src/core/plain-data.js';
import { DeadLetterFile } from '../../../src/engine/dead-letters/dead-letter-file.js';
import { CrashingFileSystem } from '../../support/crashing-file-system.js';
import { scratchFolder } from '../../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const bad = (line: number, raw = '') => ({ file: 'feed', line, expected: 'a price', found: 'none', raw });

interface Letter {
  readonly run: string;
  readonly ordinal: number;
  readonly line: number;
}

const lettersIn = (path: string): Letter[] =>
  !existsSync(path)
    ? []
    : readFileSync(path, 'utf8')
        .split('\n')
        .flatMap((text) => {
          try {
            return [JSON.parse(text) as Letter];
          } catch {
            return []; // cut off
          }
        });
const placesIn = (path: string) => lettersIn(path).map(({ ordinal, line }) => [ordinal, line]);

/** A store keeps text. */
const kept = (position: PlainData): PlainData => JSON.parse(JSON.stringify(position)) as PlainData;

/** The real one, of which a test counts the syncs of a file and says how they go. */
function syncsOf(path: string) {
  const seen = { syncs: 0, act: async (sync: () => Promise<void>) => sync() };
  const open = async (...args: Parameters<typeof nodeFs.open>) => {
    const handle = await nodeFs.open(...args);
    const sync = handle.sync.bind(handle);
    if (args[0] === path) {
      handle.sync = () => {
        seen.syncs++;
        return seen.act(sync);
      };
    }
    return handle;
  };
  return Object.assign(seen, { fs: { ...nodeFs, open } as typeof nodeFs });
}

let files = 0;
const newPath = () => join(SCRATCH.folder, `dead-${files++}.jsonl`);

describe('letters that a checkpoint says itself', () => {
  it('cost no sync, and stand in the file once where a power cut took them, or the whole file', async () => {
    for (const loses of ['bytes', 'the file', 'nothing'] as const) {
      const path = newPath();
      const disk = new CrashingFileSystem();
      const file = new DeadLetterFile({ path, maxRows: 10 }, disk.fs);
      await file.open();
      for (const line of [1, 2, 3]) file.add(bad(line));
      await file.settle();
      expect(disk.log.filter((operation) => operation.startsWith('sync'))).toEqual([]);
      const position = kept(file.position());
      file.add(bad(4)); // comes again
      await file.flush();
      if (loses === 'bytes') await disk.cutPower();
      else await disk.kill();
      if (loses === 'the file') rmSync(path);
      expect(lettersIn(path)).toHaveLength(loses === 'nothing' ? 4 : 0);

      const next = new DeadLetterFile({ path, maxRows: 10 });
      await next.open();
      await next.resume(position, true);
      expect(next.count).toBe(3);
      for (const line of [4, 5]) next.add(bad(line));
      await next.close();
      expect(placesIn(path)).toEqual([1, 2, 3, 4, 5].map((line) => [line, line]));
      expect(new Set(lettersIn(path).map(({ run }) => run)).size).toBe(1);
    }
  });

  it('are said by the start that goes on from them, too, until it has synced them itself', async () => {
    const path = newPath();
    const open = async (position?: PlainData) => {
      const file = new DeadLetterFile({ path, maxRows: 10 });
      await file.open();
      if (position !== undefined) await file.resume(position, true);
      return file;
    };
    const other = await open();
    other.add(bad(1));
    await other.close();
    const begin = statSync(path).size;

    const killed = await open();
    for (const line of [1, 2, 3]) killed.add(bad(line));
    await killed.settle();
    const position = kept(killed.position());
    killed.add(bad(4));
    await killed.flush(); // in the file, and on the disk or not
    const saidBy = (file: DeadLetterFile) => {
      const { unsynced = '', unsyncedFrom } = file.position();
      return { ordinals: [...unsynced.matchAll(/"ordinal":(\d+)/g)].map(([, n]) => Number(n)), unsyncedFrom };
    };
    expect(saidBy(killed)).toEqual({ ordinals: [1, 2, 3, 4], unsyncedFrom: begin });

    const next = await open(position);
    expect(saidBy(next)).toEqual({ ordinals: [1, 2, 3], unsyncedFrom: begin });
    next.add(bad(4)); // stands there already
    expect(saidBy(next)).toEqual({ ordinals: [1, 2, 3, 4], unsyncedFrom: begin });
    for (const line of [5, 6]) {
      await next.sync();
      const end = statSync(path).size;
      next.add(bad(line));
      expect(saidBy(next)).toEqual({ ordinals: [line], unsyncedFrom: end });
    }
    await next.close();
    expect(lettersIn(path).map(({ line }) => line)).toEqual([1, 1, 2, 3, 4, 5, 6]);

    rmSync(path);
    const inNewFile = await open(position);
    expect(saidBy(inNewFile)).toEqual({ ordinals: [1, 2, 3], unsyncedFrom: 0 });
    await inNewFile.close();
    await killed.close();
  });

  it('keep their run where rows do not come again', async () => {
    const path = newPath();
    const disk = new CrashingFileSystem();
    const file = new DeadLetterFile({ path, maxRows: 10 }, disk.fs);
    await file.open();
    file.add(bad(1));
    await file.settle();
    const position = kept(file.position());
    await disk.cutPower();
    const next = new DeadLetterFile({ path, maxRows: 10 });
    await next.open();
    await next.resume(position, false);
    next.add(bad(2));
    await next.close();
    expect(placesIn(path)).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect(new Set(lettersIn(path).map(({ run }) => run)).size).toBe(2);
  });

  it('are synced instead where they are too many to be said', async () => {
    const path = newPath();
    const counting = syncsOf(path);
    const file = new DeadLetterFile(
      { path, maxRows: 10_000, unsyncedMax: Number.POSITIVE_INFINITY },
      counting.fs,
    );
    await file.open();
    for (let line = 1; line <= 1_000; line++) file.add(bad(line, 'x'.repeat(2_000)));
    const position = file.position();
    expect(position).not.toHaveProperty('unsynced');
    await file.settle();
    expect(counting.syncs).toBe(1);
    file.add(bad(1_001));
    expect(file.position().unsynced).toMatch(/^\{"run":"\w+","ordinal":1001,[^\n]+\n$/);
    await file.settle();
    expect(counting.syncs).toBe(1);
    await file.close();
    expect(counting.syncs).toBe(2);
  });

  it('are synced behind the flow before they are many, once checkpoints say them', async () => {
    const path = newPath();
    const seen = syncsOf(path);
    let goOn = () => {};
    seen.act = async (sync) => {
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      await sync();
    };
    const file = new DeadLetterFile({ path, maxRows: 10_000, unsyncedMax: 1_000 }, seen.fs);
    await file.open();
    for (let line = 1; line <= 50; line++) file.add(bad(line));
    await file.flush();
    expect(seen.syncs).toBe(0); // no checkpoint is taken
    await file.settle();
    while (seen.syncs === 0) await nodeFs.stat(path);
    file.add(bad(51));
    await file.flush();
    await file.settle(); // waits for none
    expect(file.position().unsynced?.split('\n')).toHaveLength(51 + 1);
    goOn();
    while (file.position().unsynced?.includes('"line":50,')) await nodeFs.stat(path);
    expect(file.position().unsynced).toMatch(/^\{"run":"\w+","ordinal":51,[^\n]+\n$/);
    seen.act = (sync) => sync();
    await file.close();
  });

  it('tell with the next checkpoint that a sync behind the flow has failed', async () => {
    const path = newPath();
    const seen = syncsOf(path);
    const file = new DeadLetterFile({ path, maxRows: 10_000, unsyncedMax: 1_000 }, seen.fs);
    await file.open();
    await file.settle();
    seen.act = () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }));
    for (let line = 1; line <= 50; line++) file.add(bad(line));
    await file.flush();
    while (seen.syncs === 0) await nodeFs.stat(path);
    await nodeFs.stat(path);
    const failed = { code: 'OUTPUT_FAILED', retryable: true };
    await expect(file.settle()).rejects.toMatchObject(failed);
    seen.act = (sync) => sync(); // which would lie
    await expect(file.settle()).rejects.toMatchObject(failed);
    await expect(file.close()).rejects.toMatchObject(failed);
  });

  it('are all there under one number each, whatever was lost, and however often', async () => {
    const step = fc.oneof(
      fc.record({ add: fc.integer({ min: 1, max: 4 }) }),
      fc.constant('checkpoint' as const),
      fc.constant('sync' as const),
      fc.constantFrom('killed' as const, 'power cut' as const),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 3, maxLength: 30 }),
        // Said, or synced behind the flow.
        fc.constantFrom(1_000_000, 150),
        async (steps, unsyncedMax) => {
          const path = newPath();
          let position: PlainData | undefined;
          let line = 0;
          let lineAtCheckpoint = 0;
          let disk = new CrashingFileSystem();
          const start = async () => {
            disk = new CrashingFileSystem();
            const next = new DeadLetterFile({ path, maxRows: 10_000, unsyncedMax }, disk.fs);
            await next.open();
            if (position !== undefined) await next.resume(position, true);
            line = lineAtCheckpoint;
            return next;
          };
          let file = await start();
          for (const step of steps) {
            if (typeof step === 'object') {
              for (let i = 0; i < step.add; i++) file.add(bad(++line));
              await file.flush();
            } else if (step === 'checkpoint') {
              const taken = kept(file.position());
              await file.settle();
              [position, lineAtCheckpoint] = [taken, line];
            } else if (step === 'sync') {
              await file.sync();
            } else {
              if (step === 'killed') await disk.kill();
              else await disk.cutPower();
              file = await start();
            }
          }
          await file.close();
          await disk.kill();
          // Without a checkpoint, a start is a run of its own.
          const numbers = new Map<string, number>();
          for (const { run, ordinal, line: of } of lettersIn(path)) {
            expect(numbers.get(`${run} ${ordinal}`) ?? of).toBe(of);
            numbers.set(`${run} ${ordinal}`, of);
          }
          const lines = new Set(lettersIn(path).map(({ line: of }) => of));
          for (let of = 1; of <= line; of++) expect(lines).toContain(of);
        },
      ),
      { numRuns: 60 },
    );
  });
});
