import type * as nodeFs from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import { errnoCode } from '../core/output-error.js';
import { isRunOwner, type RunOwner } from '../outputs/runs/run-owner.js';
import { type Owner, readOwner } from '../wire/checkpoint.js';
import { claimName, lastEpoch, readNames, type StoreFile } from './store-names.js';

/** The part of `node:fs/promises` that a file store uses, so that tests can inject failures. */
export type StoreFileSystem = Pick<
  typeof nodeFs,
  'mkdir' | 'stat' | 'open' | 'link' | 'unlink' | 'readdir' | 'readFile'
>;

/** The content of a claim file. */
export interface Claim {
  readonly key: string;
  readonly epoch: number;
  readonly owner: Owner;
  /** Random, so that claims of the same epoch differ if the folder was emptied by hand in between. */
  readonly token: string;
  /** See `Fence`. Claims of earlier releases have none. */
  readonly keyId?: string | undefined;
  readonly isRemoved: boolean;
  /** The thread that made the claim, so that others can tell whether it is gone. Earlier releases wrote none. */
  readonly thread?: RunOwner | undefined;
}

/** Retries while other processes change the folder; bounded, since they do not do so forever. */
export const ATTEMPTS_MAX = 1_000;

/** Reads the folder of a key. It caches nothing, so the results are current. */
export class StoreFolder {
  readonly path: string;
  readonly fs: StoreFileSystem;

  constructor(path: string, fs: StoreFileSystem) {
    this.path = path;
    this.fs = fs;
  }

  pathOf(name: string): string {
    return join(this.path, name);
  }

  async files(): Promise<StoreFile[]> {
    return readNames(await namesIn(this.fs, this.path));
  }

  async lastClaim(): Promise<Claim | undefined> {
    for (let attempts = 0; ; attempts++) {
      const epoch = lastEpoch(await this.files());
      if (epoch === 0) return undefined;
      try {
        return await this.claimIn(claimName(epoch));
      } catch (error) {
        if (errnoCode(error) !== 'ENOENT' || attempts === ATTEMPTS_MAX) throw error;
      }
    }
  }

  /** @throws {PipelineError} `CHECKPOINT_INVALID` if the file is not a claim. */
  async claimIn(name: string): Promise<Claim> {
    const path = this.pathOf(name);
    const text = await this.fs.readFile(path, 'utf8');
    try {
      const { key, epoch, owner, token, keyId, isRemoved, thread } = JSON.parse(text) as Partial<Claim>;
      if (typeof key !== 'string' || typeof epoch !== 'number' || typeof token !== 'string')
        throw new Error();
      return {
        key,
        epoch,
        owner: readOwner(owner, 'owner'),
        token,
        keyId: typeof keyId === 'string' && keyId !== '' ? keyId : undefined,
        isRemoved: isRemoved === true,
        thread: isRunOwner(thread) ? thread : undefined,
      };
    } catch {
      throw new PipelineError('CHECKPOINT_INVALID', `${path}: expected a claim (JSON), found something else`);
    }
  }

  /** Removes files, which may already be gone. A file that cannot be removed is left for the next claim. */
  async remove(names: readonly string[]): Promise<void> {
    // Errors are ignored: a leftover file takes room, but is never read.
    for (const name of names) await this.fs.unlink(this.pathOf(name)).catch(() => undefined);
  }

  /** Removes files like `remove`: logs last, so that a checkpoint that still exists has its log. */
  async removeFiles(files: readonly StoreFile[]): Promise<void> {
    const isLog = ({ kind }: StoreFile) => kind === 'strings';
    const inOrder = [...files.filter((file) => !isLog(file)), ...files.filter(isLog)];
    await this.remove(inOrder.map(({ name }) => name));
  }
}

/** Returns the names in a folder; none if it does not exist. */
export async function namesIn(fs: StoreFileSystem, folder: string): Promise<string[]> {
  try {
    return await fs.readdir(folder);
  } catch (error) {
    const code = errnoCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return []; // a foreign file is not a key
    throw error;
  }
}
