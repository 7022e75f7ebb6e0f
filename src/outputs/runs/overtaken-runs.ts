import { join } from 'node:path';
import { errnoCode } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import { RANDOM_NAME } from '../disk/random-name.js';
import { fenced, KEPT } from '../staging/staging.js';
import { removeRunFolder } from './epochs.js';
import { fenceEarlier, parseStagingFolder, stagingFolders } from './fence.js';
import { registeredRuns } from './run-entries.js';
import type { EarlierRun, RunRegister } from './run-register.js';

const RUN_FOLDER = new RegExp(`^${RANDOM_NAME}$`);

/** Marker in the folder of a run that overtakes another one. */
const markerOf = (overtaken: string): string => `overtakes-${overtaken}`;

/**
 * Fences runs by earlier owners of the key (docs/decisions/0037). After this, none of them can change
 * anything at the output: a run that has a folder finds it renamed, and one that is about to create it finds
 * the marker.
 *
 * @param by - The run that overtakes them, and its epoch. Its folder must exist.
 */
export async function fenceOvertaken(
  disk: Disk,
  state: string,
  overtaken: readonly EarlierRun[],
  by: { readonly run: string; readonly epoch: number },
): Promise<void> {
  for (const run of idsOf(overtaken)) {
    const marker = join(state, by.run, markerOf(run));
    if (!(await disk.has(marker))) await disk.createMarker(marker);
    try {
      await fenceEarlier(disk, join(state, run), by.epoch);
    } catch (error) {
      if (errnoCode(error) !== 'ENOENT') throw error; // it has no folder, not yet or not any more
    }
  }
}

/**
 * Removes what fenced runs left behind, since nobody can resume them. Their entries must go after this: from
 * then on, a run that is about to create its folder finds that it has no entry.
 */
export async function removeOvertaken(
  disk: Disk,
  state: string,
  overtaken: readonly EarlierRun[],
  epoch: number,
): Promise<void> {
  for (const run of idsOf(overtaken)) {
    const runFolder = join(state, run);
    for (const folder of await stagingFolders(disk, runFolder)) await disk.removeFolderQuietly(folder);
    await removeRunFolder(disk, runFolder, epoch);
  }
}

/**
 * Removes what runs by earlier owners of the key have kept for a store, and which have ended before this run
 * came: the store refused them, or it would have had this run resume them.
 *
 * @param by - This run, and its epoch.
 */
export async function removeRefused(
  disk: Disk,
  state: string,
  keyId: string,
  by: { readonly run: string; readonly epoch: number },
): Promise<void> {
  const refused: { readonly run: string; readonly name: string }[] = [];
  for (const run of (await disk.list(state)).filter((found) => RUN_FOLDER.test(found) && found !== by.run)) {
    for (const name of await disk.list(join(state, run))) {
      const epoch = parseStagingFolder(name)?.epoch ?? Number.POSITIVE_INFINITY;
      if (epoch >= by.epoch) continue;
      if ((await disk.read(join(state, run, name, KEPT))) === keyId) refused.push({ run, name });
    }
  }
  if (refused.length === 0) return;
  // Not before: an entry comes before its folder, and goes after it.
  const atWork = new Set((await registeredRuns(disk, state)).map(({ entry }) => entry?.run));
  for (const { run, name } of refused.filter((one) => !atWork.has(one.run))) {
    await disk.removeFolderQuietly(join(state, run, name));
    await removeRunFolder(disk, join(state, run), by.epoch);
  }
}

/**
 * Called once the run's folder has been created: a later owner of the key that did not see the folder has
 * left its marker by now, or removed the entry of this run.
 *
 * @throws {PipelineError} `FENCED`.
 */
export async function refuseMarked(
  disk: Disk,
  state: string,
  run: string,
  register: RunRegister,
): Promise<void> {
  for (const name of (await disk.list(state)).filter((found) => RUN_FOLDER.test(found))) {
    const marker = join(state, name, markerOf(run));
    if (await disk.has(marker)) throw fenced(marker, join(state, run));
  }
  await register.refuseForgotten(); // not before: the entry is the last to go
}

const idsOf = (runs: readonly EarlierRun[]): string[] => [...new Set(runs.map(({ entry }) => entry.run))];
