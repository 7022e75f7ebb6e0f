import { basename, dirname, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import type { Disk } from '../disk/disk.js';
import { randomName } from '../disk/random-name.js';
import { digits } from '../parts/part-name.js';
import { renameIntoOutput } from '../parts/partition-folders.js';
import { STAGED, StagedFile } from './staged-file.js';

/**
 * Marker beside staged files: they are listed in a position that was handed out, so a store may resume
 * the run. It holds the `keyId` of the run, if there is one.
 */
export const KEPT = 'kept';

/** Name of the folder of one owner of a run. It cannot be predicted. */
export const stagingName = (epoch: number): string => `${digits(epoch, 5)}-${randomName()}`;

/**
 * The folder in which one owner of a run writes its files. A takeover renames it. From then on nothing
 * can be published from it, since its paths no longer exist.
 */
export class Staging {
  readonly folder: string;
  readonly #disk: Disk;
  readonly #keyId: string | undefined;
  #isKept = false;
  /** Whether the folders around it are durable, too. */
  #isReachable = false;
  /** Times that a name came or went, and up to which of them that is on the disk. */
  #names = 0;
  #namesSynced = 0;
  /** Once a sync has failed, all later ones fail with the same error. */
  #lastSync: Promise<void> = Promise.resolve();

  private constructor(disk: Disk, folder: string, keyId: string | undefined) {
    this.#disk = disk;
    this.folder = folder;
    this.#keyId = keyId;
  }

  /**
   * Creates the folder.
   *
   * @param runFolder - Must exist.
   * @param keyId - See `StageContext`.
   * @throws {PipelineError} `FENCED` if it does not: a later owner has come, and has finished.
   */
  static async create(disk: Disk, runFolder: string, name: string, keyId?: string): Promise<Staging> {
    const folder = join(runFolder, name);
    try {
      await disk.mkdir(folder);
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') throw fenced(folder, runFolder);
      throw outputFailed('create the directory', folder, error);
    }
    return new Staging(disk, folder, keyId);
  }

  /** @param name - The folders of a partition are dropped; the rest of the name is unique. */
  pathOf(name: string): string {
    return join(this.folder, `${basename(name)}${STAGED}`);
  }

  /** Whether the files in here stay if the run dies. */
  get isKept(): boolean {
    return this.#isKept;
  }

  /** How many times names came or went so far: for `keep`, so that later ones are left to the next time. */
  get names(): number {
    return this.#names;
  }

  /** Whether `sync` has something to do. */
  get hasNewNames(): boolean {
    return this.#names > this.#namesSynced || !this.#isReachable;
  }

  /** @param final - Path that it will be published under. */
  async begin(name: string, final: string): Promise<StagedFile> {
    try {
      const named = { name, path: this.pathOf(name), final };
      return await this.#disk.room.untilDone({ path: final, doing: 'create' }, () =>
        StagedFile.open(this.#disk, named),
      );
    } catch (error) {
      throw await this.#whyNot('create', final, error);
    } finally {
      this.#names++; // not before: a sync of the folder meanwhile may have come too early for the name
    }
  }

  /** Begins a file as a copy, since another owner may still have the original open. */
  async beginWithCopy(name: string, final: string, from: string, bytes: number): Promise<StagedFile> {
    const path = this.pathOf(name);
    try {
      await this.#disk.copy(from, path);
      await this.#disk.fs.truncate(path, bytes);
      return await StagedFile.open(this.#disk, { name, path, final }, bytes);
    } catch (error) {
      if (errnoCode(error) !== 'EEXIST') await this.#disk.removeQuietly(path);
      throw await this.#whyNot('copy', from, error);
    } finally {
      this.#names++;
    }
  }

  /**
   * Publishes a file. The caller syncs the output.
   *
   * @param output - The file's folders are created below it.
   * @throws {PipelineError} `FENCED` if a takeover came first.
   */
  async publish(name: string, inode: number, final: string, output = dirname(final)): Promise<void> {
    const path = this.pathOf(name);
    try {
      if (await renameIntoOutput(this.#disk, output, path, name)) return;
    } catch (error) {
      throw await this.#whyNot('give its place to', final, error);
    } finally {
      this.#names++;
    }
    if (await this.#stands(final, inode)) return;
    await this.refuseFenced(final);
    throw new PipelineError(
      'OUTPUT_FAILED',
      `"${path}" was gone before it could be published as "${final}": leave staged files where they are`,
    );
  }

  /**
   * Has what is in here kept when the run dies, since a store may resume it, and makes it durable.
   *
   * @param names - As `names` was: what came after that may wait.
   */
  async keep(names = this.#names): Promise<void> {
    if (this.#isKept) return this.sync(names);
    try {
      await this.#disk.createMarker(join(this.folder, KEPT), this.#keyId);
      this.#isKept = true;
    } catch (error) {
      throw await this.#whyNot('keep', this.folder, error);
    } finally {
      this.#names++;
    }
    await this.sync();
  }

  /** Has the files in here survive a power cut, under their names. */
  sync(names = this.#names): Promise<void> {
    this.#lastSync = this.#lastSync.then(() => this.#syncNames(names));
    return this.#lastSync;
  }

  /** Does the part of the first `sync` that is the same whatever is in here, so that no checkpoint waits for it. */
  makeReachable(): Promise<void> {
    this.#lastSync = this.#lastSync.then(() => this.#syncAround());
    return this.#lastSync;
  }

  async #syncNames(names: number): Promise<void> {
    if (this.#namesSynced < names) {
      const coming = this.#names; // what comes meanwhile is for the next time
      try {
        await this.#disk.syncDirectory(this.folder);
      } catch (error) {
        throw await this.#whyNot('keep', this.folder, error);
      }
      this.#namesSynced = coming;
    }
    await this.#syncAround();
  }

  async #syncAround(): Promise<void> {
    if (this.#isReachable) return;
    const runFolder = dirname(this.folder);
    try {
      await this.#disk.syncDirectory(runFolder);
      await this.#disk.syncDirectory(dirname(runFolder));
    } catch (error) {
      throw await this.#whyNot('keep', this.folder, error);
    }
    this.#isReachable = true;
  }

  /** Creates a small file in here, and syncs its bytes. */
  async stage(name: string, text: string): Promise<void> {
    try {
      await this.#disk.writeNew(this.pathOf(name), text);
    } catch (error) {
      throw await this.#whyNot('write', this.pathOf(name), error);
    } finally {
      this.#names++;
    }
  }

  /** Replaces a small file of the output atomically. Not possible any more after a takeover. */
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

  /** Removes the folder if it is empty. Does not throw. */
  async removeEmpty(): Promise<void> {
    await this.#disk.fs.rmdir(this.folder).catch(() => undefined);
  }

  /** Removes the folder and everything in it. Does not throw. */
  removeAll(): Promise<void> {
    return this.#disk.removeFolderQuietly(this.folder);
  }

  /** @throws {PipelineError} `FENCED` if a takeover has come. */
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

/** Error for an owner that a later epoch has replaced: it must not publish any more, and has not. */
export function fenced(path: string, folder: string): PipelineError {
  return new PipelineError(
    'FENCED',
    `This run was taken over: "${folder}" belongs to another owner now, or was removed. What was not published ` +
      `yet stays unpublished ("${path}"); the new owner continues from what counts`,
  );
}

/** Whether a store may still need the files staged there. */
export async function isKept(disk: Disk, folder: string): Promise<boolean> {
  return (await disk.list(folder)).includes(KEPT);
}
