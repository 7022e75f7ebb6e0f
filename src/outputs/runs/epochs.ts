import { join } from 'node:path';
import { errnoCode } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import { digits } from '../parts/part-name.js';
import { fenced } from '../staging/staging.js';

const CLAIM = /^epoch-(\d{5,})$/;
const FOLDER = /^(\d{5,})-/;

/**
 * Claims an epoch of a run by creating a file that must not exist.
 *
 * @param above - The highest epoch known from elsewhere.
 * @param given - The epoch from a checkpoint store; without one, the next free epoch of the run's folder
 *   is used.
 * @throws {PipelineError} `FENCED` if the given epoch is no longer the highest.
 */
export async function takeEpoch(
  disk: Disk,
  runFolder: string,
  above: number,
  given: number | undefined,
): Promise<number> {
  // Checked early, so that no folder is created for nothing.
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
 * Must be called after the epoch's folder was created: by now, a later epoch that did not see this folder
 * has its claim in place.
 *
 * @throws {PipelineError} `FENCED`.
 */
export async function refuseOvertaken(disk: Disk, runFolder: string, epoch: number): Promise<void> {
  if ((await highestEpoch(disk, runFolder)) > epoch) throw fenced(runFolder, runFolder);
}

/** Removes the folder of a run that is over, unless a later epoch has begun. Does not throw. */
export async function removeRunFolder(disk: Disk, runFolder: string, epoch: number): Promise<void> {
  const names = await disk.fs.readdir(runFolder).catch(() => []);
  const isInUse = names.some((name) => FOLDER.test(name) || Number(CLAIM.exec(name)?.[1] ?? 0) > epoch);
  if (isInUse) return;
  // Files that appear in between stay, and so does the folder.
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
