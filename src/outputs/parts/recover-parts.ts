import { basename, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { outputFailed } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import { findStaged, look } from '../runs/fence.js';
import type { OutputRun } from '../runs/output-run.js';
import { STAGED } from '../staging/staged-file.js';
import { type Columns, stageColumns } from './existing-parts.js';
import { isAfter, isPartOfAnother, parsePartName } from './part-name.js';
import type { PartPosition } from './part-position.js';
import {
  listOutput,
  makeFolders,
  removeFromOutput,
  renameIntoOutput,
  syncOutput,
} from './partition-folders.js';
import { type OutputFolders, replaceParts, type StagedPart } from './replacement.js';

/**
 * @throws {PipelineError} `CHECKPOINT_INVALID` if no part belongs to the run, although it had published
 *   some, or is to take some back.
 */
export async function refuseForeign(
  { disk, directory }: OutputFolders,
  { run, epoch, published, takesBack = 0 }: PartPosition,
): Promise<void> {
  if (published + takesBack === 0) return;
  const names = await listOutput(disk, directory);
  if (names.some((name) => parsePartName(name)?.run === run)) return;
  if (takesBack > 0) {
    throw new PipelineError(
      'CHECKPOINT_INVALID',
      `Run "${run}" was reset, and this start takes back its parts (${takesBack}), of which "${directory}" holds ` +
        'nothing: start it where the run has written; or, if they are gone or to be kept, "tickloom checkpoints reset --keep"',
    );
  }
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    `The checkpoint is of run "${run}" (epoch ${epoch}, ${published} parts), of which "${directory}" holds ` +
      'nothing: was the directory moved, emptied or written by another run?',
  );
}

/** The highest epoch in the position and among the run's parts. */
export async function highestEpoch(
  { disk, directory }: OutputFolders,
  { run, epoch }: PartPosition,
): Promise<number> {
  let highest = epoch;
  for (const name of await listOutput(disk, directory)) {
    const part = parsePartName(name);
    if (part?.run === run) highest = Math.max(highest, part.epoch);
  }
  return highest;
}

/**
 * Publishes parts that count but are not published yet. A part that is missing from the fenced folders
 * must be published already.
 *
 * @throws {PipelineError} `FENCED` if a later owner of the run is active, `CHECKPOINT_INVALID` if a part
 *   cannot be found.
 */
export async function publishListed(
  folders: OutputFolders,
  { run, staged, replaces }: PartPosition,
  outputRun: OutputRun,
  columns: Columns,
): Promise<void> {
  if (staged.length === 0) return;
  const { disk, directory } = folders;
  const standing = await Promise.all(staged.map(({ name }) => look(disk, join(directory, name))));
  const missing = staged.filter((_, i) => !standing[i]);
  for (const part of missing) await refuseLost(folders, part, outputRun);
  if (replaces && missing.length === staged.length) {
    const old = (await listOutput(disk, directory)).filter((name) => isPartOfAnother(run, name));
    await stageColumns(outputRun.staging, columns);
    await replaceParts(folders, outputRun.staging, { run, epoch: outputRun.epoch, old, parts: staged });
    return;
  }
  const names = missing.map(({ name }) => name);
  await makeFolders(disk, directory, names);
  for (const part of missing) await moveIntoOutput(folders, part, outputRun);
  await syncOutput(disk, directory, names);
}

/**
 * Checks before anything is changed: a part that is missing, or has a different length, cannot be
 * restored.
 */
async function refuseLost(
  { disk, directory }: OutputFolders,
  part: StagedPart,
  outputRun: OutputRun,
): Promise<void> {
  const found =
    (await findStaged(disk, outputRun.fenced, part.name)) ?? (await look(disk, join(directory, part.name)));
  if (found?.bytes === part.bytes) return;
  await outputRun.refuseOvertaken();
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    `The checkpoint lists "${part.name}" with ${part.bytes} bytes, of which ` +
      `${found ? `${found.bytes} are there` : `nothing is in "${directory}" nor in "${outputRun.runFolder}"`}: ` +
      'were files moved or removed?',
  );
}

async function moveIntoOutput(folders: OutputFolders, part: StagedPart, outputRun: OutputRun): Promise<void> {
  const { disk, directory } = folders;
  const found = await findStaged(disk, outputRun.fenced, part.name);
  if (found && (await renameIntoOutput(disk, directory, found.path, part.name))) return;
  await refuseLost(folders, part, outputRun);
}

/**
 * Removes parts of the run that do not count. Parts of later epochs are not ours to remove. A part that
 * the position lists as open is moved back to staging, since resuming from this position once more needs
 * its bytes.
 *
 * @returns Names of the run's parts that count, in order.
 */
export async function discardBeyond(
  { disk, directory }: OutputFolders,
  position: PartPosition,
  outputRun: OutputRun,
): Promise<string[]> {
  const own: string[] = [];
  // The earlier owner may have ended and published one of them since.
  const open = new Set(position.open?.files.map(({ name }) => name));
  const beyond: string[] = [];
  const shownOpen: string[] = [];
  for (const name of (await listOutput(disk, directory)).sort()) {
    const part = parsePartName(name);
    if (part?.run !== position.run) continue;
    const counts = !isAfter(part, position) && !open.has(name);
    if (counts) own.push(name);
    if (counts || part.epoch >= outputRun.epoch) continue;
    if (open.has(name)) shownOpen.push(name);
    else beyond.push(name);
  }
  if (shownOpen.length > 0) await takeBack(disk, directory, shownOpen, outputRun);
  if (beyond.length > 0) await removeFromOutput(disk, directory, beyond);
  return own;
}

/** Moves parts back into a folder that stays until a checkpoint of this epoch was accepted. */
async function takeBack(
  disk: Disk,
  directory: string,
  names: readonly string[],
  outputRun: OutputRun,
): Promise<void> {
  const [folder] = outputRun.fenced;
  if (folder === undefined) await outputRun.staging.keep();
  const to = folder ?? outputRun.staging.folder;
  for (const name of names) {
    const path = join(directory, name);
    try {
      await disk.rename(path, join(to, `${basename(name)}${STAGED}`));
    } catch (error) {
      throw outputFailed('take back', path, error);
    }
  }
  await disk.syncDirectory(to);
  await syncOutput(disk, directory, names);
}
