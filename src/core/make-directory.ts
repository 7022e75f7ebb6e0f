import { dirname } from 'node:path';
import { errnoCode, outputFailed } from './output-error.js';

/** The part of `node:fs/promises` that is used. Tests replace it to inject failures. */
export interface DirectoryMaker {
  mkdir(path: string): Promise<unknown>;
  stat(path: string): Promise<{ isDirectory(): boolean }>;
}

/**
 * Makes a directory and its missing parents.
 *
 * Level by level, since Node's own `recursive` never returns (Node 20) for a place such as /proc,
 * which is there and answers every new name with ENOENT: it takes that for a missing parent, again
 * and again.
 *
 * @returns The directories that were made, outermost first. Their names are not synced yet.
 * @throws {PipelineError} `OUTPUT_FAILED`.
 */
export async function makeDirectory(fs: DirectoryMaker, directory: string): Promise<readonly string[]> {
  const made: string[] = [];
  try {
    await makeLevel(fs, directory, made);
    return made;
  } catch (error) {
    const advice =
      errnoCode(error) === 'ENOENT' ? 'no directory can be made there; choose another path' : undefined;
    throw outputFailed('create the directory', directory, error, advice);
  }
}

/**
 * The directories in which names have to be synced for a directory to survive a power cut. Its own name
 * always: who made it may have died before that.
 *
 * @param made - What `makeDirectory` returned.
 */
export const parentsToSync = (directory: string, made: readonly string[]): string[] => [
  ...new Set([...made.map((path) => dirname(path)), dirname(directory)]),
];

async function makeLevel(fs: DirectoryMaker, directory: string, made: string[]): Promise<void> {
  const parent = dirname(directory);
  try {
    await fs.mkdir(directory);
    made.push(directory);
    return;
  } catch (error) {
    if (errnoCode(error) !== 'ENOENT' || parent === directory) {
      if (await isDirectory(fs, directory)) return;
      throw error;
    }
  }
  await makeLevel(fs, parent, made);
  try {
    await fs.mkdir(directory);
    made.push(directory);
  } catch (error) {
    // Another run may have made it in between.
    if (!(await isDirectory(fs, directory))) throw error;
  }
}

async function isDirectory(fs: DirectoryMaker, path: string): Promise<boolean> {
  try {
    return (await fs.stat(path)).isDirectory();
  } catch (error) {
    if (errnoCode(error) === undefined) throw error; // not from the file system
    return false;
  }
}
