import { dirname, join } from 'node:path';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import { PARTITION } from './part-name.js';

const FOLDER = new RegExp(`^${PARTITION}$`);
/** Other runs remove a folder only a few times: when they start or take over. */
const TRIES_MAX = 100;
const DURABLE_FOLDERS_MAX = 10_000;

/**
 * Names of everything in a directory of parts, including the folders of partitions below it, as paths
 * relative to it.
 */
export async function listOutput(disk: Disk, directory: string): Promise<string[]> {
  const names: string[] = [];
  for (const name of await disk.list(directory)) {
    if (!FOLDER.test(name)) {
      names.push(name);
      continue;
    }
    const inside = await listFolder(disk, join(directory, name));
    names.push(...(inside?.map((found) => `${name}/${found}`) ?? [name]));
  }
  return names;
}

/**
 * Creates the folders of partitions, and makes them survive a power cut: a file that was moved into a folder
 * would be lost with it, and it is not in staging any more. Folders that exist may be another run's, of a moment
 * ago, or one made anew in place of one that was removed, so each is made durable once. Called once for many files, since their folders are in few others. Another
 * run may remove these while they are empty, so this is retried. Links are not followed.
 */
export async function makeFolders(disk: Disk, directory: string, names: readonly string[]): Promise<void> {
  const [, ...folders] = foldersOf(names);
  const parents = new Set<string>();
  for (let tries = 1; ; tries++) {
    try {
      const there = new Map<string, string>();
      for (const folder of folders) {
        const path = join(directory, folder);
        const found = await disk.makeOwnDirectory(path);
        if (found === undefined || disk.durableFolders.get(path) !== found) parents.add(dirname(path));
        if (found !== undefined) there.set(path, found); // a new one is synced once more when it is met again
      }
      for (const parent of parents) await disk.syncDirectory(parent);
      if (disk.durableFolders.size > DURABLE_FOLDERS_MAX) disk.durableFolders.clear(); // they are synced again
      for (const [path, found] of there) disk.durableFolders.set(path, found);
      return;
    } catch (error) {
      if (!isMissing(error) || tries === TRIES_MAX) throw error;
    }
  }
}

/**
 * Moves a file into the output, and creates the folders of its partition. Another run may remove these
 * while they are empty, so this is retried. The caller syncs. Links are not followed.
 *
 * @returns `false` if there is no such file.
 */
export async function renameIntoOutput(
  disk: Disk,
  directory: string,
  from: string,
  name: string,
): Promise<boolean> {
  const final = join(directory, name);
  for (let tries = 1; ; tries++) {
    try {
      await makeFolders(disk, directory, [name]);
      await disk.rename(from, final);
      return true;
    } catch (error) {
      if (!isMissing(error)) throw outputFailed('give its place to', final, error);
      if (!(await disk.has(from))) return false;
      if (tries === TRIES_MAX) throw outputFailed('give its place to', final, error);
    }
  }
}

/** Makes the names, and the folders that contain them, survive a power cut, whoever created the folders. */
export async function syncOutput(disk: Disk, directory: string, names: readonly string[]): Promise<void> {
  // Outer folders first: a folder that is not on disk would take its contents with it.
  for (const folder of foldersOf(names)) await disk.syncDirectory(join(directory, folder));
}

/** Removes parts, and the folders of partitions that become empty. */
export async function removeFromOutput(
  disk: Disk,
  directory: string,
  names: readonly string[],
): Promise<void> {
  for (const name of names) await disk.remove(join(directory, name));
  // If another run removes a folder meanwhile, syncing its parent makes the removal durable.
  for (const folder of foldersOf(names).reverse()) {
    const path = join(directory, folder);
    if (folder !== '.') await disk.fs.rmdir(path).catch(() => undefined);
    await disk.syncDirectory(path).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
  }
}

/** @returns `undefined` if it is not a folder. */
async function listFolder(disk: Disk, path: string): Promise<string[] | undefined> {
  try {
    if (!(await disk.fs.lstat(path)).isDirectory()) return undefined;
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return [];
    throw outputFailed('look at', path, error);
  }
  return listOutput(disk, path);
}

/** The folders that contain the names, outer ones first. The first is `.`, the output itself. */
function foldersOf(names: readonly string[]): string[] {
  const folders = new Set(['.']);
  for (const name of names) {
    const parts = name.split('/').slice(0, -1);
    parts.forEach((_, i) => {
      folders.add(parts.slice(0, i + 1).join('/'));
    });
  }
  return [...folders];
}

const isMissing = (error: unknown): boolean => errnoCode(error) === 'ENOENT';
