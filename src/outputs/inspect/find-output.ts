import { basename, dirname, join, resolve } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { fileKind } from '../../core/file-kind.js';
import { errnoCode } from '../../core/output-error.js';
import type { FileSystem } from '../disk/file-system.js';
import { parsePartName } from '../parts/part-name.js';
import { outputOf, stateFolderOf } from '../runs/state-folder.js';

/** Where an output is, and what is there now. */
export interface FoundOutput {
  /** Path with links resolved. */
  readonly output: string;
  /** `missing` if there is nothing yet, or nothing any more. */
  readonly kind: 'directory' | 'file' | 'missing';
  /** Folder beside the output for incomplete files; it may not exist. */
  readonly state: string;
  readonly hasState: boolean;
}

const STATE_FOLDER = /^\..+\.tickloom$/;

/**
 * Finds the output that a path leads to, as its runs would. Creates nothing.
 *
 * @throws {PipelineError} `INPUT_UNREADABLE` for a path that is not an output; the message says which
 *   path to use.
 */
export async function findOutput(fs: FileSystem, path: string): Promise<FoundOutput> {
  const { output, kind } = await follow(fs, path);
  const name = basename(output);
  if (STATE_FOLDER.test(name)) {
    throw notOutput(
      path,
      `expected the path of an output, found the folder beside it; give "${outputOf(output)}"`,
    );
  }
  if (kind === 'file' && parsePartName(name)) {
    throw notOutput(path, `expected a directory of parts, found one of its parts; give "${dirname(output)}"`);
  }
  const state = stateFolderOf(output);
  return { output, kind, state, hasState: await hasFolder(fs, state) };
}

async function follow(fs: FileSystem, path: string): Promise<Pick<FoundOutput, 'output' | 'kind'>> {
  try {
    const found = await fs.stat(path);
    const output = await fs.realpath(path);
    if (found.isDirectory()) return { output, kind: 'directory' };
    if (found.isFile()) return { output, kind: 'file' };
    throw notOutput(path, `expected a directory or a file, found ${fileKind(found)}`);
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    if (errnoCode(error) !== 'ENOENT') throw unreadable(path, error);
  }
  const absolute = resolve(path);
  try {
    return { output: join(await fs.realpath(dirname(absolute)), basename(absolute)), kind: 'missing' };
  } catch (error) {
    if (errnoCode(error) !== 'ENOENT') throw unreadable(path, error);
    return { output: absolute, kind: 'missing' };
  }
}

async function hasFolder(fs: FileSystem, path: string): Promise<boolean> {
  try {
    const found = await fs.lstat(path);
    if (found.isDirectory()) return true;
    throw notOutput(path, `expected a directory, found ${fileKind(found)}`);
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return false;
    throw unreadable(path, error);
  }
}

/** Advice for a path that cannot be inspected, by the error code of the operating system. */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'permission denied: this user may not look there',
  EPERM: 'not permitted: this user may not look there',
  ENOTDIR: 'a part of the path is a file, expected a directory',
  ELOOP: 'links lead in a circle, or there is a link where none is followed',
  ENAMETOOLONG: 'the path is too long',
};

/**
 * Error for a failed inspection, with advice.
 *
 * @param path - Named if the system does not say which path failed.
 */
export function unreadable(path: string, error: unknown): PipelineError {
  if (error instanceof PipelineError && error.code === 'INPUT_UNREADABLE') return error;
  const cause = error instanceof PipelineError ? (error.cause ?? error) : error;
  const code = errnoCode(cause);
  const why = ADVICE[code ?? ''] ?? (cause instanceof Error ? cause.message : String(cause));
  const where = (cause as NodeJS.ErrnoException | undefined)?.path ?? path;
  return new PipelineError('INPUT_UNREADABLE', `Cannot look at "${where}": ${why}`, { cause });
}

const notOutput = (path: string, why: string) => new PipelineError('INPUT_UNREADABLE', `"${path}": ${why}`);
