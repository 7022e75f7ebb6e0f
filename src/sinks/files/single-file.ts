import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { makeDirectory } from '../../core/make-directory.js';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import type { PlainData } from '../../core/plain-data.js';
import { type FileSystem, removeQuietly } from './file-system.js';
import type { IfExists, Output, PartFacts } from './output.js';
import { TemporaryFile } from './temporary-file.js';

export interface SingleFileOptions {
  readonly fs: FileSystem;
  readonly path: string;
  readonly job: string;
  readonly ifExists: IfExists;
  /** Looks at what is there before anything is added to it; throws if it does not fit. */
  readonly checkExisting?: (path: string) => Promise<void>;
  readonly resuming: boolean;
}

/** Tells a file from one that took its place, or that was written to. */
interface Standing {
  readonly inode: number;
  readonly bytes: number;
  readonly changedAtMs: number;
}

/**
 * One file that appears as a whole when it is flushed. Rows that come after a flush go to a copy
 * that takes its place with the next one: a reader never sees half of what belongs together. That
 * costs a copy of the file a checkpoint, so a long run with checkpoints wants a directory.
 *
 * Each run writes under a name of its own, and gives up what it wrote when it finds another's file
 * in its place: two runs with one path spoil neither each other's bytes nor each other's file.
 */
export class SingleFile implements Output {
  readonly writesWithoutRows = true;
  readonly #options: SingleFileOptions;
  /** The file itself, where the path is a link to it. */
  #target: string;
  #temporary = '';
  #open: TemporaryFile | undefined;
  /** Of the file that is visible. */
  #committed = 0;
  #standing: Standing | undefined;
  #published = false;

  constructor(options: SingleFileOptions) {
    this.#options = options;
    this.#target = options.path;
  }

  async open(): Promise<void> {
    const { fs, path, job, ifExists, resuming, checkExisting } = this.#options;
    await makeDirectory(fs, dirname(path));
    this.#standing = await this.#look();
    if (this.#standing) this.#target = await this.#followed();
    const bytes = this.#standing?.bytes;
    if (bytes !== undefined && !resuming && ifExists === 'error') {
      throw new PipelineError(
        'OUTPUT_EXISTS',
        `"${path}" is there already (${bytes} bytes); set "ifExists: append" to add to it, ` +
          '"ifExists: replace" to replace it, or choose another path',
      );
    }
    if (bytes && !resuming && ifExists === 'append') {
      await checkExisting?.(path);
      this.#committed = bytes;
    }
    const directory = dirname(this.#target);
    const prefix = `.${basename(this.#target)}.${job}-`;
    await removeLeftovers(fs, directory, prefix);
    this.#temporary = join(directory, `${prefix}${randomBytes(4).toString('hex')}.tmp`);
    // Before a row is read, so that a directory that cannot be written is found out now.
    this.#open = await this.#create();
  }

  async resume(position: PlainData): Promise<void> {
    const bytes = (position as { bytes?: unknown } | null)?.bytes;
    const found = this.#standing?.bytes ?? 0;
    if (typeof bytes !== 'number' || !Number.isInteger(bytes) || bytes < 0 || bytes > found) {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        typeof bytes === 'number'
          ? `The checkpoint is at byte ${bytes} of "${this.#options.path}", which has ${found}: was it replaced?`
          : 'The checkpoint does not fit the sink: expected a position in one file (bytes)',
      );
    }
    await this.#open?.discard();
    this.#committed = bytes;
    this.#open = await this.#create();
  }

  async begin(): Promise<TemporaryFile> {
    this.#open ??= await this.#create();
    return this.#open;
  }

  async end(file: TemporaryFile, _facts: PartFacts): Promise<void> {
    await this.#checkOwner();
    await file.publish();
    this.#open = undefined;
    this.#committed = file.bytes;
    this.#published = true;
    this.#standing = await this.#look();
  }

  /** One file has no place for them beside its rows. */
  control(): void {}

  async flush(): Promise<PlainData> {
    return { bytes: this.#committed };
  }

  paths(): readonly string[] {
    return this.#published ? [this.#options.path] : [];
  }

  async close(): Promise<void> {
    await this.#open?.discard();
    this.#open = undefined;
  }

  /** A temporary file that starts with what is committed. */
  async #create(): Promise<TemporaryFile> {
    const { fs } = this.#options;
    if (this.#committed > 0) {
      try {
        await fs.copyFile(this.#target, this.#temporary);
        await fs.truncate(this.#temporary, this.#committed);
      } catch (error) {
        await removeQuietly(fs, this.#temporary);
        throw outputFailed('copy', this.#target, error);
      }
    }
    return TemporaryFile.create(fs, this.#temporary, this.#target, this.#committed);
  }

  /** A run that another one has followed must not publish any more. */
  async #checkOwner(): Promise<void> {
    const { fs, path, job } = this.#options;
    const found = await this.#look();
    const isForeign = found !== undefined && !isSame(found, this.#standing);
    if (!isForeign && (await isThere(fs, this.#temporary))) return;
    throw new PipelineError(
      'OUTPUT_FAILED',
      (isForeign
        ? `"${path}" was written by another run while this one was at work`
        : `"${path}" was taken over by another run of job "${job}", or its directory was emptied`) +
        '; what this run had not committed is discarded. Give each job a path of its own',
    );
  }

  /** @returns What stands there, `undefined` where nothing does. */
  async #look(): Promise<Standing | undefined> {
    const { fs, path } = this.#options;
    try {
      const found = await fs.stat(path);
      if (found.isDirectory()) {
        throw outputFailed('create', path, Object.assign(new Error('is a directory'), { code: 'EISDIR' }));
      }
      return { inode: found.ino, bytes: found.size, changedAtMs: found.mtimeMs };
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') return undefined;
      throw outputFailed('look at', path, error);
    }
  }

  /** So that a link stays one, and what it leads to is replaced. */
  async #followed(): Promise<string> {
    const { fs, path } = this.#options;
    try {
      const isLink = (await fs.lstat(path)).isSymbolicLink();
      return isLink ? await fs.realpath(path) : path;
    } catch (error) {
      throw outputFailed('look at', path, error);
    }
  }
}

const isSame = (a: Standing, b: Standing | undefined): boolean =>
  a.inode === b?.inode && a.bytes === b.bytes && a.changedAtMs === b.changedAtMs;

async function isThere(fs: FileSystem, path: string): Promise<boolean> {
  try {
    await fs.stat(path);
    return true;
  } catch {
    return false;
  }
}

/** Removes what runs of this job left when they died. One that lives finds out when it publishes. */
async function removeLeftovers(fs: FileSystem, directory: string, prefix: string): Promise<void> {
  let names: string[];
  try {
    names = await fs.readdir(directory);
  } catch {
    return; // a directory may be written and not listed
  }
  const isLeftover = (name: string) =>
    name.startsWith(prefix) && /^[0-9a-f]{8}\.tmp$/.test(name.slice(prefix.length));
  for (const name of names.filter(isLeftover)) await removeQuietly(fs, join(directory, name));
}
