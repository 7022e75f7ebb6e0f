import { join } from 'node:path';
import { errnoCode } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import { digits } from '../parts/part-name.js';
import { fenced } from '../staging/staging.js';

const CLAIM = /^epoch-(\d{5,})$/;
const FOLDER = /^(\d{5,})-/;

/**
 * Takes an epoch of a run, by making a file that must not exist.
 *
 * @param above - The highest that is known from elsewhere.
 * @param given - What a store of checkpoints handed out; without one, the folder of the run does.
 * @throws {PipelineError} `FENCED` when the one that was given is no longer the highest.
 */
export async function takeEpoch(
  disk: Disk,
  runFolder: string,
  above: number,
  given: number | undefined,
): Promise<number> {
  // Before a folder is made for nothing.
  if (given !== undefined && given <= above) throw fenced(runFolder, runFolder);
  await disk.makeOwnDirectory(runFolder);
  const highest = Math.max(above, await highestEpoch(disk, runFolder));
  if (given !== undefined && given <= highest) throw fenced(runFolder, runFolder);
  for (let epoch = given ?? highest + 1; ; epoch++) {
    try {
      await disk.writeNew(join(runFolder, `epoch-${digits(epoch, 5)}`), '');
      await disk.syncDirectory(runFolder);
      return epoch;
    } catch (error) {
      if (errnoCode(error) !== 'EEXIST') throw error;
      if (given !== undefined) throw fenced(runFolder, runFolder);
    }
  }
}

/**
 * To be called once the epoch has a folder: a later one that did not see the folder has its claim
 * there by now.
 *
 * @throws {PipelineError} `FENCED`.
 */
export async function refuseOvertaken(disk: Disk, runFolder: string, epoch: number): Promise<void> {
  if ((await highestEpoch(disk, runFolder)) > epoch) throw fenced(runFolder, runFolder);
}

/** Removes the folder of a run that is over, where no later epoch has begun. Does not throw. */
export async function removeRunFolder(disk: Disk, runFolder: string, epoch: number): Promise<void> {
  const names = await disk.fs.readdir(runFolder).catch(() => []);
  const isInUse = names.some((name) => FOLDER.test(name) || Number(CLAIM.exec(name)?.[1] ?? 0) > epoch);
  if (isInUse) return;
  // What comes in between stays, and the folder with it.
  for (const name of names) await disk.removeQuietly(join(runFolder, name));
  await disk.fs.rmdir(runFolder).catch(() => undefined);
}

async function highestEpoch(disk: Disk, runFolder: string): Promise<number> {
  let highest = 0;
  for (const name of await disk.list(runFolder)) {
    highest = Math.max(highest, Number((CLAIM.exec(name) ?? FOLDER.exec(name))?.[1] ?? 0));
  }
  return highest;
}
