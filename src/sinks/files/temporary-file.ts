import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { outputFailed } from '../../core/output-error.js';
import { type FileSystem, removeQuietly, syncDirectory } from './file-system.js';

/**
 * A file that is written under a temporary name and takes its own with all its bytes, or never.
 * The temporary name starts with a dot, so that a glob like `*.parquet` does not see it.
 */
export class TemporaryFile {
  readonly temporary: string;
  readonly final: string;
  readonly #fs: FileSystem;
  #handle: FileHandle | undefined;
  #bytes: number;

  private constructor(fs: FileSystem, handle: FileHandle, temporary: string, final: string, bytes: number) {
    this.#fs = fs;
    this.#handle = handle;
    this.temporary = temporary;
    this.final = final;
    this.#bytes = bytes;
  }

  /**
   * @param bytes - Of a temporary file that is there already and is to be gone on with.
   * @throws {PipelineError} `OUTPUT_FAILED`
   */
  static async create(fs: FileSystem, temporary: string, final: string, bytes = 0): Promise<TemporaryFile> {
    try {
      const handle = await fs.open(temporary, bytes > 0 ? 'a' : 'w');
      return new TemporaryFile(fs, handle, temporary, final, bytes);
    } catch (error) {
      throw outputFailed('create', final, error);
    }
  }

  /** Written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The memory may be used again once the promise has settled. */
  async write(bytes: Uint8Array): Promise<void> {
    const handle = this.#handle;
    if (!handle) throw outputFailed('write', this.final, new Error('the file is closed'));
    try {
      for (let at = 0; at < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, at, bytes.length - at);
        at += bytesWritten;
      }
    } catch (error) {
      throw outputFailed('write', this.final, error);
    }
    this.#bytes += bytes.length;
  }

  /** Puts all bytes on the disk, still under the temporary name. */
  async seal(): Promise<void> {
    const handle = this.#handle;
    if (!handle) return;
    this.#handle = undefined;
    try {
      await handle.sync();
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw outputFailed('write', this.final, error);
    }
    try {
      await handle.close();
    } catch (error) {
      throw outputFailed('write', this.final, error);
    }
  }

  /** Seals the file and gives it its own name. */
  async publish(): Promise<void> {
    await this.seal();
    try {
      await this.#fs.rename(this.temporary, this.final);
    } catch (error) {
      throw outputFailed('give its name to', this.final, error);
    }
    await syncDirectory(this.#fs, dirname(this.final));
  }

  /** Removes it. Does not throw. */
  async discard(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
    await removeQuietly(this.#fs, this.temporary);
  }
}
