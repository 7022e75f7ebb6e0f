import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { PipelineError } from '../../../core/errors.js';
import { GlobReachError, globFiles, looksLikeGlob } from '../../../core/glob.js';
import { foundText } from '../../../formats/file-bytes.js';
import { notAFile } from '../../../formats/lent-descriptors.js';

/**
 * Lists the files that paths and globs name, relative to the working directory. They come in the order
 * given; the files of one glob are sorted by name (by code unit, so that dates sort correctly). A file
 * that is named twice is listed once, at its first position.
 *
 * @throws {PipelineError} `INPUT_MISSING` for a path that does not exist or a glob that matches nothing,
 *   `INPUT_UNREADABLE` for a directory, a pipe, a socket or a device, and for a glob that looks into too many
 *   directories.
 */
export async function listFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
    if (!(found instanceof Error)) {
      if (found.isDirectory()) {
        throw new PipelineError(
          'INPUT_UNREADABLE',
          `${path}: expected a file or a glob like ${path.replace(/\/+$/, '')}/*.csv, found a directory`,
        );
      }
      // Looked at before it is opened: to open a pipe waits, and a device may do something.
      if (!found.isFile()) throw notAFile(path, found);
      files.push(path);
    } else if (looksLikeGlob(path)) {
      // A file whose name only looks like a glob was found above.
      const matches = await globFiles(path).catch((error: unknown) => {
        if (!(error instanceof GlobReachError)) throw error;
        throw new PipelineError('INPUT_UNREADABLE', `${path}: ${error.message}`);
      });
      if (matches.length === 0) {
        throw new PipelineError(
          'INPUT_MISSING',
          `${path}: expected files that match this glob, found none in ${process.cwd()}`,
        );
      }
      files.push(...matches.sort());
    } else if (found.code === 'ENOENT' || found.code === 'ENOTDIR') {
      throw new PipelineError(
        'INPUT_MISSING',
        `${path}: expected a file, found none (from ${process.cwd()})`,
      );
    } else {
      throw new PipelineError(
        'INPUT_UNREADABLE',
        `${path}: expected a file that can be read, found ${foundText(found)}`,
        { cause: found },
      );
    }
  }
  const known = new Set<string>();
  return files.filter((file) => {
    const path = resolve(file);
    return known.has(path) ? false : known.add(path);
  });
}
