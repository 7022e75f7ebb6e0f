import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory, ticks } from '../stages/sinks/sink-rows.js';
import { ROWS, runToEnd, TestStore } from '../support/checkpointed-run.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { operations } from '../support/deep.js';
import { globbed, read, remainsOf, startRun, upTo } from '../support/file-runs.js';

const fast = () => new CrashingFileSystem().fs;

/**
 * Stops an owner before an operation, has another one take the run over and write to the end, then lets
 * the first one go on.
 *
 * @returns Whether the operation was reached.
 */
async function overtakeAt(at: number, path: string, store: TestStore): Promise<boolean> {
  const disk = new CrashingFileSystem();
  let follower: Promise<void> | undefined;
  disk.between = async () => {
    if (disk.log.length < at || follower) return;
    follower = runToEnd(path, store, { fs: fast() });
    await follower;
  };
  const stale = await runToEnd(path, store, { fs: disk.fs }).then(
    () => 'ended',
    (error: { code?: string }) => error.code,
  );
  await disk.kill();
  // Before it has opened the output, it may find that of its follower there.
  const ends = expect.stringMatching(/^(FENCED|ended|OUTPUT_EXISTS)$/);
  if (follower) expect([at, disk.log[at], stale]).toEqual([at, disk.log[at], ends]);
  return disk.log.length > at;
}

describe('an owner that is followed while it stands still, and then goes on,', () => {
  it.each(['out', 'out.jsonl', 'zipped', 'parted'])(
    'publishes nothing, at any operation of a run, in %s',
    async (name) => {
      for (const at of operations()) {
        const path = join(temporaryDirectory(), name);
        const reached = await overtakeAt(at, path, new TestStore());
        expect([at, read(path), remainsOf(path)]).toEqual([at, upTo(ROWS), []]);
        if (!reached) break;
      }
    },
  );

  it.each(['out', 'out.jsonl.gz', 'parted'])(
    'publishes nothing, at any operation of a takeover, in %s',
    async (name) => {
      for (const at of operations()) {
        const path = join(temporaryDirectory(), name);
        const store = new TestStore();
        const { epoch, save } = store.claim();
        const first = await startRun(path, { epoch, checkpointed: true, fs: fast() });
        await first.write(ticks(3));
        save((await first.prepare()).position, 3);
        await first.write(ticks(3, 50));
        const reached = await overtakeAt(at, path, store);
        await expect(first.flush()).rejects.toMatchObject({ code: 'FENCED' });
        await first.close();
        expect([at, read(path), remainsOf(path)]).toEqual([at, upTo(ROWS), []]);
        if (!reached) break;
      }
    },
  );

  it.each(['out', 'out.jsonl'])(
    'begins no commit that its run has no time for once its turn has come, in %s',
    async (name) => {
      const path = join(temporaryDirectory(), name);
      const first = await startRun(path, { checkpointed: true });
      await first.write(ticks(2));
      const { position } = await first.prepare();
      let isAsked = false;
      const writing = first.write(ticks(4, 2));
      const lost = new Error('the time is over');
      const commit = first.sink.commit(position, () => {
        isAsked = true;
        throw lost;
      });
      expect(isAsked).toBe(false); // the write is in front of it
      await expect(commit).rejects.toBe(lost);
      await writing.catch(() => {});
      await first.close();
      expect(isAsked).toBe(true);
      expect(read(path)).toEqual([]);
    },
  );

  it('does not publish what a reset to an older checkpoint has taken back', async () => {
    const path = join(temporaryDirectory(), 'out');
    const first = await startRun(path, { checkpointed: true, rotate: { rows: 2 } });
    await first.write(ticks(2));
    const older = (await first.prepare()).position;
    await first.sink.commit(older);
    await first.write(ticks(4, 2));
    const newer = (await first.prepare()).position;

    const second = await startRun(path, { checkpointed: true, resuming: true });
    await second.sink.resume(older);
    await expect(first.sink.commit(newer)).rejects.toMatchObject({ code: 'FENCED' });
    await second.write(ticks(1, 2));
    await second.flush();
    await second.close();
    await first.close();
    expect([globbed(path), remainsOf(path)]).toEqual([upTo(3), []]);
  });

  it.each([
    ['was killed', false],
    ['came to its end', true],
  ])(
    'leaves what a reset to an older checkpoint goes on from, until one of the new owner counts (it %s)',
    async (_how, isOver) => {
      const path = join(temporaryDirectory(), 'out');
      const first = await startRun(path, { checkpointed: true, rotate: { rows: 3 } });
      await first.write(ticks(2));
      const older = (await first.prepare()).position; // lists the part as open
      await first.sink.commit(older);
      await first.write(ticks(4, 2));
      await first.sink.commit((await first.prepare()).position); // and it is published
      expect(globbed(path)).toEqual(upTo(6));
      if (isOver) await first.flush();
      await first.close();
      for (const _start of [1, 2]) {
        const killed = await startRun(path, { checkpointed: true, resuming: true });
        await killed.sink.resume(older);
        expect(globbed(path)).toEqual([]);
        await killed.close();
      }
      const last = await startRun(path, { checkpointed: true, resuming: true });
      await last.sink.resume(older);
      await last.write(ticks(3, 2));
      const { position } = await last.prepare(true);
      await last.sink.commit(position);
      await last.flush();
      await last.close();
      expect([globbed(path), remainsOf(path)]).toEqual([upTo(5), []]);
    },
  );

  it('is told so', async () => {
    const path = join(temporaryDirectory(), 'out');
    const first = await startRun(path, { checkpointed: true });
    await first.write(ticks(2));
    const { position } = await first.prepare(true);
    const second = await startRun(path, { checkpointed: true, resuming: true });
    await second.sink.resume(position); // publishes what the position lists
    await expect(first.sink.commit(position)).rejects.toMatchObject({
      code: 'FENCED',
      retryable: false,
      message: expect.stringContaining('was taken over'),
    });
    await first.close();
    await second.flush();
    await second.close();
    expect([globbed(path), remainsOf(path)]).toEqual([[0, 1], []]);
  });
});
