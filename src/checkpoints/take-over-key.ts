import { PipelineError } from '../core/errors.js';
import { errnoCode } from '../core/output-error.js';
import { randomId } from '../core/random-id.js';
import { writeNewFile } from '../outputs/disk/durable-files.js';
import { thisOwner } from '../outputs/runs/run-owner.js';
import type { Logger } from '../telemetry/logger.js';
import { type Found, findCheckpoint } from './find-checkpoint.js';
import { HeldFence } from './held-fence.js';
import { ATTEMPTS_MAX, type Claim, type StoreFolder } from './store-folder.js';
import {
  checkpointName,
  claimName,
  lastEpoch,
  noneName,
  type StoreFile,
  stringsName,
  temporaryName,
} from './store-names.js';

/** Who claims a key, and what for. */
export interface KeyClaim extends Pick<Claim, 'key' | 'owner' | 'isRemoved'> {
  /** Only if this is the epoch of the last claim; 0 if there is none. Default: whatever it is. */
  readonly ifEpoch?: number | undefined;
  /** The epoch that is taken is higher than this one. */
  readonly above?: number | undefined;
}

/** What a store gives to the claim of a key. */
export interface TakeOverContext {
  readonly log: Logger;
  readonly sync: (folder: string) => Promise<void>;
  /** Called as soon as the claim has its epoch. */
  readonly onFence: (held: HeldFence) => void;
}

/**
 * Takes over a key, whose folder exists: makes the claim file of the next epoch, and gives what there is to
 * go on from a name of that epoch, or says that there is nothing. Then it removes all of lower epochs.
 *
 * @returns The epoch, and the id of the key.
 * @throws {PipelineError} `FENCED` if the last claim is another one than it was to be. Nothing is claimed then.
 */
export async function takeOverKey(
  folder: StoreFolder,
  claim: KeyClaim,
  { log, sync, onFence }: TakeOverContext,
): Promise<{ readonly epoch: number; readonly keyId: string }> {
  const { owner, isRemoved } = claim;
  const { fs } = folder;
  const token = randomId();
  const { epoch, keyId } = await takeEpoch(folder, claim, token);
  const held = new HeldFence({ epoch, owner: { ...owner } }, token);
  onFence(held);
  await sync(folder.path);
  for (let attempts = 0; ; attempts++) {
    const files = await folder.files();
    if (lastEpoch(files) > epoch) break; // already taken over; the first save will fail with FENCED
    try {
      const { file, strings } = isRemoved ? NOTHING : await findCheckpoint(folder, log, files);
      if (file?.kind === 'checkpoint') {
        if (strings) await keepStrings(folder, strings, stringsName(epoch, token, strings.id));
        if (strings) held.note(strings.id, 0);
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
    await sync(folder.path);
    const lower = (await folder.files()).filter((file) => file.epoch < epoch);
    await folder.removeFiles(lower);
    break;
  }
  return { epoch, keyId };
}

const NOTHING: Found = { file: undefined, strings: undefined, checkpoint: undefined };

/** Makes the claim file of the first free epoch, with the id that the claims before it have. */
async function takeEpoch(
  folder: StoreFolder,
  { key, owner, isRemoved, ifEpoch, above = 0 }: KeyClaim,
  token: string,
): Promise<{ readonly epoch: number; readonly keyId: string }> {
  const { fs } = folder;
  const thread = thisOwner();
  for (let attempts = 0; ; attempts++) {
    const last = lastEpoch(await folder.files());
    if (ifEpoch !== undefined && last !== ifEpoch) throw claimedMeanwhile(key, ifEpoch, last);
    const epoch = Math.max(last, above) + 1;
    const temporary = temporaryName(epoch, token, randomId());
    try {
      const keyId = (last > 0 ? await keyIdIn(folder, last) : undefined) ?? randomId();
      const claim: Claim = { key, owner, token, isRemoved, keyId, epoch, thread };
      const content = JSON.stringify(claim);
      await writeNewFile(fs, folder.pathOf(temporary), Buffer.from(content));
      await fs.link(folder.pathOf(temporary), folder.pathOf(claimName(epoch)));
      return { epoch, keyId };
    } catch (error) {
      // Another claim took this epoch, or took a higher one and cleaned up.
      const code = errnoCode(error);
      if ((code !== 'EEXIST' && code !== 'ENOENT') || attempts > ATTEMPTS_MAX) throw error;
    } finally {
      await folder.remove([temporary]);
    }
  }
}

const claimedMeanwhile = (key: string, expected: number, found: number): PipelineError =>
  new PipelineError(
    'FENCED',
    `"${key}": expected the last claim to be of epoch ${expected}, as it was looked at, found ${found}: ` +
      'it was claimed in between, by a start or another command. Nothing was changed; look at it again',
  );

/** @returns `undefined` if the claim has none, or cannot be understood: the key gets a new one. */
async function keyIdIn(folder: StoreFolder, epoch: number): Promise<string | undefined> {
  try {
    return (await folder.claimIn(claimName(epoch))).keyId;
  } catch (error) {
    if (error instanceof PipelineError) return undefined;
    throw error;
  }
}

/** Gives the log of the checkpoint that a claim found its name under that claim. */
async function keepStrings(
  folder: StoreFolder,
  { name }: Pick<StoreFile, 'name'>,
  under: string,
): Promise<void> {
  try {
    await folder.fs.link(folder.pathOf(name), folder.pathOf(under));
  } catch (error) {
    if (errnoCode(error) !== 'EEXIST') throw error; // linked by an earlier attempt of this claim
  }
}
