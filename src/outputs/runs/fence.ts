import { basename, join } from 'node:path';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import { RANDOM_NAME } from '../disk/random-name.js';
import { digits } from '../parts/part-name.js';
import { STAGED } from '../staging/staged-file.js';

const FOLDER = new RegExp(`^((\\d{5,})-${RANDOM_NAME})(?:\\.by-(\\d{5,}))?$`);

/**
 * Renames the folders in which earlier epochs of a run write. After this, none of them can publish, or
 * finish a takeover that it had begun.
 *
 * @returns The current names of the folders.
 */
export async function fenceEarlier(disk: Disk, runFolder: string, epoch: number): Promise<string[]> {
  const folders: string[] = [];
  for (const name of await disk.list(runFolder)) {
    const found = parseStagingFolder(name);
    if (!found || found.epoch >= epoch || found.fencedBy > epoch) continue;
    const folder = join(runFolder, `${found.staging}.by-${digits(epoch, 5)}`);
    try {
      await disk.rename(join(runFolder, name), folder);
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') continue; // a later epoch was first
      throw outputFailed('rename', join(runFolder, name), error);
    }
    folders.push(folder);
  }
  await disk.syncDirectory(runFolder);
  return folders;
}

/** A staged file on disk. */
export interface FoundFile {
  readonly path: string;
  readonly inode: number;
  readonly bytes: number;
  readonly changedAtMs: number;
}

/** Searches for a staged file in one folder after another. Only regular files count, not links. */
export async function findStaged(
  disk: Disk,
  folders: readonly string[],
  name: string,
): Promise<FoundFile | undefined> {
  for (const folder of folders) {
    const path = join(folder, `${basename(name)}${STAGED}`);
    const found = await look(disk, path);
    if (found) return { path, ...found };
  }
  return undefined;
}

/** The file at a path; `undefined` if it does not exist or is not a regular file. */
export async function look(disk: Disk, path: string): Promise<Omit<FoundFile, 'path'> | undefined> {
  try {
    const found = await disk.fs.lstat(path);
    return found.isFile() ? { inode: found.ino, bytes: found.size, changedAtMs: found.mtimeMs } : undefined;
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return undefined;
    throw outputFailed('look at', path, error);
  }
}

/** The facts in the name of a folder that one owner of a run writes in, or wrote in. */
export interface StagingName {
  /** The original name, as given by the owner. */
  readonly staging: string;
  readonly epoch: number;
  /** The epoch that fenced it; 0 if none has. */
  readonly fencedBy: number;
}

export function parseStagingFolder(name: string): StagingName | undefined {
  const [, staging, epoch, fencedBy = 0] = FOLDER.exec(name) ?? [];
  return staging === undefined ? undefined : { staging, epoch: Number(epoch), fencedBy: Number(fencedBy) };
}

/** All folders of a run that may hold staged files. */
export async function stagingFolders(disk: Disk, runFolder: string): Promise<string[]> {
  return (await disk.list(runFolder))
    .filter((name) => FOLDER.test(name))
    .map((name) => join(runFolder, name));
}
