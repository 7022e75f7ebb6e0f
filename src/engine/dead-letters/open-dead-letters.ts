import { constants } from 'node:fs';
import type * as nodeFs from 'node:fs/promises';
import { dirname } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { type DirectoryMaker, makeDirectory, parentsToSync } from '../../core/make-directory.js';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import { inspectDeadLetters } from './own-dead-letters.js';

/** Creates a new file or fails; a link planted under its name is not followed. */
const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND;

/**
 * Opens an existing file to read and append. No links, since the path was already resolved and must not
 * lead elsewhere now. Non-blocking, so that opening a pipe does not wait for the other end.
 */
const STANDING =
  constants.O_RDWR | constants.O_APPEND | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

export type DeadLetterFileSystem = DirectoryMaker & Pick<typeof nodeFs, 'open' | 'realpath'>;

/** A file of dead letters that was opened to append to it. */
export interface OpenedDeadLetters {
  readonly handle: nodeFs.FileHandle;
  /** Folders to sync, so that the name of the file is durable. */
  readonly foldersToSync: readonly string[];
  /** What was in it, if it existed before. */
  readonly standing?: {
    readonly bytes: number;
    /** Whether a crash truncated the last line. */
    readonly isCutOff: boolean;
  };
}

/**
 * Creates the file and its folder, or opens a file with dead letters.
 *
 * @throws {PipelineError} `OUTPUT_EXISTS` if the file does not hold dead letters; `OUTPUT_FAILED`.
 */
export async function openDeadLetters(fs: DeadLetterFileSystem, path: string): Promise<OpenedDeadLetters> {
  const folder = dirname(path);
  const made = await makeDirectory(fs, folder);
  const foldersToSync = [...parentsToSync(folder, made), folder];
  try {
    return { handle: await fs.open(path, NEW), foldersToSync };
  } catch (error) {
    if (errnoCode(error) !== 'EEXIST') throw outputFailed('create the dead-letter file', path, error);
    return { ...(await openStanding(fs, path)), foldersToSync };
  }
}

async function openStanding(fs: DeadLetterFileSystem, path: string) {
  const handle = await openReal(fs, path);
  try {
    const { foreign, isCutOff = false, bytes = 0 } = await inspectDeadLetters(handle);
    if (foreign !== undefined) throw notOurs(path, foreign);
    return { handle, standing: { bytes, isCutOff } };
  } catch (error) {
    await handle.close();
    throw outputFailed('read the dead-letter file', path, error);
  }
}

async function openReal(fs: DeadLetterFileSystem, path: string): Promise<nodeFs.FileHandle> {
  let real: string;
  try {
    real = await fs.realpath(path);
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') throw notOurs(path, LINK_TO_NOWHERE);
    throw outputFailed('check the dead-letter file', path, error);
  }
  try {
    return await fs.open(real, STANDING);
  } catch (error) {
    if (errnoCode(error) === 'EISDIR') throw notOurs(path, 'a directory');
    throw outputFailed('open the dead-letter file', path, error);
  }
}

/** Refused, since following the link would create a file that nobody named. */
export const LINK_TO_NOWHERE = 'a link to a file that does not exist';

/** The message for a dead-letter path that leads to something else. */
export const foreignDeadLetters = (path: string, found: string): string =>
  `expected a new file, an empty file or a dead-letter file, found "${path}", which is ${found}; ` +
  'nothing was written to it: choose another path, or move it away';

function notOurs(path: string, found: string): PipelineError {
  return new PipelineError('OUTPUT_EXISTS', `deadLetter.path: ${foreignDeadLetters(path, found)}`);
}
