import { basename, dirname, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { outputFailed } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import { isMountPoint } from '../disk/mount-points.js';

/** Folder in the state folder in which runs are registered. */
export const RUNS = 'runs';

/** Folder for incomplete files. It is beside the output, so that readers of the output never meet it. */
export const stateFolderOf = (output: string): string =>
  join(dirname(output), `.${basename(output)}.tickloom`);

/** The output that a state folder belongs to. */
export const outputOf = (state: string): string =>
  join(dirname(state), basename(state).slice(1, -'.tickloom'.length));

/**
 * Creates the state folder of an output if it does not exist.
 *
 * @param output - Path, without links, of an existing directory of parts or of one file.
 * @param standsOn - The directory in which files will appear.
 * @throws {PipelineError} `OUTPUT_FAILED` if files could not be renamed from the state folder to the
 *   output.
 */
export async function openStateFolder(disk: Disk, output: string, standsOn: string): Promise<string> {
  const parent = dirname(output);
  if (parent === output || (await isMountPoint(disk.fs, output))) throw onAnotherMount(output, standsOn);
  const state = stateFolderOf(output);
  const isNew = (await disk.makeOwnDirectory(state)) === undefined;
  await disk.makeOwnDirectory(join(state, RUNS));
  const [ours, theirs] = [await deviceOf(disk, state), await deviceOf(disk, standsOn)];
  if (ours !== theirs) {
    if (isNew) await disk.removeFolderQuietly(join(state, RUNS));
    if (isNew) await disk.removeFolderQuietly(state);
    throw onAnotherMount(output, standsOn);
  }
  // The run that created them may have died before it synced them.
  await disk.syncDirectory(parent);
  await disk.syncDirectory(state);
  return state;
}

async function deviceOf(disk: Disk, path: string): Promise<number> {
  try {
    return (await disk.fs.stat(path)).dev;
  } catch (error) {
    throw outputFailed('look at', path, error);
  }
}

const onAnotherMount = (output: string, standsOn: string) =>
  new PipelineError(
    'OUTPUT_FAILED',
    `"${output}" is a mount point: files are made whole beside the output and renamed to their place, which does ` +
      `not work across mounts; ${standsOn === output ? 'choose a folder below it' : 'mount the folder around it instead'}`,
  );
