import type * as nodeFs from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import { errnoCode } from '../core/output-error.js';
import { type Owner, readOwner } from '../wire/checkpoint.js';
import { claimName, lastEpoch, readNames, type StoreFile } from './store-names.js';

/** The part of `node:fs/promises` that a store of files uses: tests put failures into it. */
export type StoreFileSystem = Pick<
  typeof nodeFs,
  'mkdir' | 'stat' | 'open' | 'link' | 'unlink' | 'readdir' | 'readFile'
>;

/** What a claim file says. */
export interface Claim {
  readonly key: string;
  readonly epoch: number;
  readonly owner: Owner;
  /** Random: whoever claims an epoch of this number in a folder that was emptied by hand has another one. */
  readonly token: string;
  readonly isRemoved: boolean;
}

/** Others change the folder meanwhile, but not for ever. */
export const ATTEMPTS_MAX = 1_000;

/** The folder of a key, as it is at the moment: nothing of it is kept. */
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

  /** @throws {PipelineError} `CHECKPOINT_INVALID` where the file says something else. */
  async claimIn(name: string): Promise<Claim> {
    const path = this.pathOf(name);
    const text = await this.fs.readFile(path, 'utf8');
    try {
      const { key, epoch, owner, token, isRemoved } = JSON.parse(text) as Partial<Claim>;
      if (typeof key !== 'string' || typeof epoch !== 'number' || typeof token !== 'string')
        throw new Error();
      return { key, epoch, owner: readOwner(owner, 'owner'), token, isRemoved: isRemoved === true };
    } catch {
      throw new PipelineError('CHECKPOINT_INVALID', `${path}: expected a claim (JSON), found something else`);
    }
  }

  /** Removes files that may be gone already. One that stays is removed with the next claim. */
  async remove(names: readonly string[]): Promise<void> {
    // It takes room and decides nothing.
    for (const name of names) await this.fs.unlink(this.pathOf(name)).catch(() => undefined);
  }
}

/** Names in a folder; none where there is no folder. */
export async function namesIn(fs: StoreFileSystem, folder: string): Promise<string[]> {
  try {
    return await fs.readdir(folder);
  } catch (error) {
    const code = errnoCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return []; // a file of somebody else's is no key
    throw error;
  }
}
