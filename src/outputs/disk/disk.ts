import { constants } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { fileKind, READ_WITHOUT_WAIT } from '../../core/file-kind.js';
import { makeDirectory, parentsToSync } from '../../core/make-directory.js';
import { errnoCode, lacksRoom, outputFailed } from '../../core/output-error.js';
import type { Logger } from '../../telemetry/logger.js';
import { writeNewFile } from './durable-files.js';
import type { FileSystem } from './file-system.js';
import { FolderSyncs } from './folder-syncs.js';
import { randomName } from './random-name.js';
import { RoomOnDisk } from './room-on-disk.js';

const NOT_THROUGH_LINKS = READ_WITHOUT_WAIT | (constants.O_NOFOLLOW ?? 0);

/**
 * File-system steps that several parts of an output share. Each guarantees exactly the durability that it
 * states.
 */
export class Disk {
  readonly fs: FileSystem;
  /** Has what needs room wait for it. */
  readonly room: RoomOnDisk;
  /** Folders of partitions that are known to be on the disk: by path, which directory it was. */
  readonly durableFolders = new Map<string, string>();
  readonly #log: Logger;
  readonly #folderSyncs: FolderSyncs;

  /** @param room - Without it, what needs room fails when the disk is full. */
  constructor(fs: FileSystem, log: Logger, room = new RoomOnDisk()) {
    this.fs = fs;
    this.#log = log;
    this.#folderSyncs = new FolderSyncs(fs, 'files');
    this.room = room;
  }

  /**
   * Makes names in a directory survive a power cut. If the file system does not support this, one warning
   * is logged and the run continues.
   *
   * @throws {PipelineError} `OUTPUT_FAILED`, retryable: renamed files may be gone after a crash.
   */
  syncDirectory(directory: string): Promise<void> {
    return this.#folderSyncs.sync(directory, this.#log);
  }

  /** Creates a directory and its missing parents, so that they survive a power cut. */
  async makeDirectories(directory: string): Promise<void> {
    const mkdir = (path: string) => this.mkdir(path);
    const made = await makeDirectory({ mkdir, stat: (path) => this.fs.stat(path) }, directory);
    for (const parent of parentsToSync(directory, made)) await this.syncDirectory(parent);
  }

  /**
   * Creates one of our own directories if it does not exist. A link in its place is not followed, since
   * it could lead our files to a place of someone else's choosing.
   *
   * @returns Which directory is there, since another run may remove it and make one anew; `undefined` if it was
   *   created now.
   */
  async makeOwnDirectory(path: string): Promise<string | undefined> {
    try {
      await this.mkdir(path);
      return undefined;
    } catch (error) {
      if (errnoCode(error) !== 'EEXIST') throw outputFailed('create the directory', path, error);
    }
    let found: Awaited<ReturnType<FileSystem['lstat']>>;
    try {
      found = await this.fs.lstat(path);
    } catch (error) {
      throw outputFailed('look at', path, error);
    }
    // With its birth, since the number of one that was removed is soon that of another one.
    if (found.isDirectory()) return `${found.ino} ${found.birthtimeMs}`;
    throw new PipelineError(
      'OUTPUT_FAILED',
      `"${path}" is for the output alone: expected a directory, found ` +
        `${fileKind(found)}; remove it, or choose another path for the output`,
    );
  }

  /** Creates one directory. @throws what the file system throws. */
  async mkdir(path: string): Promise<void> {
    await this.room.untilDone({ path, doing: 'create the directory' }, () => this.fs.mkdir(path));
  }

  /** Moves a file. @throws what the file system throws. */
  rename(from: string, to: string): Promise<void> {
    return this.room.untilDone({ path: to, doing: 'give its place to' }, () => this.fs.rename(from, to));
  }

  /** Gives a file a second name. @throws what the file system throws. */
  link(from: string, to: string): Promise<void> {
    return this.room.untilDone({ path: to, doing: 'create' }, () => this.fs.link(from, to));
  }

  /**
   * Copies a file to a place where there is none.
   *
   * @param from - Copied block by block if the file system cannot share its blocks.
   * @throws what the file system throws. Then nothing of the copy is left.
   */
  copy(from: string, to: string): Promise<void> {
    return this.room.untilDone({ path: to, doing: 'copy' }, async () => {
      try {
        await this.fs.copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      } catch (error) {
        if (errnoCode(error) !== 'EEXIST') await this.removeQuietly(to);
        throw error;
      }
    });
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
      await this.room.untilDone({ path, doing: 'write' }, async () => {
        try {
          await writeNewFile(this.fs, path, text);
        } catch (error) {
          if (lacksRoom(error)) await this.removeQuietly(path); // a part of it may be there
          throw error;
        }
      });
    } catch (error) {
      throw outputFailed('write', path, error);
    }
  }

  /**
   * Makes a marker: a file that is on the disk once its folder is synced.
   *
   * @param note - Not synced: after a power cut, it may be missing.
   */
  async createMarker(path: string, note = ''): Promise<void> {
    try {
      await this.room.untilDone({ path, doing: 'create' }, async () => {
        const handle = await this.fs.open(path, 'wx');
        try {
          try {
            if (note !== '') await handle.writeFile(note);
          } finally {
            await handle.close();
          }
        } catch (error) {
          if (lacksRoom(error)) await this.removeQuietly(path); // a quota may be told only now
          throw error;
        }
      });
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
      await this.rename(temporary, path);
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
