import { basename, dirname, join, resolve } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { fileKind } from '../../core/file-kind.js';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import type { FileSystem } from '../../outputs/disk/file-system.js';

/** Where a database is. */
export interface DatabasePath {
  /** Absolute, with all links followed: the log of DuckDB stands beside this file, under its name. */
  readonly real: string;
  readonly isThere: boolean;
}

/**
 * Finds the file of a database. Opens nothing: in a process, the locks of a file are gone once any descriptor of
 * it is closed.
 *
 * @throws {PipelineError} `OUTPUT_FAILED` for what can be no database of one owner: a directory, a link to nothing,
 *   or a file with several names. DuckDB knows the log of a database by the name of its file.
 */
export async function databasePath(fs: FileSystem, path: string): Promise<DatabasePath> {
  const absolute = resolve(path);
  try {
    const real = await fs.realpath(absolute);
    const found = await fs.stat(real);
    if (!found.isFile()) throw refused(path, `expected a file, found ${fileKind(found)}`);
    if (found.nlink > 1) {
      throw refused(
        path,
        `expected a file with one name, found ${found.nlink} (hard links): under another name, rows in the log ` +
          'beside it would be missing, and a second writer could not be seen. Remove the other names',
      );
    }
    return { real, isThere: true };
  } catch (error) {
    if (errnoCode(error) !== 'ENOENT') throw outputFailed('look at', path, error);
  }
  if (await isLink(fs, absolute)) {
    throw refused(path, 'expected a file or nothing, found a link that leads to nothing');
  }
  const folder = await fs.realpath(dirname(absolute)).catch(() => dirname(absolute));
  return { real: join(folder, basename(absolute)), isThere: false };
}

const isLink = (fs: FileSystem, path: string): Promise<boolean> =>
  fs.lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );

const refused = (path: string, why: string) => new PipelineError('OUTPUT_FAILED', `"${path}": ${why}`);
