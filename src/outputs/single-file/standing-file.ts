import { basename, dirname, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { fileKind } from '../../core/file-kind.js';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import type { Standing } from './file-position.js';

/**
 * Looks at what is at the path of a single file.
 *
 * @returns The file; `undefined` if there is none.
 * @throws {PipelineError} `OUTPUT_FAILED` if it is something else.
 */
export async function findStanding(disk: Disk, path: string): Promise<Standing | undefined> {
  try {
    const found = await disk.fs.stat(path);
    if (found.isDirectory()) {
      throw outputFailed('create', path, Object.assign(new Error('is a directory'), { code: 'EISDIR' }));
    }
    if (!found.isFile()) {
      throw new PipelineError(
        'OUTPUT_FAILED',
        `"${path}": expected a file, or none yet, found ${fileKind(found)}; choose another path`,
      );
    }
    return { inode: found.ino, bytes: found.size, changedAtMs: found.mtimeMs };
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return undefined;
    throw outputFailed('look at', path, error);
  }
}

/**
 * Resolves the path, so that a link stays a link and its target is replaced. A link that leads nowhere is
 * itself replaced.
 *
 * @throws {PipelineError} `OUTPUT_FAILED`
 */
export async function followLink(disk: Disk, path: string, standing: Standing | undefined): Promise<string> {
  try {
    if (standing) return await disk.fs.realpath(path);
    return join(await disk.fs.realpath(dirname(path)), basename(path));
  } catch (error) {
    throw outputFailed('look at', path, error);
  }
}
