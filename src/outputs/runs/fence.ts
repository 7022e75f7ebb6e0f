import { basename, join } from 'node:path';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import { RANDOM_NAME } from '../disk/random-name.js';
import { digits } from '../parts/part-name.js';
import { STAGED } from '../staging/staged-file.js';

const FOLDER = new RegExp(`^((\\d{5,})-${RANDOM_NAME})(?:\\.by-(\\d{5,}))?$`);

/**
 * Renames the folders in which earlier epochs of a run write: none of them can publish any more, nor
 * finish a takeover that it had begun.
 *
 * @returns The folders as they are called now.
 */
export async function fenceEarlier(disk: Disk, runFolder: string, epoch: number): Promise<string[]> {
  const folders: string[] = [];
  for (const name of await disk.list(runFolder)) {
    const found = parseStagingFolder(name);
    if (!found || found.epoch >= epoch || found.fencedBy > epoch) continue;
    const folder = join(runFolder, `${found.staging}.by-${digits(epoch, 5)}`);
    try {
      await disk.fs.rename(join(runFolder, name), folder);
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') continue; // a later epoch was first
      throw outputFailed('rename', join(runFolder, name), error);
    }
    folders.push(folder);
  }
  await disk.syncDirectory(runFolder);
  return folders;
}

/** A staged file as it is found. */
export interface FoundFile {
  readonly path: string;
  readonly inode: number;
  readonly bytes: number;
  readonly changedAtMs: number;
}

/** Looks for a staged file in each folder in turn. Only a file of ours counts, no link. */
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

/** What stands there, if it is a file and no link. */
export async function look(disk: Disk, path: string): Promise<Omit<FoundFile, 'path'> | undefined> {
  try {
    const found = await disk.fs.lstat(path);
    return found.isFile() ? { inode: found.ino, bytes: found.size, changedAtMs: found.mtimeMs } : undefined;
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return undefined;
    throw outputFailed('look at', path, error);
  }
}

/** What the name of a folder says in which an owner of a run writes, or wrote. */
export interface StagingName {
  /** The name that the owner gave it. */
  readonly staging: string;
  readonly epoch: number;
  /** The epoch that fenced it; 0 where none has. */
  readonly fencedBy: number;
}

export function parseStagingFolder(name: string): StagingName | undefined {
  const [, staging, epoch, fencedBy = 0] = FOLDER.exec(name) ?? [];
  return staging === undefined ? undefined : { staging, epoch: Number(epoch), fencedBy: Number(fencedBy) };
}

/** All folders of a run in which files may be staged. */
export async function stagingFolders(disk: Disk, runFolder: string): Promise<string[]> {
  return (await disk.list(runFolder))
    .filter((name) => FOLDER.test(name))
    .map((name) => join(runFolder, name));
}
