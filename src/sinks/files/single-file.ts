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

/**
 * One file that appears as a whole when it is flushed. Rows that come after a flush go to a copy
 * that takes its place with the next one: a reader never sees half of what belongs together. That
 * costs a copy of the file a checkpoint, so a long run with checkpoints wants a directory.
 */
export class SingleFile implements Output {
  readonly writesWithoutRows = true;
  readonly #options: SingleFileOptions;
  readonly #temporary: string;
  #open: TemporaryFile | undefined;
  /** Of the file that is visible. */
  #committed = 0;
  #published = false;

  constructor(options: SingleFileOptions) {
    this.#options = options;
    this.#temporary = join(dirname(options.path), `.${basename(options.path)}.${options.job}.tmp`);
  }

  async open(): Promise<void> {
    const { fs, path, ifExists, resuming, checkExisting } = this.#options;
    await makeDirectory(fs, dirname(path));
    const bytes = await this.#existingBytes();
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
    // Before a row is read, so that a directory that cannot be written is found out now.
    this.#open = await this.#create();
  }

  async resume(position: PlainData): Promise<void> {
    const bytes = (position as { bytes?: unknown } | null)?.bytes;
    const found = (await this.#existingBytes()) ?? 0;
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
    await file.publish();
    this.#open = undefined;
    this.#committed = file.bytes;
    this.#published = true;
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
    const { fs, path } = this.#options;
    if (this.#committed > 0) {
      try {
        await fs.copyFile(path, this.#temporary);
        await fs.truncate(this.#temporary, this.#committed);
      } catch (error) {
        await removeQuietly(fs, this.#temporary);
        throw outputFailed('copy', path, error);
      }
    }
    return TemporaryFile.create(fs, this.#temporary, path, this.#committed);
  }

  async #existingBytes(): Promise<number | undefined> {
    const { fs, path } = this.#options;
    try {
      const found = await fs.stat(path);
      if (found.isDirectory()) {
        throw outputFailed('create', path, Object.assign(new Error('is a directory'), { code: 'EISDIR' }));
      }
      return found.size;
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') return undefined;
      throw outputFailed('look at', path, error);
    }
  }
}
