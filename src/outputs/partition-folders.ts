import { dirname, join } from 'node:path';
import { errnoCode, outputFailed } from '../core/output-error.js';
import type { Disk } from './disk.js';
import { PARTITION } from './part-name.js';

const FOLDER = new RegExp(`^${PARTITION}$`);

/** Names of all that is in a directory of parts, and in the folders of partitions below it, with these. */
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

/** Makes the folders that the names are in, durably. Links are not followed. */
export async function makePartitionFolders(
  disk: Disk,
  directory: string,
  names: readonly string[],
): Promise<void> {
  for (const folder of foldersOf(names)) {
    let parent = directory;
    for (const part of folder.split('/')) {
      const path = join(parent, part);
      if (await disk.makeOwnDirectory(path)) await disk.syncDirectory(parent);
      parent = path;
    }
  }
}

/** Has the names survive a power cut, those in folders of partitions too. */
export async function syncOutput(disk: Disk, directory: string, names: readonly string[]): Promise<void> {
  for (const folder of foldersOf(names)) await disk.syncDirectory(join(directory, folder));
  if (names.length === 0 || names.some((name) => dirname(name) === '.')) await disk.syncDirectory(directory);
}

/** Removes parts. Folders of partitions that are left empty go, too. */
export async function removeFromOutput(
  disk: Disk,
  directory: string,
  names: readonly string[],
): Promise<void> {
  for (const name of names) await disk.remove(join(directory, name));
  for (const folder of foldersOf(names)) {
    await disk.syncDirectory(join(directory, folder)).catch((error: unknown) => {
      if (errnoCode(error) !== 'ENOENT') throw error;
    });
    for (let empty = folder; empty !== '.'; empty = dirname(empty)) {
      await disk.fs.rmdir(join(directory, empty)).catch(() => undefined);
    }
  }
  await disk.syncDirectory(directory);
}

/** @returns `undefined` when it is no folder. */
async function listFolder(disk: Disk, path: string): Promise<string[] | undefined> {
  try {
    if (!(await disk.fs.lstat(path)).isDirectory()) return undefined;
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return [];
    throw outputFailed('look at', path, error);
  }
  return listOutput(disk, path);
}

const foldersOf = (names: readonly string[]): string[] =>
  [...new Set(names.map((name) => dirname(name)))].filter((folder) => folder !== '.');
