import { basename, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { outputFailed } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import { findStaged, look } from '../runs/fence.js';
import type { RunPlace } from '../runs/run-place.js';
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
import { type Places, replaceParts, type StagedPart } from './replacement.js';

/**
 * @throws {PipelineError} `CHECKPOINT_INVALID` if no part belongs to the run, although it had published
 *   some.
 */
export async function refuseForeign(
  { disk, directory }: Places,
  { run, epoch, published }: PartPosition,
): Promise<void> {
  if (published === 0) return;
  const names = await listOutput(disk, directory);
  if (names.some((name) => parsePartName(name)?.run === run)) return;
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    `The checkpoint is of run "${run}" (epoch ${epoch}, ${published} parts), of which "${directory}" holds ` +
      'nothing: was the directory moved, emptied or written by another run?',
  );
}

/** The highest epoch in the position and among the run's parts. */
export async function highestEpoch(
  { disk, directory }: Places,
  { run, epoch }: PartPosition,
): Promise<number> {
  let highest = epoch;
  for (const name of await listOutput(disk, directory)) {
    const place = parsePartName(name);
    if (place?.run === run) highest = Math.max(highest, place.epoch);
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
  places: Places,
  { run, staged, replaces }: PartPosition,
  place: RunPlace,
  columns: Columns,
): Promise<void> {
  if (staged.length === 0) return;
  const { disk, directory } = places;
  const standing = await Promise.all(staged.map(({ name }) => look(disk, join(directory, name))));
  const missing = staged.filter((_, i) => !standing[i]);
  for (const part of missing) await refuseLost(places, part, place);
  if (replaces && missing.length === staged.length) {
    const old = (await listOutput(disk, directory)).filter((name) => isPartOfAnother(run, name));
    await stageColumns(place.staging, columns);
    await replaceParts(places, place.staging, { run, epoch: place.epoch, old, parts: staged });
    return;
  }
  const names = missing.map(({ name }) => name);
  await makeFolders(disk, directory, names);
  for (const part of missing) await giveItsPlace(places, part, place);
  await syncOutput(disk, directory, names);
}

/**
 * Checks before anything is changed: a part that is missing, or has a different length, cannot be
 * restored.
 */
async function refuseLost({ disk, directory }: Places, part: StagedPart, place: RunPlace): Promise<void> {
  const found =
    (await findStaged(disk, place.fenced, part.name)) ?? (await look(disk, join(directory, part.name)));
  if (found?.bytes === part.bytes) return;
  await place.refuseOvertaken();
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    `The checkpoint lists "${part.name}" with ${part.bytes} bytes, of which ` +
      `${found ? `${found.bytes} are there` : `nothing is in "${directory}" nor in "${place.runFolder}"`}: ` +
      'were files moved or removed?',
  );
}

async function giveItsPlace(places: Places, part: StagedPart, place: RunPlace): Promise<void> {
  const { disk, directory } = places;
  const found = await findStaged(disk, place.fenced, part.name);
  if (found && (await renameIntoOutput(disk, directory, found.path, part.name))) return;
  await refuseLost(places, part, place);
}

/**
 * Removes parts of the run that do not count. Parts of later epochs are not ours to remove. A part that
 * the position lists as open is moved back to staging, since resuming from this position once more needs
 * its bytes.
 *
 * @returns Names of the run's parts that count, in order.
 */
export async function discardBeyond(
  { disk, directory }: Places,
  position: PartPosition,
  place: RunPlace,
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
    if (counts || part.epoch >= place.epoch) continue;
    if (open.has(name)) shownOpen.push(name);
    else beyond.push(name);
  }
  if (shownOpen.length > 0) await takeBack(disk, directory, shownOpen, place);
  if (beyond.length > 0) await removeFromOutput(disk, directory, beyond);
  return own;
}

/** Moves parts back into a folder that stays until a checkpoint of this epoch was accepted. */
async function takeBack(
  disk: Disk,
  directory: string,
  names: readonly string[],
  place: RunPlace,
): Promise<void> {
  const [folder] = place.fenced;
  if (folder === undefined) await place.staging.keep();
  const to = folder ?? place.staging.folder;
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
