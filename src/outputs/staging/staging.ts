import { constants } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import { randomName } from '../disk/random-name.js';
import { digits } from '../parts/part-name.js';
import { renameIntoOutput } from '../parts/partition-folders.js';
import { STAGED, StagedFile } from './staged-file.js';

/** Beside staged files: positions were handed out that list them, so a store may resume the run. */
export const KEPT = 'kept';

/** Name of the folder of one owner of a run. Nobody can foresee it. */
export const stagingName = (epoch: number): string => `${digits(epoch, 5)}-${randomName()}`;

/**
 * The folder in which one owner of a run writes its files. A takeover renames it, and from then on
 * nothing can be published out of it: paths that lead here are gone.
 */
export class Staging {
  readonly folder: string;
  readonly #disk: Disk;
  #isKept = false;
  /** The folders around it are on the disk, too. */
  #isReachable = false;
  /** Names came or went that are not on the disk yet. */
  #hasNewNames = false;
  /** Once a sync has failed, all later ones fail with the same error. */
  #lastSync: Promise<void> = Promise.resolve();

  private constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.folder = folder;
  }

  /**
   * @param runFolder - It must be there.
   * @throws {PipelineError} `FENCED` when it is not: a later owner has come, and has finished.
   */
  static async create(disk: Disk, runFolder: string, name: string): Promise<Staging> {
    const folder = join(runFolder, name);
    try {
      await disk.fs.mkdir(folder);
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') throw fenced(folder, runFolder);
      throw outputFailed('create the directory', folder, error);
    }
    return new Staging(disk, folder);
  }

  /** @param name - The folders of a partition are left out: the rest of it is like no other. */
  pathOf(name: string): string {
    return join(this.folder, `${basename(name)}${STAGED}`);
  }

  /** What is in here stays when the run dies. */
  get isKept(): boolean {
    return this.#isKept;
  }

  /** Whether `sync` has something to do. */
  get hasNewNames(): boolean {
    return this.#hasNewNames || !this.#isReachable;
  }

  /** @param final - Path that it is to have. */
  async begin(name: string, final: string): Promise<StagedFile> {
    this.#hasNewNames = true;
    try {
      return await StagedFile.open(this.#disk, { name, path: this.pathOf(name), final });
    } catch (error) {
      throw await this.#whyNot('create', final, error);
    } finally {
      this.#hasNewNames = true; // again: the folder may have been synced before the name was there
    }
  }

  /** A file that begins as a copy: somebody else may still have the first one open. */
  async beginWithCopy(name: string, final: string, from: string, bytes: number): Promise<StagedFile> {
    const { fs } = this.#disk;
    const path = this.pathOf(name);
    this.#hasNewNames = true;
    try {
      await fs.copyFile(from, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      await fs.truncate(path, bytes);
      return await StagedFile.open(this.#disk, { name, path, final }, bytes);
    } catch (error) {
      if (errnoCode(error) !== 'EEXIST') await this.#disk.removeQuietly(path);
      throw await this.#whyNot('copy', from, error);
    } finally {
      this.#hasNewNames = true;
    }
  }

  /**
   * Gives a file its place, which the caller syncs.
   *
   * @param output - Below it, folders are made for the file.
   * @throws {PipelineError} `FENCED` when a takeover came first.
   */
  async publish(name: string, inode: number, final: string, output = dirname(final)): Promise<void> {
    const path = this.pathOf(name);
    this.#hasNewNames = true;
    try {
      if (await renameIntoOutput(this.#disk, output, path, name)) return;
    } catch (error) {
      throw await this.#whyNot('give its place to', final, error);
    }
    if (await this.#stands(final, inode)) return;
    await this.refuseFenced(final);
    throw new PipelineError(
      'OUTPUT_FAILED',
      `"${path}" was to become "${final}", and is gone: expected it to be left alone until then`,
    );
  }

  /** Has what is in here kept when the run dies, since a store may resume it, and makes it durable. */
  async keep(): Promise<void> {
    try {
      if (!this.#isKept) {
        await this.#disk.writeNew(join(this.folder, KEPT), '');
        this.#hasNewNames = true;
        this.#isKept = true;
      }
    } catch (error) {
      throw await this.#whyNot('keep', this.folder, error);
    }
    await this.sync();
  }

  /** Has the files in here survive a power cut, under their names. */
  sync(): Promise<void> {
    this.#lastSync = this.#lastSync.then(() => this.#syncNewNames());
    return this.#lastSync;
  }

  async #syncNewNames(): Promise<void> {
    const runFolder = dirname(this.folder);
    if (!this.hasNewNames) return;
    this.#hasNewNames = false; // what comes meanwhile is for the next time
    try {
      await this.#disk.syncDirectory(this.folder);
      if (this.#isReachable) return;
      await this.#disk.syncDirectory(runFolder);
      await this.#disk.syncDirectory(dirname(runFolder));
      this.#isReachable = true;
    } catch (error) {
      throw await this.#whyNot('keep', this.folder, error);
    }
  }

  /** Makes a small file in here, with all its bytes on the disk. */
  async stage(name: string, text: string): Promise<void> {
    try {
      await this.#disk.writeNew(this.pathOf(name), text);
    } catch (error) {
      throw await this.#whyNot('write', this.pathOf(name), error);
    } finally {
      this.#hasNewNames = true;
    }
  }

  /** Puts a small file of the output in its place as a whole. Not possible any more after a takeover. */
  async decide(path: string, text: string): Promise<void> {
    try {
      await this.#disk.replaceFile(path, text, this.folder);
    } catch (error) {
      throw await this.#whyNot('write', path, error);
    }
  }

  /** Does not throw. */
  remove(name: string): Promise<void> {
    return this.#disk.removeQuietly(this.pathOf(name));
  }

  /** Removes the folder where there is nothing in it. Does not throw. */
  async removeEmpty(): Promise<void> {
    await this.#disk.fs.rmdir(this.folder).catch(() => undefined);
  }

  /** Removes the folder and all in it. Does not throw. */
  removeAll(): Promise<void> {
    return this.#disk.removeFolderQuietly(this.folder);
  }

  /** @throws {PipelineError} `FENCED` when a takeover has come. */
  async refuseFenced(final: string): Promise<void> {
    if (!(await this.#disk.has(this.folder))) throw fenced(final, this.folder);
  }

  async #stands(final: string, inode: number): Promise<boolean> {
    try {
      return (await this.#disk.fs.lstat(final)).ino === inode;
    } catch {
      return false;
    }
  }

  async #whyNot(doing: string, path: string, error: unknown): Promise<PipelineError> {
    if (errnoCode(error) !== 'ENOENT') return outputFailed(doing, path, error);
    try {
      await this.refuseFenced(path);
    } catch (missing) {
      return outputFailed(doing, path, missing);
    }
    return outputFailed(doing, path, error);
  }
}

/** A later epoch of the run has begun: this one must not publish any more, and did not. */
export function fenced(path: string, folder: string): PipelineError {
  return new PipelineError(
    'FENCED',
    `This run was taken over: "${folder}" belongs to another owner now, or was removed. What was not published ` +
      `yet is not published ("${path}"); whoever took over goes on with what counts`,
  );
}

/** Whether a store may still want what is staged there. */
export async function isKept(disk: Disk, folder: string): Promise<boolean> {
  return (await disk.list(folder)).includes(KEPT);
}
