import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Disk } from '../../src/outputs/disk/disk.js';
import { OutputRun } from '../../src/outputs/runs/output-run.js';
import { openStateFolder } from '../../src/outputs/runs/state-folder.js';
import { temporaryDirectory } from '../stages/sinks/sink-rows.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { stageContext } from '../support/stage-context.js';

const diskOn = ({ fs }: CrashingFileSystem) => new Disk(fs, stageContext({}).log);

/** A run whose first owner is at work, and those who take it over, in epochs that a store gave them. */
async function running() {
  const folder = temporaryDirectory();
  mkdirSync(join(folder, 'out'));
  const first = diskOn(new CrashingFileSystem());
  const state = await openStateFolder(first, join(folder, 'out'), join(folder, 'out'));
  const options = { state, job: 'job', mode: 'append' } as const;
  const { run } = await OutputRun.start({ ...options, disk: first, epoch: 1 });
  const takeOver = (epoch: number, fs: CrashingFileSystem, highest = async () => 1) =>
    OutputRun.takeOver({ ...options, disk: diskOn(fs), epoch }, run, highest);
  const runFolder = join(state, run);
  return {
    takeOver,
    folders: () => readdirSync(runFolder).filter((name) => !name.startsWith('epoch-')),
    /** Staging folders of the runs that have not ended. */
    atWork: () =>
      readdirSync(join(state, 'runs'))
        .map((name) => readFileSync(join(state, 'runs', name), 'utf8'))
        .filter((text) => text !== '')
        .map((text) => (JSON.parse(text) as { staging: string }).staging),
  };
}

describe('a takeover that a later one has overtaken', () => {
  it('is refused, and leaves no folder and no entry of its own behind', async () => {
    let lost = 0;
    for (let at = 0; ; at++) {
      const { takeOver, folders, atWork } = await running();
      const slow = new CrashingFileSystem();
      let later: OutputRun | undefined;
      slow.between = async () => {
        if (slow.log.length !== at || later) return;
        later = await takeOver(3, new CrashingFileSystem());
      };
      const outcome = await takeOver(2, slow).then(
        () => 'taken over',
        (error: { code: string }) => error.code,
      );
      if (!later) break;
      const where = `before ${slow.log[at]}`;
      // One that was through already hears of it at its next step.
      if (outcome !== 'FENCED') expect(outcome, where).toBe('taken over');
      else lost++;
      const own = folders().filter((name) => /^00002-\w+$/.test(name));
      expect(own, where).toEqual([]);
      const staging = later.staging.folder.split('/').at(-1)!;
      expect(folders(), where).toContain(staging);
      if (outcome === 'FENCED') {
        expect(
          atWork().filter((name) => name.startsWith('00002-')),
          where,
        ).toEqual([]);
        expect(atWork(), where).toContain(staging);
      }
    }
    expect(lost).toBeGreaterThan(10);
  });

  it('is refused where that one has finished meanwhile, and only what it published tells of it', async () => {
    const { takeOver, folders, atWork } = await running();
    let looks = 0;
    const highest = async () => (looks++ === 0 ? 1 : 3);
    await expect(takeOver(2, new CrashingFileSystem(), highest)).rejects.toMatchObject({ code: 'FENCED' });
    expect(folders().filter((name) => name.startsWith('00002-'))).toEqual([]);
    expect(atWork().filter((name) => name.startsWith('00002-'))).toEqual([]);
  });
});
