import type { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoCode, outputFailed } from './output-error.js';

/** What is needed of `node:fs/promises`: tests put failures into it. */
export interface DirectoryMaker {
  readonly mkdir: typeof mkdir;
  readonly stat: typeof stat;
}

/**
 * Makes a directory and those around it, where they are not there yet.
 *
 * Level by level, since Node's own `recursive` never returns (Node 20) for a place such as /proc,
 * which is there and answers every new name with ENOENT: it takes that for a missing parent, again
 * and again.
 *
 * @returns Those that were made, the outermost first. Their names are not synced.
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
 * @param made - What `makeDirectory` answered with.
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
    if (errnoCode(error) === undefined) throw error; // not the file system's word
    return false;
  }
}
