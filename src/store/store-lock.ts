import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import { errnoCode } from '../core/output-error.js';
import { randomId } from '../core/random-id.js';
import type { FileSystem } from '../outputs/disk/file-system.js';
import {
  isRunOwner,
  type Liveness,
  livenessOf,
  type RunOwner,
  thisOwner,
  WHY_UNSEEN,
} from '../outputs/runs/run-owner.js';
import { FILE_MODE } from './record-log.js';
import { storeFailed } from './store-failures.js';

const LOCK = /^owner-(\d{1,9})$/;
const TEMPORARY = /^owner\.[0-9a-z]{20}\.new$/;
/** Each try but the last one has met a process that opened the store, or left it, at the same time. */
const TRIES_MAX = 100;

/** Who has a store open, or had. */
export interface StoreHolder {
  readonly file: string;
  /** `undefined` if the file does not say it. */
  readonly owner: RunOwner | undefined;
  readonly liveness: Liveness | 'unknown';
}

export const isLockName = (name: string): boolean => LOCK.test(name);
export const isTemporaryLock = (name: string): boolean => TEMPORARY.test(name);

/**
 * The right to write to a store: a file with the thread that has it. Only the death of that thread frees it, seen from
 * the same boot of the same host; no time does.
 *
 * Two that take over from a dead one both link the next number, and one of them makes it. Whoever has linked one looks
 * once more for others, since a number may be free again: of two, at least one sees the other, and goes.
 */
export class StoreLock {
  readonly #fs: FileSystem;
  readonly #file: string;

  private constructor(fs: FileSystem, file: string) {
    this.#fs = fs;
    this.#file = file;
  }

  /**
   * @param here - The thread that asks.
   * @throws {PipelineError} `STORE_IN_USE` naming who has it; `STORE_FAILED`.
   */
  static async take(folder: string, fs: FileSystem, here: RunOwner = thisOwner()): Promise<StoreLock> {
    const temporary = join(folder, `owner.${randomId()}.new`);
    try {
      await writeSynced(fs, temporary, JSON.stringify(here));
      try {
        return new StoreLock(fs, await takeNext(folder, fs, here, temporary));
      } finally {
        await fs.unlink(temporary).catch(() => undefined);
      }
    } catch (error) {
      throw error instanceof PipelineError ? error : storeFailed('lock', folder, error);
    }
  }

  async release(): Promise<void> {
    // Whoever comes next sees that this thread has died, or is told that it lives: no row is lost by that.
    await this.#fs.unlink(this.#file).catch(() => undefined);
  }
}

async function takeNext(folder: string, fs: FileSystem, here: RunOwner, temporary: string): Promise<string> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const before = await holdersOf(folder, fs, here);
    refuse(folder, before);
    const last = before.reduce((most, { number }) => Math.max(most, number), 0);
    const file = join(folder, `owner-${last + 1}`);
    try {
      await fs.link(temporary, file);
    } catch (error) {
      // Somebody else was faster, or has even removed what was to be linked: whoever has a store cleans it.
      if (errnoCode(error) === 'EEXIST' || errnoCode(error) === 'ENOENT') continue;
      throw error;
    }
    const others = (await holdersOf(folder, fs, here)).filter((holder) => holder.file !== file);
    try {
      refuse(folder, others);
    } catch (error) {
      await fs.unlink(file).catch(() => undefined);
      throw error;
    }
    for (const { file: dead } of others) await fs.unlink(dead).catch(() => undefined);
    return file;
  }
  throw new PipelineError('STORE_IN_USE', `"${folder}": other processes open and leave it all the time`, {
    retryable: true,
  });
}

/** Who has a store open; `undefined` if nobody has who is alive. Changes nothing. */
export async function holderOf(
  folder: string,
  fs: FileSystem,
  here: RunOwner = thisOwner(),
): Promise<StoreHolder | undefined> {
  return (await holdersOf(folder, fs, here)).find(({ liveness }) => liveness !== 'gone');
}

/** In words: who has a store, and what to do to have it. */
export function holderText({ file, owner, liveness }: StoreHolder): string {
  if (!owner) return `somebody, as "${file}" cannot be read; remove it if no process uses the store`;
  const who = `process ${owner.pid} on "${owner.host}"`;
  if (liveness === 'elsewhere' || liveness === 'uncertain') {
    return `${who}, which ${WHY_UNSEEN[liveness]}; stop it, or remove "${file}" if it no longer exists`;
  }
  return `${who}, which is at work; stop it first`;
}

function refuse(folder: string, holders: readonly StoreHolder[]): void {
  const holder = holders.find(({ liveness }) => liveness !== 'gone');
  if (!holder) return;
  throw new PipelineError(
    'STORE_IN_USE',
    `"${folder}": expected a store that nobody has open, found that of ${holderText(holder)}`,
    { retryable: true },
  );
}

async function holdersOf(
  folder: string,
  fs: FileSystem,
  here: RunOwner,
): Promise<readonly (StoreHolder & { readonly number: number })[]> {
  const holders: (StoreHolder & { readonly number: number })[] = [];
  for (const name of await fs.readdir(folder)) {
    const number = Number(LOCK.exec(name)?.[1] ?? 0);
    if (number === 0) continue;
    const file = join(folder, name);
    try {
      const owner = ownerIn(await fs.readFile(file, 'utf8'));
      holders.push({ file, number, owner, liveness: owner ? await livenessOf(owner, here, fs) : 'unknown' });
    } catch (error) {
      if (errnoCode(error) !== 'ENOENT') throw error; // it has left meanwhile
    }
  }
  return holders;
}

function ownerIn(text: string): RunOwner | undefined {
  try {
    const data: unknown = JSON.parse(text);
    return isRunOwner(data) ? data : undefined;
  } catch {
    return undefined;
  }
}

async function writeSynced(fs: FileSystem, path: string, text: string): Promise<void> {
  const handle = await fs.open(path, 'wx', FILE_MODE);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
