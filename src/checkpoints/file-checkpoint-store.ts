import * as nodeFs from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import { makeDirectory, parentsToSync } from '../core/make-directory.js';
import { errnoCode, outputFailed } from '../core/output-error.js';
import { randomId } from '../core/random-id.js';
import { syncFolder, writeNewFile } from '../outputs/disk/durable-files.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { type Checkpoint, isSameOwner, type Owner, readOwner } from '../wire/checkpoint.js';
import { ownerOfThread } from '../wire/owner-of-thread.js';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint-codec.js';
import { type CheckpointStore, checkKey, type Fence, fenced, type StoredKey } from './checkpoint-store.js';
import { folderOfKey } from './key-folder.js';
import {
  checkpointName,
  claimName,
  lastEpoch,
  noneName,
  readNames,
  type StoreFile,
  temporaryName,
} from './store-names.js';

/** What a claim file says. */
interface Claim {
  readonly key: string;
  readonly epoch: number;
  readonly owner: Owner;
  /** Random: whoever claims an epoch of this number in a folder that was emptied by hand has another one. */
  readonly token: string;
  readonly isRemoved: boolean;
}

/** What the last claim, or the last of its saves, left to go on from. */
interface Found {
  readonly file: StoreFile | undefined;
  readonly checkpoint: Checkpoint | undefined;
}

/** Others change the folder meanwhile, but not for ever. */
const ATTEMPTS_MAX = 1_000;

/** The part of `node:fs/promises` that a store of files uses: tests put failures into it. */
export type StoreFileSystem = Pick<
  typeof nodeFs,
  'mkdir' | 'stat' | 'open' | 'link' | 'unlink' | 'readdir' | 'readFile'
>;

export interface FileCheckpointStoreOptions {
  readonly log?: Logger;
  /** For tests. */
  readonly fs?: StoreFileSystem;
}

/**
 * Checkpoints as plain files: a folder a key, on a local file system that knows hard links. No lock, and
 * nothing that a process must be alive for:
 *
 * - *Claim.* The next epoch is the claim file that `link` makes: of two at once, one makes it. It then
 *   looks for what to go on from, and links that (or the word that there is nothing) under its own epoch,
 *   as number 0. Then it removes all that is of lower epochs.
 * - *Save.* A temporary file with all bytes, synced, is linked under the next number of the own epoch;
 *   the folder is synced; and if there is no higher claim then, the checkpoint is accepted. The one before
 *   it is kept, in case the disk lied.
 * - *Load.* The highest number of the highest claim that has any. What is of a lower epoch does not count.
 *
 * So a save that was accepted stood there before any higher claim did, and that claim finds it. One that
 * was stopped anywhere and goes on after a claim links a name of a lower epoch, which nobody looks at any
 * more, and finds the claim: `FENCED`. Why all that: docs/decisions/0018.
 */
export class FileCheckpointStore implements CheckpointStore {
  readonly #root: string;
  readonly #fs: StoreFileSystem;
  readonly #log: Logger;
  #saidUnsupported = false;

  /** @param folder - Made if it is not there. */
  constructor(folder: string, { fs = nodeFs, log = silentLogger }: FileCheckpointStoreOptions = {}) {
    this.#root = folder;
    this.#fs = fs;
    this.#log = log;
  }

  async load(key: string): Promise<Checkpoint | undefined> {
    const folder = this.#folderOf(key);
    return attempt('read the checkpoints in', folder, async () => (await this.#find(folder)).checkpoint);
  }

  async claim(key: string, owner: Owner): Promise<Fence> {
    const folder = this.#folderOf(key);
    const { epoch } = await attempt('claim', folder, () => this.#claim(folder, key, owner, false));
    return { epoch, owner: { ...owner } };
  }

  async save(key: string, fence: Fence, checkpoint: Checkpoint): Promise<void> {
    const folder = this.#folderOf(key);
    const bytes = encodeCheckpoint(checkpoint);
    await attempt('save a checkpoint in', folder, () => this.#save(folder, key, fence, bytes));
  }

  async list(): Promise<readonly StoredKey[]> {
    return attempt('list', this.#root, async () => {
      const keys: StoredKey[] = [];
      for (const name of await this.#namesIn(this.#root)) {
        const claim = await this.#lastClaim(join(this.#root, name));
        if (claim && !claim.isRemoved) {
          keys.push({ key: claim.key, fence: { epoch: claim.epoch, owner: claim.owner } });
        }
      }
      return keys.sort((a, b) => (a.key < b.key ? -1 : 1));
    });
  }

  async remove(key: string): Promise<void> {
    const folder = this.#folderOf(key);
    await attempt('remove', folder, async () => {
      if (await this.#lastClaim(folder)) await this.#claim(folder, key, ownerOfThread(), true);
    });
  }

  #folderOf(key: string): string {
    checkKey(key);
    return join(this.#root, folderOfKey(key));
  }

  async #claim(folder: string, key: string, owner: Owner, isRemoved: boolean): Promise<Claim> {
    const fs = this.#fs;
    await this.#makeFolder(folder);
    const token = randomId();
    const claim = { key, epoch: await this.#takeEpoch(folder, { key, owner, token, isRemoved }) };
    const { epoch } = claim;
    await this.#sync(folder);
    for (let attempts = 0; ; attempts++) {
      const files = await this.#filesIn(folder);
      if (lastEpoch(files) > epoch) break; // taken over already: its first save will say so
      try {
        const { file } = isRemoved ? { file: undefined } : await this.#find(folder, files);
        if (file?.kind === 'checkpoint') {
          await fs.link(join(folder, file.name), join(folder, checkpointName(epoch, token, 0)));
        } else {
          await writeNewFile(fs, join(folder, noneName(epoch, token)), Buffer.alloc(0));
        }
      } catch (error) {
        // Whoever had it has saved, or another claim has cleared up, since this one looked.
        if (errnoCode(error) === 'ENOENT' && attempts < ATTEMPTS_MAX) continue;
        throw error;
      }
      await this.#sync(folder);
      const lower = (await this.#filesIn(folder)).filter((file) => file.epoch < epoch);
      await this.#remove(
        folder,
        lower.map(({ name }) => name),
      );
      break;
    }
    return { ...claim, owner, token, isRemoved };
  }

  /** Makes the claim file of the first epoch that nobody has. */
  async #takeEpoch(folder: string, claim: Omit<Claim, 'epoch'>): Promise<number> {
    const fs = this.#fs;
    const from = lastEpoch(await this.#filesIn(folder)) + 1;
    for (let epoch = from; ; epoch++) {
      const temporary = temporaryName(epoch, claim.token, randomId());
      try {
        const content = JSON.stringify({ ...claim, epoch } satisfies Claim);
        await writeNewFile(fs, join(folder, temporary), Buffer.from(content));
        await fs.link(join(folder, temporary), join(folder, claimName(epoch)));
        return epoch;
      } catch (error) {
        // Another one made it, or is past it and has cleared up.
        const code = errnoCode(error);
        if ((code !== 'EEXIST' && code !== 'ENOENT') || epoch - from > ATTEMPTS_MAX) throw error;
      } finally {
        await this.#remove(folder, [temporary]);
      }
    }
  }

  async #save(folder: string, key: string, fence: Fence, bytes: Uint8Array): Promise<void> {
    const fs = this.#fs;
    const { epoch } = fence;
    const claim = await this.#lastClaim(folder);
    if (!claim || claim.isRemoved || claim.epoch !== epoch || !isSameOwner(claim.owner, fence.owner)) {
      throw fenced(key, fence, claim);
    }
    const { token } = claim;
    const isOurs = (file: StoreFile) => file.epoch === epoch && file.token === token;
    const temporary = temporaryName(epoch, token, randomId());
    let number: number;
    try {
      await writeNewFile(fs, join(folder, temporary), bytes);
      const before = (await this.#filesIn(folder)).filter(isOurs);
      number = before.reduce((last, file) => Math.max(last, file.number), 0) + 1;
      await fs.link(join(folder, temporary), join(folder, checkpointName(epoch, token, number)));
    } catch (error) {
      await this.#remove(folder, [temporary]);
      // Whoever takes over clears up, this file included.
      if (errnoCode(error) === 'ENOENT') throw fenced(key, fence, await this.#lastClaim(folder));
      throw error;
    }
    // A second name of as many bytes as a checkpoint has: gone, whatever comes next.
    await this.#remove(folder, [temporary]);
    await this.#sync(folder);
    const files = await this.#filesIn(folder);
    const stale = files.filter(
      (file) => isOurs(file) && file.kind !== 'temporary' && file.number < number - 1,
    );
    const isAccepted = lastEpoch(files) === epoch;
    const name = checkpointName(epoch, token, number);
    await this.#remove(folder, isAccepted ? stale.map((file) => file.name) : [name]);
    if (!isAccepted) throw fenced(key, fence, await this.#lastClaim(folder));
  }

  /**
   * What there is to go on from.
   * @throws {PipelineError} `CHECKPOINT_INVALID` when there is something, and none of it can be read.
   */
  async #find(folder: string, given?: readonly StoreFile[]): Promise<Found> {
    for (let attempts = 0; ; attempts++) {
      const files = given && attempts === 0 ? given : await this.#filesIn(folder);
      try {
        return await this.#findAmong(folder, files);
      } catch (error) {
        if (errnoCode(error) !== 'ENOENT' || attempts === ATTEMPTS_MAX) throw error;
      }
    }
  }

  async #findAmong(folder: string, files: readonly StoreFile[]): Promise<Found> {
    const claims = files.filter(({ kind }) => kind === 'claim').sort((a, b) => b.epoch - a.epoch);
    for (const { name, epoch } of claims) {
      const { token, isRemoved } = await this.#readClaim(join(folder, name));
      const saved = files
        .filter((file) => file.epoch === epoch && file.token === token)
        .filter(({ kind }) => kind === 'checkpoint' || kind === 'none')
        .sort((a, b) => b.number - a.number);
      if (saved.length > 0) return this.#firstWhole(folder, saved);
      if (isRemoved) break; // whoever removed the key died before it had said that there is nothing
      // It broke off before it had looked: what was there before it still is.
    }
    return { file: undefined, checkpoint: undefined };
  }

  async #firstWhole(folder: string, saved: readonly StoreFile[]): Promise<Found> {
    let newest: unknown;
    for (const file of saved) {
      if (file.kind === 'none') {
        if (newest !== undefined) break; // the one that cannot be read is all there is
        return { file, checkpoint: undefined };
      }
      const path = join(folder, file.name);
      const bytes = await this.#fs.readFile(path);
      try {
        const checkpoint = decodeCheckpoint(bytes, path);
        if (newest !== undefined)
          this.#log.warn({ err: newest, path }, 'checkpoint is damaged; the one before it is taken');
        return { file, checkpoint };
      } catch (error) {
        newest ??= error;
      }
    }
    throw newest;
  }

  async #lastClaim(folder: string): Promise<Claim | undefined> {
    for (let attempts = 0; ; attempts++) {
      const epoch = lastEpoch(await this.#filesIn(folder));
      if (epoch === 0) return undefined;
      try {
        return await this.#readClaim(join(folder, claimName(epoch)));
      } catch (error) {
        if (errnoCode(error) !== 'ENOENT' || attempts === ATTEMPTS_MAX) throw error;
      }
    }
  }

  async #readClaim(path: string): Promise<Claim> {
    const text = await this.#fs.readFile(path, 'utf8');
    try {
      const { key, epoch, owner, token, isRemoved } = JSON.parse(text) as Partial<Claim>;
      if (typeof key !== 'string' || typeof epoch !== 'number' || typeof token !== 'string')
        throw new Error();
      return { key, epoch, owner: readOwner(owner, 'owner'), token, isRemoved: isRemoved === true };
    } catch {
      throw new PipelineError('CHECKPOINT_INVALID', `${path}: expected a claim (JSON), found something else`);
    }
  }

  async #makeFolder(folder: string): Promise<void> {
    const made = await makeDirectory(this.#fs, folder);
    for (const parent of parentsToSync(folder, made)) await this.#sync(parent);
  }

  async #sync(folder: string): Promise<void> {
    if ((await syncFolder(this.#fs, folder)) || this.#saidUnsupported) return;
    this.#saidUnsupported = true;
    this.#log.warn({ folder }, 'this file system cannot sync directories: a power cut may lose checkpoints');
  }

  /** Removes files that may be gone already. One that stays is removed with the next claim. */
  async #remove(folder: string, names: readonly string[]): Promise<void> {
    // It takes room and decides nothing.
    for (const name of names) await this.#fs.unlink(join(folder, name)).catch(() => undefined);
  }

  async #filesIn(folder: string): Promise<StoreFile[]> {
    return readNames(await this.#namesIn(folder));
  }

  async #namesIn(folder: string): Promise<string[]> {
    try {
      return await this.#fs.readdir(folder);
    } catch (error) {
      const code = errnoCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return []; // a file of somebody else's is no key
      throw error;
    }
  }
}

/** What somebody has to change before it can go well. */
const PERMANENT = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG']);

async function attempt<T>(doing: string, path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof PipelineError && error.code !== 'OUTPUT_FAILED') throw error;
    const { message, cause } = outputFailed(doing, path, error);
    const retryable = !PERMANENT.has(errnoCode(cause) ?? '');
    throw new PipelineError('CHECKPOINT_FAILED', message, { cause, retryable });
  }
}
