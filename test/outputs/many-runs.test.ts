import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PlainData } from '../../src/core/plain-data.js';
import { Random } from '../../src/core/random.js';
import { type FileSystem, nodeFileSystem } from '../../src/outputs/disk/file-system.js';
import { randomName } from '../../src/outputs/disk/random-name.js';
import { stateFolderOf } from '../../src/outputs/runs/state-folder.js';
import { temporaryDirectory, ticks } from '../stages/sinks/sink-rows.js';
import { ROWS, runToEnd, TestStore } from '../support/checkpointed-run.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { tried } from '../support/deep.js';
import { buryRuns, globbed, remainsOf, runWhole, seconds, startRun, upTo } from '../support/file-runs.js';
import { withRandomTurns } from '../support/random-turns.js';

const MANY = [2, 3, 10];
/** `npm run test:rounds`: a round takes some hundredths of a second, and a busy machine takes several times as long. */
const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? tried(12, 50, 200));
const TIME_LIMIT = 120_000 + ROUNDS * 1_000;
/** The runs of a test meet in ever new orders, and in the same ones the next time. */
const random = new Random(20_240_304);
const fast = () => withRandomTurns(new CrashingFileSystem().fs, () => random.next());

/** Starts runs at once, each with ten rows of its own. @returns Which went through, and the codes of the others. */
async function atOnce(path: string, count: number, options: Record<string, unknown>) {
  const runs = upTo(count).map((n) =>
    runWhole(path, ticks(10, n * 10), { job: `job-${n}`, ...options, fs: fast() }).then(
      () => ({ went: n, code: undefined }),
      (error: { code?: string }) => ({ went: undefined, code: error.code }),
    ),
  );
  const ended = await Promise.all(runs);
  return {
    went: ended.flatMap(({ went }) => (went === undefined ? [] : [went])),
    codes: [...new Set(ended.flatMap(({ code }) => (code === undefined ? [] : [code])))],
  };
}

const rowsOf = (went: readonly number[]) => went.flatMap((n) => upTo(10, n * 10));

describe('runs that start at once', { timeout: TIME_LIMIT }, () => {
  it.each(MANY)('all have their rows there when %i of them append to a directory', async (count) => {
    for (let round = 0; round < ROUNDS; round++) {
      const path = join(temporaryDirectory(), 'out');
      const { went, codes } = await atOnce(path, count, { ifExists: 'append', rotate: { rows: 4 } });
      expect([went, codes]).toEqual([upTo(count), []]);
      expect([globbed(path), remainsOf(path)]).toEqual([upTo(10 * count), []]);
    }
  });

  it.each(MANY)('go through one alone when %i of them expect an empty directory', async (count) => {
    for (let round = 0; round < ROUNDS; round++) {
      const path = join(temporaryDirectory(), 'out');
      const { went, codes } = await atOnce(path, count, { ifExists: 'error' });
      expect(went).toHaveLength(1);
      for (const code of codes) expect(code).toMatch(/^OUTPUT_(IN_USE|EXISTS)$/);
      expect([globbed(path), remainsOf(path)]).toEqual([rowsOf(went), []]);
    }
  });

  it.each(MANY)('leave the rows of one alone when %i of them replace a directory', async (count) => {
    for (let round = 0; round < ROUNDS; round++) {
      const path = join(temporaryDirectory(), 'out');
      await runWhole(path, ticks(3, 5_000), { fs: fast() });
      const { went, codes } = await atOnce(path, count, { ifExists: 'replace', rotate: { rows: 4 } });
      expect([went.length > 0, codes.filter((code) => code !== 'OUTPUT_IN_USE')]).toEqual([true, []]);
      expect(went.map((n) => rowsOf([n]))).toContainEqual(globbed(path));
      expect(remainsOf(path)).toEqual([]);
    }
  });

  it.each(MANY)('lose no row in one file when %i of them append to it: some are refused', async (count) => {
    for (let round = 0; round < ROUNDS; round++) {
      const path = join(temporaryDirectory(), 'out.jsonl');
      const { went, codes } = await atOnce(path, count, { ifExists: 'append' });
      expect([went.length > 0, codes.filter((code) => code !== 'OUTPUT_IN_USE')]).toEqual([true, []]);
      expect(seconds(path).sort((a, b) => a - b)).toEqual(rowsOf(went));
      expect(remainsOf(path)).toEqual([]);
    }
  });

  it('let one alone follow on a dead run that had the output to itself', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const path = join(temporaryDirectory(), 'out.jsonl');
      const dead = await startRun(path, { fs: fast() });
      await dead.write(ticks(3));
      buryRuns(path);
      const { went } = await atOnce(path, 2, { ifExists: 'error' });
      expect(went).toHaveLength(1);
      expect([seconds(path), remainsOf(path)]).toEqual([rowsOf(went), []]);
    }
  });
});

describe('starts that go on with one run at once', { timeout: TIME_LIMIT }, () => {
  it.each(MANY)('leave every row once, though there are %i of them', async (count) => {
    for (let round = 0; round < ROUNDS / 5; round++) {
      const path = join(temporaryDirectory(), 'out');
      const store = new TestStore();
      const { epoch, save } = store.claim();
      const dead = await startRun(path, { epoch, checkpointed: true, rotate: { rows: 2 }, fs: fast() });
      await dead.write(ticks(3));
      save((await dead.prepare()).position, 3);
      buryRuns(path);
      const starts = upTo(count).map(() => runToEnd(path, store, { fs: fast() }));
      for (const end of await Promise.allSettled(starts)) {
        if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'FENCED' });
      }
      // None of them may have come to the end: whoever comes last finds nobody else.
      await runToEnd(path, store, { fs: fast() });
      expect([globbed(path), remainsOf(path)]).toEqual([upTo(ROWS), []]);
      await dead.close();
    }
  });
});

describe('runs one after the other', () => {
  it('leave one number behind, and never take one twice', async () => {
    const path = join(temporaryDirectory(), 'out');
    for (let n = 0; n < 30; n++) await runWhole(path, ticks(1, n), { ifExists: 'append', fs: fast() });
    const names = readdirSync(join(stateFolderOf(path), 'runs'));
    expect(names).toContain('ended-00030');
    expect(names.length).toBeLessThanOrEqual(3);
    expect(globbed(path)).toEqual(upTo(30));
  });

  it('leave few entries when one run is gone on with again and again', async () => {
    const path = join(temporaryDirectory(), 'out');
    let position: PlainData | undefined;
    for (let n = 0; n < 10; n++) {
      const run = await startRun(path, { checkpointed: true, resuming: n > 0, fs: fast() });
      if (position) await run.sink.resume(position);
      await run.write(ticks(1, n));
      ({ position } = await run.prepare());
      await run.sink.commit(position);
      buryRuns(path); // and it dies
    }
    const last = await startRun(path, { checkpointed: true, resuming: true, fs: fast() });
    await last.sink.resume(position!);
    await last.flush();
    await last.close();
    expect([globbed(path), remainsOf(path)]).toEqual([upTo(10), []]);
    expect(readdirSync(join(stateFolderOf(path), 'runs')).length).toBeLessThanOrEqual(3);
  });

  it('remove the entry that a run has left half written', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(1));
    const runs = join(stateFolderOf(path), 'runs');
    writeFileSync(join(runs, `entering-${randomName()}`), '{"version":1,"ru');
    await runWhole(path, ticks(1, 1), { ifExists: 'append' });
    expect(readdirSync(runs).filter((name) => name.startsWith('entering-'))).toEqual([]);
    expect(globbed(path)).toEqual([0, 1]);
  });

  it('write their entry once more if another run has removed it half written', async () => {
    const path = join(temporaryDirectory(), 'out');
    let removed = 0;
    const fs: FileSystem = {
      ...nodeFileSystem,
      link: async (from, to) => {
        if (removed++ === 0) await nodeFileSystem.unlink(from);
        return nodeFileSystem.link(from, to);
      },
    };
    await runWhole(path, ticks(2), { fs });
    expect([removed > 1, globbed(path), remainsOf(path)]).toEqual([true, [0, 1], []]);
  });

  it('leave nothing of a run that was refused', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(1));
    await expect(startRun(path)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(remainsOf(path)).toEqual([]);
    await runWhole(path, ticks(1, 1), { ifExists: 'append' });
    expect(existsSync(join(stateFolderOf(path), 'runs', 'ended-00003'))).toBe(true);
  });
});
