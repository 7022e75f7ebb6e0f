import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileRunStore, ROWS, runToEnd } from '../support/checkpointed-run.js';
import { crashAt, ENDS, everyOperation, needless } from '../support/crash-at.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { DEEP } from '../support/deep.js';
import { buryRuns, OUTPUTS, read, remainsOf, upTo } from '../support/file-runs.js';

/** Operations of a run to the end, those of the store included. */
const OPERATIONS_MIN = 150;
const PATHS = DEEP ? OUTPUTS : (['out', 'out.jsonl.gz'] as const);

type Fs = CrashingFileSystem['fs'];

/** A run of a process whose store and sink are on one disk. */
const run = (path: string, fs: Fs = new CrashingFileSystem().fs): Promise<void> =>
  runToEnd(path, new FileRunStore(join(dirname(path), 'checkpoints'), fs), { fs });

describe.each(ENDS)(
  'a file sink and a store of files on one disk, in a process that $end before any operation',
  (end) => {
    it.each(PATHS)('have every row once when the run is gone on with, in %s', async (name) => {
      const reached = await everyOperation(name, async (at, path) => {
        const reached = await crashAt(at, end, path, (fs) => run(path, fs));
        await run(path);
        expect([at, read(path), needless(path, end)]).toEqual([at, upTo(ROWS), []]);
        return reached;
      });
      expect(reached).toBeGreaterThan(OPERATIONS_MIN);
    });
  },
);

describe('a file sink and a store of files on one disk', () => {
  it.each(PATHS)('have every row once when another process follows at any operation, in %s', async (name) => {
    await everyOperation(name, async (at, path) => {
      const disk = new CrashingFileSystem();
      let isFollowed = false;
      disk.between = async () => {
        if (disk.log.length < at || isFollowed) return;
        isFollowed = true;
        await run(path);
      };
      const stale = await run(path, disk.fs).then(
        () => 'ended',
        (error: { code?: string }) => error.code,
      );
      await disk.kill();
      // Before it has opened the output, it may find that of its follower there.
      const ends = expect.stringMatching(/^(ended|FENCED|OUTPUT_EXISTS)$/);
      if (isFollowed) expect([at, disk.log[at], stale]).toEqual([at, disk.log[at], ends]);
      expect([at, read(path), remainsOf(path)]).toEqual([at, upTo(ROWS), []]);
      return isFollowed;
    });
  });

  it.each(PATHS)('have every row once when any operation fails, in %s', async (name) => {
    await everyOperation(name, async (at, path) => {
      const disk = new CrashingFileSystem();
      disk.failAt = at;
      const failure = await run(path, disk.fs).then(
        () => undefined,
        (error: unknown) => error,
      );
      const operation = disk.log[at];
      await disk.kill();
      if (failure) {
        const code = expect.stringMatching(/^(OUTPUT_FAILED|CHECKPOINT_FAILED|FENCED)$/);
        expect([operation, failure]).toMatchObject([operation, { code }]);
        buryRuns(path);
        await run(path);
      }
      expect([at, operation, read(path)]).toEqual([at, operation, upTo(ROWS)]);
      return operation !== undefined;
    });
  });
});
