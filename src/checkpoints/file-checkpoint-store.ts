import * as nodeFs from 'node:fs/promises';
import { join } from 'node:path';
import { assertMapping } from '../core/assert-argument.js';
import { PipelineError } from '../core/errors.js';
import { makeDirectory, parentsToSync } from '../core/make-directory.js';
import { errnoCode, lacksRoom, outputFailed } from '../core/output-error.js';
import { randomId } from '../core/random-id.js';
import { writeBehind, writeNewFile } from '../outputs/disk/durable-files.js';
import { FolderSyncs } from '../outputs/disk/folder-syncs.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { type Checkpoint, described, isSameOwner, type Owner, readForm } from '../wire/checkpoint.js';
import { ownerOfThread } from '../wire/owner-of-thread.js';
import { encodeCheckpoint, encodeWithLog } from './checkpoint-codec.js';
import {
  type CheckpointStore,
  checkFence,
  checkKey,
  type Fence,
  fenced,
  invalidCall,
  ownOwner,
  type StoredKey,
} from './checkpoint-store.js';
import { findCheckpoint } from './find-checkpoint.js';
import { HeldFence } from './held-fence.js';
import { folderOfKey } from './key-folder.js';
import { ATTEMPTS_MAX, type Claim, namesIn, type StoreFileSystem, StoreFolder } from './store-folder.js';
import { checkpointName, lastEpoch, type StoreFile, stringsName, temporaryName } from './store-names.js';
import {
  asLogged,
  planStrings,
  STRINGS_LIMITS,
  type StringLog,
  type StringsLimits,
  type StringsPlan,
  withCheckpoint,
} from './string-log.js';
import { type KeyClaim, takeOverKey } from './take-over-key.js';

/** The data that a save writes. */
interface Writing {
  readonly bytes: Uint8Array;
  readonly plan: StringsPlan;
  readonly held: HeldFence;
}

/** What goes with the folder of a store. */
export interface FileCheckpointStoreOptions {
  /** For warnings. Default: the log that a claim is given, which is that of the run. */
  readonly log?: Logger | undefined;
  /** @internal For tests. */
  readonly fs?: StoreFileSystem | undefined;
  /** @internal For tests. */
  readonly stringsLimits?: Partial<StringsLimits> | undefined;
}

/**
 * Keeps checkpoints as plain files, in one folder per key, on a local file system with hard links. It needs
 * no locks, and no process that must stay alive:
 *
 * - *Claim.* The next epoch is the claim file that `link` makes: of two at once, one makes it. It then
 *   looks for what to go on from, and links that (or the word that there is nothing) under its own epoch,
 *   as number 0, the log of its strings before it. Then it removes all that is of lower epochs.
 * - *Save.* A temporary file with all bytes, synced, is linked under the next number of the own epoch;
 *   the folder is synced; and if there is no higher claim then, the checkpoint is accepted. The one before
 *   it is kept, in case the disk lied. The claim itself is read by the first save alone: later ones see in
 *   the names of the folder whether it still counts.
 * - *Strings.* Those of the dictionaries are in the checkpoint up to a bound. What is more goes into a log
 *   beside it, which only grows: so a save costs the same however many there are. One that has the log
 *   grow writes the checkpoint behind these strings, in place of the temporary file, so that it syncs no
 *   more than others. Each fence has a log of its own; docs/decisions/0023.
 * - *Load.* The highest number of the highest claim that has any. What is of a lower epoch does not count.
 *
 * So an accepted save was in the folder before any higher claim, and that claim finds it. A save that stalls
 * anywhere and continues after a claim links a name of a lower epoch, which is no longer read. Then it finds
 * the claim, and fails with `FENCED`. The reasons are in docs/decisions/0018.
 */
export class FileCheckpointStore implements CheckpointStore {
  readonly #root: string;
  readonly #fs: StoreFileSystem;
  readonly #log: Logger | undefined;
  readonly #limits: StringsLimits;
  /** By folder of the key: the last fence that this store object has seen. The one used last is at the end. */
  readonly #held = new Map<string, HeldFence>();
  /** By epoch and folder: the last save that has begun. */
  readonly #saving = new Map<string, Promise<void>>();
  readonly #folderSyncs: FolderSyncs;

  /**
   * @param folder - Created if it does not exist.
   * @throws {InvalidOptionsError} if it is not a path, or the options are none.
   */
  constructor(folder: string, options: FileCheckpointStoreOptions = {}) {
    assertMapping('FileCheckpointStore', options);
    const { fs = nodeFs, log, stringsLimits } = options;
    // Without a name, keys would be folders of the working directory.
    if (typeof folder !== 'string') throw invalidCall(described('folder', 'a path', folder));
    if (folder === '') throw invalidCall('folder: expected a path, found an empty text');
    this.#root = folder;
    this.#fs = fs;
    this.#folderSyncs = new FolderSyncs(fs, 'checkpoints');
    this.#log = log;
    this.#limits = { ...STRINGS_LIMITS, ...stringsLimits };
  }

  async load(key: string): Promise<Checkpoint | undefined> {
    const folder = this.#folderOf(key);
    return attempt(
      'read the checkpoints in',
      folder.path,
      async () => (await findCheckpoint(folder, this.#log ?? silentLogger)).checkpoint,
    );
  }

  async claim(key: string, owner: Owner, log?: Logger): Promise<Fence> {
    const folder = this.#folderOf(key);
    const own = ownOwner(owner);
    const claim = { key, owner: own, isRemoved: false };
    const { epoch, keyId } = await attempt('claim', folder.path, () => this.#claim(folder, claim, log));
    return { epoch, owner: own, keyId };
  }

  /**
   * Claims the key for a change by hand, unless somebody has claimed it since it was looked at.
   *
   * @param epoch - Of the last claim, as it was looked at; 0 if there was none.
   * @param aboveEpoch - The new epoch is higher than this one, too: the output of the run may know it.
   * @throws {PipelineError} `FENCED` if the key was claimed since. Nothing is changed then.
   */
  async claimAfter(key: string, owner: Owner, epoch: number, aboveEpoch = 0): Promise<Fence> {
    const folder = this.#folderOf(key);
    const own = ownOwner(owner);
    const claim = { key, owner: own, isRemoved: false, ifEpoch: epoch, above: aboveEpoch };
    const taken = await attempt('claim', folder.path, () => this.#claim(folder, claim));
    return { epoch: taken.epoch, owner: own, keyId: taken.keyId };
  }

  async save(key: string, fence: Fence, checkpoint: Checkpoint): Promise<void> {
    const folder = this.#folderOf(key);
    checkFence(fence);
    readForm(checkpoint);
    await this.#afterLastSave(`${fence.epoch} ${folder.path}`, async () => {
      const held = this.#heldAs(folder, fence);
      const plan = planStrings(checkpoint.dictionaries, held.log, randomId, this.#limits);
      const own = { ...checkpoint, dictionaries: plan.rest };
      const bytes = plan.log ? encodeWithLog(own, plan.log.mark) : encodeCheckpoint(own);
      try {
        await attempt('save a checkpoint in', folder.path, () =>
          this.#save(folder, key, fence, { bytes, plan, held }),
        );
        if (checkpoint.ended?.isPublished) this.#forget(folder, held);
      } catch (error) {
        if (isFenced(error)) this.#forget(folder, held);
        throw error;
      }
    });
  }

  /** Saves of one fence run one after another, since they append to the same log of strings. */
  async #afterLastSave(of: string, save: () => Promise<void>): Promise<void> {
    const last = this.#saving.get(of);
    const saving = last ? last.then(save, save) : save();
    this.#saving.set(of, saving);
    try {
      await saving;
    } finally {
      if (this.#saving.get(of) === saving) this.#saving.delete(of);
    }
  }

  async list(): Promise<readonly StoredKey[]> {
    return attempt('list', this.#root, async () => {
      const keys: StoredKey[] = [];
      for (const name of await namesIn(this.#fs, this.#root)) {
        const claim = await new StoreFolder(join(this.#root, name), this.#fs).lastClaim();
        if (claim && !claim.isRemoved) {
          const { epoch, owner, keyId } = claim;
          keys.push({ key: claim.key, fence: { epoch, owner, ...(keyId && { keyId }) } });
        }
      }
      return keys.sort((a, b) => (a.key < b.key ? -1 : 1));
    });
  }

  async remove(key: string): Promise<void> {
    const folder = this.#folderOf(key);
    await attempt('remove', folder.path, async () => {
      if (!(await folder.lastClaim())) return;
      await this.#claim(folder, { key, owner: ownerOfThread(), isRemoved: true });
    });
  }

  /**
   * As `remove`, unless somebody has claimed the key since it was looked at.
   *
   * @param epoch - Of the last claim, as it was looked at.
   * @throws {PipelineError} `FENCED` if the key was claimed since. Nothing is changed then.
   */
  async removeAfter(key: string, epoch: number): Promise<void> {
    const folder = this.#folderOf(key);
    const claim = { key, owner: ownerOfThread(), isRemoved: true, ifEpoch: epoch };
    await attempt('remove', folder.path, () => this.#claim(folder, claim));
  }

  #folderOf(key: string): StoreFolder {
    checkKey(key);
    return new StoreFolder(join(this.#root, folderOfKey(key)), this.#fs);
  }

  /** Returns what is known about a fence; nothing for a stale owner. */
  #heldAs(folder: StoreFolder, fence: Fence): HeldFence {
    const last = this.#held.get(folder.path);
    if (last && !last.isOf(fence) && last.fence.epoch >= fence.epoch) return new HeldFence(fence);
    const held = last?.isOf(fence) ? last : new HeldFence(fence);
    this.#hold(folder, held);
    return held;
  }

  #hold(folder: StoreFolder, held: HeldFence): void {
    this.#held.delete(folder.path);
    this.#held.set(folder.path, held);
    if (this.#held.size <= FENCES_HELD_MAX) return;
    const [longestUnused] = this.#held.keys();
    this.#held.delete(longestUnused!); // there is one, above the maximum
  }

  /** The last save under this fence was made. */
  #forget(folder: StoreFolder, held: HeldFence): void {
    if (this.#held.get(folder.path) === held) this.#held.delete(folder.path);
  }

  /** @param callersLog - Where warnings go if this store has no log of its own. */
  async #claim(folder: StoreFolder, claim: KeyClaim, callersLog?: Logger) {
    const log = this.#log ?? callersLog;
    const made = await makeDirectory(this.#fs, folder.path);
    const sync = (path: string) => this.#folderSyncs.sync(path, log);
    for (const parent of parentsToSync(folder.path, made)) await sync(parent);
    return takeOverKey(folder, claim, {
      log: log ?? silentLogger,
      sync,
      onFence: (held) => {
        if (!claim.isRemoved) this.#hold(folder, held);
      },
    });
  }

  async #save(folder: StoreFolder, key: string, fence: Fence, writing: Writing): Promise<void> {
    const fs = this.#fs;
    const { bytes, plan, held } = writing;
    const { epoch } = fence;
    held.token ??= (await this.#claimOf(folder, key, fence)).token;
    const { token } = held;
    const isOurs = (file: StoreFile) => file.epoch === epoch && file.token === token;
    const log = plan.log && stringsName(epoch, token, plan.log.mark.id);
    const grown = plan.append && plan.log ? { ...plan.append, log: plan.log } : undefined;
    const begun = log !== undefined && grown?.at === 0 ? [log] : [];
    const lastLog = held.log;
    held.log = grown ? undefined : plan.log;
    // What the checkpoint is in until it has its name: in the log it begins behind the strings.
    const written = grown && log ? log : temporaryName(epoch, token, randomId());
    const offset = grown?.log.mark.bytes ?? 0;
    let linked: { readonly number: number; readonly name: string };
    try {
      if (grown) await this.#append(folder.pathOf(written), grown, writing, lastLog);
      else await writeNewFile(fs, folder.pathOf(written), bytes);
      const all = await folder.files();
      const before = all.filter(isOurs);
      // Without a name of its own, the claim is not the one that this store object has read.
      const isKnown = before.some(({ kind }) => kind === 'checkpoint' || kind === 'none');
      if (lastEpoch(all) !== epoch || !isKnown) {
        const claim = await this.#claimOf(folder, key, fence);
        if (claim.token !== token) throw fenced(key, fence, claim);
      }
      if (log !== undefined && !before.some((file) => file.name === log)) {
        held.log = undefined;
        throw logIsGone(folder.pathOf(log));
      }
      const from = before.reduce((last, file) => Math.max(last, file.number), 0) + 1;
      linked = await this.#takeNumber(folder, written, from, (number) => {
        if (plan.log) held.note(plan.log.mark.id, number);
        return checkpointName(epoch, token, number, offset);
      });
    } catch (error) {
      if (!grown) await folder.remove([written]);
      else if (isFenced(error)) await folder.remove(begun);
      if (errnoCode(error) !== 'ENOENT') throw error;
      // A claim that took over may have removed these files.
      await this.#claimOf(folder, key, fence);
      throw error;
    }
    const { number, name } = linked;
    // A second name of as many bytes as a checkpoint has: gone, whatever comes next.
    if (!grown) await folder.remove([written]);
    try {
      await this.#folderSyncs.sync(folder.path, this.#log);
    } catch (error) {
      held.log = undefined; // nobody knows whether its name will last
      throw error;
    }
    const files = await folder.files();
    held.forgetAllBut(files.filter(isOurs).map(({ id }) => id));
    const stale = files.filter(isOurs).filter(({ kind, id, number: of }) => {
      if (kind === 'strings') return held.isUnnamed(id, number - 1);
      return kind !== 'temporary' && of < number - 1;
    });
    const isAccepted = lastEpoch(files) === epoch;
    if (isAccepted) await folder.removeFiles(stale);
    else await folder.remove([name, ...begun]);
    if (!isAccepted) throw fenced(key, fence, await folder.lastClaim());
  }

  /** @throws {PipelineError} `FENCED` if the last claim is not that of the fence. */
  async #claimOf(folder: StoreFolder, key: string, fence: Fence): Promise<Claim> {
    const claim = await folder.lastClaim();
    if (!isHeld(claim, fence)) throw fenced(key, fence, claim);
    return claim;
  }

  /** Links a file under the first free number: another store object may be saving under the same fence. */
  async #takeNumber(
    folder: StoreFolder,
    written: string,
    from: number,
    nameOf: (number: number) => string,
  ): Promise<{ readonly number: number; readonly name: string }> {
    for (let number = from; ; number++) {
      const name = nameOf(number);
      try {
        await this.#fs.link(folder.pathOf(written), folder.pathOf(name));
        return { number, name };
      } catch (error) {
        if (errnoCode(error) !== 'EEXIST' || number - from === ATTEMPTS_MAX) throw error;
      }
    }
  }

  /**
   * Has the log hold the strings that it is to hold and the checkpoint behind them, all on the disk. Where
   * this fails, nobody knows how much of the log there is, and the next save begins another one. Not where
   * a write found no room: another log would need more of it. What was written behind `at` counts for nobody,
   * and is written over.
   *
   * @param last - The log without what is new.
   */
  async #append(
    path: string,
    { at, bytes: strings, log }: NonNullable<StringsPlan['append']> & { readonly log: StringLog },
    { bytes, held }: Writing,
    last: StringLog | undefined,
  ): Promise<void> {
    const checkpoint = asLogged(bytes);
    const all = Buffer.concat([strings, checkpoint]);
    if (at > 0) {
      try {
        await writeBehind(this.#fs, path, at, all);
      } catch (error) {
        const isSyncFailed = error instanceof PipelineError;
        if (!isSyncFailed && lacksRoom(error)) held.log = last;
        throw error;
      }
    } else {
      held.note(log.mark.id, 0);
      try {
        await writeNewFile(this.#fs, path, all);
      } catch (error) {
        await this.#fs.unlink(path).catch(() => undefined);
        throw error;
      }
    }
    held.log = withCheckpoint(log, checkpoint);
  }
}

/** With more keys than this, the one that was not saved for the longest time is forgotten. */
const FENCES_HELD_MAX = 10_000;

const isFenced = (error: unknown): boolean => error instanceof PipelineError && error.code === 'FENCED';

const isHeld = (claim: Claim | undefined, { epoch, owner }: Fence): claim is Claim =>
  claim !== undefined && !claim.isRemoved && claim.epoch === epoch && isSameOwner(claim.owner, owner);

/** Its cause is the error that the file system would report. */
const logIsGone = (path: string): PipelineError =>
  new PipelineError(
    'CHECKPOINT_FAILED',
    `${path}: expected the log of strings of this run, found none: was it removed? The next checkpoint begins another`,
    { cause: Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' }), retryable: true },
  );

/** Errors that a retry cannot fix: somebody has to change something first. */
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
