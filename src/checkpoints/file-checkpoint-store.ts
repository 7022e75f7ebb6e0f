import * as nodeFs from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import { makeDirectory, parentsToSync } from '../core/make-directory.js';
import { errnoCode, outputFailed } from '../core/output-error.js';
import { randomId } from '../core/random-id.js';
import { syncFolder, writeBehind, writeNewFile } from '../outputs/disk/durable-files.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { type Checkpoint, isSameOwner, type Owner } from '../wire/checkpoint.js';
import { ownerOfThread } from '../wire/owner-of-thread.js';
import { encodeCheckpoint, encodeWithLog } from './checkpoint-codec.js';
import { type CheckpointStore, checkKey, type Fence, fenced, type StoredKey } from './checkpoint-store.js';
import { FenceStrings } from './fence-strings.js';
import { type Found, findCheckpoint } from './find-checkpoint.js';
import { folderOfKey } from './key-folder.js';
import { ATTEMPTS_MAX, type Claim, namesIn, type StoreFileSystem, StoreFolder } from './store-folder.js';
import {
  checkpointName,
  claimName,
  lastEpoch,
  noneName,
  type StoreFile,
  stringsName,
  temporaryName,
} from './store-names.js';
import {
  asLogged,
  planStrings,
  STRINGS_LIMITS,
  type StringLog,
  type StringsLimits,
  type StringsPlan,
  withCheckpoint,
} from './string-log.js';

/** The data that a save writes. */
interface Writing {
  readonly bytes: Uint8Array;
  readonly plan: StringsPlan;
  readonly known: FenceStrings;
}

/** What goes with the folder of a store. */
export interface FileCheckpointStoreOptions {
  readonly log?: Logger;
  /** @internal For tests. */
  readonly fs?: StoreFileSystem;
  /** @internal For tests. */
  readonly stringsLimits?: Partial<StringsLimits>;
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
 *   it is kept, in case the disk lied.
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
  readonly #log: Logger;
  readonly #limits: StringsLimits;
  /** By folder of the key: the strings under the last fence that this store object has seen. */
  readonly #strings = new Map<string, FenceStrings>();
  /** By epoch and folder: the last save that has begun. */
  readonly #saving = new Map<string, Promise<void>>();
  #saidUnsupported = false;

  /** @param folder - Created if it does not exist. */
  constructor(
    folder: string,
    { fs = nodeFs, log = silentLogger, stringsLimits }: FileCheckpointStoreOptions = {},
  ) {
    this.#root = folder;
    this.#fs = fs;
    this.#log = log;
    this.#limits = { ...STRINGS_LIMITS, ...stringsLimits };
  }

  async load(key: string): Promise<Checkpoint | undefined> {
    const folder = this.#folderOf(key);
    return attempt(
      'read the checkpoints in',
      folder.path,
      async () => (await findCheckpoint(folder, this.#log)).checkpoint,
    );
  }

  async claim(key: string, owner: Owner): Promise<Fence> {
    const folder = this.#folderOf(key);
    const { epoch } = await attempt('claim', folder.path, () => this.#claim(folder, key, owner, false));
    return { epoch, owner: { ...owner } };
  }

  async save(key: string, fence: Fence, checkpoint: Checkpoint): Promise<void> {
    const folder = this.#folderOf(key);
    await this.#afterLastSave(`${fence.epoch} ${folder.path}`, async () => {
      const known = this.#stringsOf(folder, fence);
      const plan = planStrings(checkpoint.dictionaries, known.log, randomId, this.#limits);
      const own = { ...checkpoint, dictionaries: plan.rest };
      const bytes = plan.log ? encodeWithLog(own, plan.log.mark) : encodeCheckpoint(own);
      await attempt('save a checkpoint in', folder.path, () =>
        this.#save(folder, key, fence, { bytes, plan, known }),
      );
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
          keys.push({ key: claim.key, fence: { epoch: claim.epoch, owner: claim.owner } });
        }
      }
      return keys.sort((a, b) => (a.key < b.key ? -1 : 1));
    });
  }

  async remove(key: string): Promise<void> {
    const folder = this.#folderOf(key);
    await attempt('remove', folder.path, async () => {
      if (await folder.lastClaim()) await this.#claim(folder, key, ownerOfThread(), true);
    });
  }

  #folderOf(key: string): StoreFolder {
    checkKey(key);
    return new StoreFolder(join(this.#root, folderOfKey(key)), this.#fs);
  }

  /** Returns what is known about the logs of a fence; nothing for a stale owner. */
  #stringsOf(folder: StoreFolder, fence: Fence): FenceStrings {
    const last = this.#strings.get(folder.path);
    if (last?.isOf(fence)) return last;
    const strings = new FenceStrings(fence);
    if (!last || last.fence.epoch < fence.epoch) this.#strings.set(folder.path, strings);
    return strings;
  }

  async #claim(folder: StoreFolder, key: string, owner: Owner, isRemoved: boolean): Promise<Claim> {
    const fs = this.#fs;
    await this.#makeFolder(folder.path);
    const token = randomId();
    const claim = { key, epoch: await this.#takeEpoch(folder, { key, owner, token, isRemoved }) };
    const { epoch } = claim;
    const known = new FenceStrings({ epoch, owner: { ...owner } });
    this.#strings.set(folder.path, known);
    await this.#sync(folder.path);
    for (let attempts = 0; ; attempts++) {
      const files = await folder.files();
      if (lastEpoch(files) > epoch) break; // already taken over; the first save will fail with FENCED
      try {
        const { file, strings } = isRemoved ? NOTHING : await findCheckpoint(folder, this.#log, files);
        if (file?.kind === 'checkpoint') {
          if (strings) await this.#keepStrings(folder, strings, stringsName(epoch, token, strings.id));
          if (strings) known.note(strings.id, 0);
          const name = checkpointName(epoch, token, 0, file.offset);
          await fs.link(folder.pathOf(file.name), folder.pathOf(name));
        } else {
          await writeNewFile(fs, folder.pathOf(noneName(epoch, token)), Buffer.alloc(0));
        }
      } catch (error) {
        // The files have changed since they were listed: the previous owner saved, or another claim cleaned up.
        if (errnoCode(error) === 'ENOENT' && attempts < ATTEMPTS_MAX) continue;
        throw error;
      }
      await this.#sync(folder.path);
      const lower = (await folder.files()).filter((file) => file.epoch < epoch);
      await folder.remove(namesToRemove(lower));
      break;
    }
    return { ...claim, owner, token, isRemoved };
  }

  /** Makes the claim file of the first free epoch. */
  async #takeEpoch(folder: StoreFolder, claim: Omit<Claim, 'epoch'>): Promise<number> {
    const fs = this.#fs;
    const from = lastEpoch(await folder.files()) + 1;
    for (let epoch = from; ; epoch++) {
      const temporary = temporaryName(epoch, claim.token, randomId());
      try {
        const content = JSON.stringify({ ...claim, epoch } satisfies Claim);
        await writeNewFile(fs, folder.pathOf(temporary), Buffer.from(content));
        await fs.link(folder.pathOf(temporary), folder.pathOf(claimName(epoch)));
        return epoch;
      } catch (error) {
        // Another claim took this epoch, or took a higher one and cleaned up.
        const code = errnoCode(error);
        if ((code !== 'EEXIST' && code !== 'ENOENT') || epoch - from > ATTEMPTS_MAX) throw error;
      } finally {
        await folder.remove([temporary]);
      }
    }
  }

  /** Gives the log of the checkpoint that a claim found its name under that claim. */
  async #keepStrings(folder: StoreFolder, { name }: Pick<StoreFile, 'name'>, under: string): Promise<void> {
    try {
      await this.#fs.link(folder.pathOf(name), folder.pathOf(under));
    } catch (error) {
      if (errnoCode(error) !== 'EEXIST') throw error; // linked by an earlier attempt of this claim
    }
  }

  async #save(folder: StoreFolder, key: string, fence: Fence, writing: Writing): Promise<void> {
    const fs = this.#fs;
    const { bytes, plan, known } = writing;
    const { epoch } = fence;
    const claim = await folder.lastClaim();
    if (!isHeld(claim, fence)) throw fenced(key, fence, claim);
    const { token } = claim;
    const isOurs = (file: StoreFile) => file.epoch === epoch && file.token === token;
    const log = plan.log && stringsName(epoch, token, plan.log.mark.id);
    const grown = plan.append && plan.log ? { ...plan.append, log: plan.log } : undefined;
    const begun = log !== undefined && grown?.at === 0 ? [log] : [];
    known.log = grown ? undefined : plan.log;
    // What the checkpoint is in until it has its name: in the log it begins behind the strings.
    const written = grown && log ? log : temporaryName(epoch, token, randomId());
    const offset = grown?.log.mark.bytes ?? 0;
    let linked: { readonly number: number; readonly name: string };
    try {
      if (grown) await this.#append(folder.pathOf(written), grown, writing);
      else await writeNewFile(fs, folder.pathOf(written), bytes);
      const before = (await folder.files()).filter(isOurs);
      if (log !== undefined && !before.some((file) => file.name === log)) {
        known.log = undefined;
        throw logIsGone(folder.pathOf(log));
      }
      const from = before.reduce((last, file) => Math.max(last, file.number), 0) + 1;
      linked = await this.#takeNumber(folder, written, from, (number) => {
        if (plan.log) known.note(plan.log.mark.id, number);
        return checkpointName(epoch, token, number, offset);
      });
    } catch (error) {
      if (!grown) await folder.remove([written]);
      if (errnoCode(error) !== 'ENOENT') throw error;
      // A claim that took over may have removed these files.
      const last = await folder.lastClaim();
      if (isHeld(last, fence)) throw error;
      throw fenced(key, fence, last);
    }
    const { number, name } = linked;
    // A second name of as many bytes as a checkpoint has: gone, whatever comes next.
    if (!grown) await folder.remove([written]);
    try {
      await this.#sync(folder.path);
    } catch (error) {
      known.log = undefined; // nobody knows whether its name will last
      throw error;
    }
    const files = await folder.files();
    const stale = files.filter(isOurs).filter(({ kind, id, number: of }) => {
      if (kind === 'strings') return known.isUnnamed(id, number - 1);
      return kind !== 'temporary' && of < number - 1;
    });
    const isAccepted = lastEpoch(files) === epoch;
    await folder.remove(isAccepted ? namesToRemove(stale) : [name, ...begun]);
    if (!isAccepted) throw fenced(key, fence, await folder.lastClaim());
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
   * this fails, nobody knows how much of the log there is, and the next save begins another one.
   */
  async #append(
    path: string,
    { at, bytes: strings, log }: NonNullable<StringsPlan['append']> & { readonly log: StringLog },
    { bytes, known }: Writing,
  ): Promise<void> {
    const checkpoint = asLogged(bytes);
    const all = Buffer.concat([strings, checkpoint]);
    if (at > 0) {
      await writeBehind(this.#fs, path, at, all);
    } else {
      known.note(log.mark.id, 0);
      try {
        await writeNewFile(this.#fs, path, all);
      } catch (error) {
        await this.#fs.unlink(path).catch(() => undefined);
        throw error;
      }
    }
    known.log = withCheckpoint(log, checkpoint);
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
}

const NOTHING: Found = { file: undefined, strings: undefined, checkpoint: undefined };

const isHeld = (claim: Claim | undefined, { epoch, owner }: Fence): claim is Claim =>
  claim !== undefined && !claim.isRemoved && claim.epoch === epoch && isSameOwner(claim.owner, owner);

/** Logs are removed last, so that a checkpoint that still exists has its log. */
const namesToRemove = (files: readonly StoreFile[]): string[] => {
  const isLog = ({ kind }: StoreFile) => kind === 'strings';
  return [...files.filter((file) => !isLog(file)), ...files.filter(isLog)].map(({ name }) => name);
};

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
