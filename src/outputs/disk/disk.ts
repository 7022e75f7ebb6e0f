import { constants } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { makeDirectory, parentsToSync } from '../../core/make-directory.js';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import type { Logger } from '../../telemetry/logger.js';
import { syncFolder, writeNewFile } from './durable-files.js';
import type { FileSystem } from './file-system.js';
import { randomName } from './random-name.js';
import { RoomOnDisk } from './room-on-disk.js';

const NOT_THROUGH_LINKS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0);

/**
 * File-system steps that several parts of an output share. Each guarantees exactly the durability that it
 * states.
 */
export class Disk {
  readonly fs: FileSystem;
  /** Writes the bytes of staged files. */
  readonly room: RoomOnDisk;
  readonly #log: Logger;
  #saidUnsupported = false;

  /** @param room - Without it, a write fails when the disk is full. */
  constructor(fs: FileSystem, log: Logger, room = new RoomOnDisk()) {
    this.fs = fs;
    this.#log = log;
    this.room = room;
  }

  /**
   * Makes names in a directory survive a power cut. If the file system does not support this, one warning
   * is logged and the run continues.
   *
   * @throws {PipelineError} `OUTPUT_FAILED`, retryable: renamed files may be gone after a crash.
   */
  async syncDirectory(directory: string): Promise<void> {
    if ((await syncFolder(this.fs, directory)) || this.#saidUnsupported) return;
    this.#saidUnsupported = true;
    this.#log.warn({ directory }, 'this file system cannot sync directories: a power cut may lose files');
  }

  /** Creates a directory and its missing parents, so that they survive a power cut. */
  async makeDirectories(directory: string): Promise<void> {
    const made = await makeDirectory(this.fs, directory);
    for (const parent of parentsToSync(directory, made)) await this.syncDirectory(parent);
  }

  /**
   * Creates one of our own directories if it does not exist. A link in its place is not followed, since
   * it could lead our files to a place of someone else's choosing.
   *
   * @returns Whether it was created now.
   */
  async makeOwnDirectory(path: string): Promise<boolean> {
    try {
      await this.fs.mkdir(path);
      return true;
    } catch (error) {
      if (errnoCode(error) !== 'EEXIST') throw outputFailed('create the directory', path, error);
    }
    let found: Awaited<ReturnType<FileSystem['lstat']>>;
    try {
      found = await this.fs.lstat(path);
    } catch (error) {
      throw outputFailed('look at', path, error);
    }
    if (found.isDirectory()) return false;
    throw new PipelineError(
      'OUTPUT_FAILED',
      `"${path}" is for the output alone: expected a directory, found ` +
        `${found.isSymbolicLink() ? 'a link' : 'a file'}; remove it, or choose another path for the output`,
    );
  }

  /** @returns `[]` if there is no such directory. */
  async list(directory: string): Promise<string[]> {
    try {
      return await this.fs.readdir(directory);
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') return [];
      throw outputFailed('read the directory', directory, error);
    }
  }

  async has(path: string): Promise<boolean> {
    try {
      await this.fs.lstat(path);
      return true;
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') return false;
      throw outputFailed('look at', path, error);
    }
  }

  /** The text of one of our own files; `undefined` if it does not exist. Links are not followed. */
  async read(path: string): Promise<string | undefined> {
    try {
      return await this.fs.readFile(path, { encoding: 'utf8', flag: NOT_THROUGH_LINKS });
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') return undefined;
      throw outputFailed('read', path, error);
    }
  }

  /** All bytes of one of our own files. Links are not followed. */
  async readBytes(path: string): Promise<Uint8Array> {
    try {
      return await this.fs.readFile(path, { flag: NOT_THROUGH_LINKS });
    } catch (error) {
      throw outputFailed('read', path, error);
    }
  }

  /** Writes a file that must not exist, and syncs its bytes. Its name is not synced. */
  async writeNew(path: string, text: string): Promise<void> {
    try {
      await writeNewFile(this.fs, path, text);
    } catch (error) {
      throw outputFailed('write', path, error);
    }
  }

  /** Makes a file that is there or not, and says nothing else: on the disk once its folder is synced. */
  async createEmpty(path: string): Promise<void> {
    try {
      await (await this.fs.open(path, 'wx')).close();
    } catch (error) {
      throw outputFailed('create', path, error);
    }
  }

  /**
   * Replaces a small file atomically and durably.
   *
   * @param from - Folder in which it is written first.
   */
  async replaceFile(path: string, text: string, from: string): Promise<void> {
    const temporary = join(from, `${basename(path)}.${randomName()}.tmp`);
    try {
      await this.writeNew(temporary, text);
      await this.fs.rename(temporary, path);
    } catch (error) {
      await this.removeQuietly(temporary);
      throw outputFailed('write', path, error);
    }
    await this.syncDirectory(dirname(path));
  }

  /** Removes a file that may already be gone. */
  async remove(path: string): Promise<void> {
    try {
      await this.fs.unlink(path);
    } catch (error) {
      if (errnoCode(error) !== 'ENOENT') throw outputFailed('remove', path, error);
    }
  }

  /** Removes a file if possible; used where nothing depends on it. */
  async removeQuietly(path: string): Promise<void> {
    await this.fs.unlink(path).catch(() => undefined);
  }

  /** Removes one of our own folders and its files, one by one. Follows no links. Does not throw. */
  async removeFolderQuietly(folder: string): Promise<void> {
    const names = await this.fs.readdir(folder).catch(() => []);
    for (const name of names) await this.removeQuietly(join(folder, name));
    await this.fs.rmdir(folder).catch(() => undefined);
  }
}
