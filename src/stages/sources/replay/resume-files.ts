import { createHash } from 'node:crypto';
import { PipelineError } from '../../../core/errors.js';
import type { TimedFile } from './files-in-time.js';
import { isBackward, type ListedPosition, type OpenFile, type TimePosition } from './replay-position.js';

/** Where reading continues among the sorted files. */
export interface FilesBegun {
  readonly begun: number;
  readonly open: readonly OpenFile[];
}

/** A digest that distinguishes lists of paths. */
export function digestOf(files: readonly { readonly path: string }[]): string {
  const hash = createHash('sha256');
  for (const { path } of files) hash.update(path).update('\0');
  return hash.digest('hex').slice(0, 32);
}

/**
 * Resumes among files as listed.
 *
 * @throws {PipelineError} `CHECKPOINT_INVALID` if the file that was open, or next, is a different one.
 */
export function resumeListed(at: ListedPosition, paths: readonly string[]): FilesBegun {
  const path = paths[at.file] ?? '';
  if (path !== at.path) {
    throw otherFiles(
      `${at.path === '' ? 'no file' : at.path} as input number ${at.file + 1}, where the last run stopped`,
      path === '' ? 'none' : path,
    );
  }
  if (!at.position) return { begun: at.file, open: [] };
  return { begun: at.file + 1, open: [{ file: at.file, path, position: at.position }] };
}

/**
 * Resumes among files in order of time.
 *
 * @param files - Sorted by their first times. New files may have been added, if they begin after
 *   everything that was read.
 * @throws {PipelineError} `CHECKPOINT_INVALID` if the files that were begun are different ones.
 */
export function resumeInTime(at: TimePosition, files: readonly TimedFile[]): FilesBegun {
  const { begun, digest, last, open, latestNs } = at;
  if (digestOf(files.slice(0, begun)) !== digest) {
    const found = files[begun - 1]?.path ?? 'fewer';
    const expected = `the ${begun} files that the last run began, in order of their first times, ${last} as the last one`;
    throw otherFiles(expected, found === last ? 'others before it' : found);
  }
  for (const { path, firstNs } of files.slice(begun)) {
    if (latestNs !== undefined && firstNs !== undefined && firstNs < latestNs) {
      throw otherFiles(
        `files that were not begun to begin at ${latestNs} ns since 1970 or later, where the last run stopped`,
        `${path}, which begins at ${firstNs} ns`,
      );
    }
  }
  return { begun, open };
}

/**
 * Applies a position among files as listed to files in order of time. Possible only for a single file.
 *
 * @throws {PipelineError} `CHECKPOINT_INVALID`.
 */
export function resumeOnlyFile(at: ListedPosition, paths: readonly string[]): FilesBegun {
  if (paths.length === 1) return resumeListed(at, paths);
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    'expected a position among files in order of time, found one among files as listed: ' +
      'set "order: listed" to continue from it, or start again',
  );
}

/**
 * Checks that the open files can be resumed.
 *
 * @throws {PipelineError} `CHECKPOINT_INVALID` if a file has no rows any more, or its direction has
 *   changed.
 */
export function checkOpenFiles(open: readonly OpenFile[], files: readonly TimedFile[]): void {
  for (const { file, path, position } of open) {
    const found = files[file];
    if (!found) throw otherFiles(`the rows of ${path} that the last run read`, 'none');
    if (isBackward(position) !== (found.direction === 'descending')) {
      throw otherFiles(`${path} with times in the direction in which the last run read it`, 'the other one');
    }
  }
}

const otherFiles = (expected: string, found: string): PipelineError =>
  new PipelineError('CHECKPOINT_INVALID', `expected ${expected}; found ${found}`);
