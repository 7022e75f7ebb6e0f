import * as nodeFs from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import type { FileSystem } from '../outputs/disk/file-system.js';
import { storedJobs } from './file-job-store.js';
import type { StoredJobs } from './job-store.js';
import { MIGRATIONS, migrated, versionAfter } from './migrations.js';
import { LOG_NAME, readLog } from './record-log.js';
import { storeInvalid } from './store-failures.js';
import { CHECKPOINTS_NAME } from './store-folder-names.js';
import { holderOf, type StoreHolder } from './store-lock.js';
import { applyWrite, checkEntries, type StoredEntries } from './stored-entries.js';

/** What is in a store, seen from outside. */
export interface StoreView extends StoredJobs {
  /** Who has it open, so that it may change at any time; `undefined`: nobody. */
  readonly holder: StoreHolder | undefined;
  readonly checkpointFolder: string;
  /** Bytes at the end of the file of a write that was not completed, or is under way. */
  readonly tornBytes: number;
}

/** Whoever has the store may cut off its torn end while it is read: then it is read once more. */
const TRIES = 3;

/**
 * Reads a store without taking it, whoever has it. Changes nothing.
 *
 * @throws {PipelineError} `STORE_INVALID` if it is none, or damaged; `STORE_NEWER`, `STORE_FAILED`.
 */
export async function readStore(folder: string, fs: FileSystem = nodeFs): Promise<StoreView> {
  for (let tries = 1; ; tries++) {
    const before = await holderIn(folder, fs);
    try {
      return { ...(await readOnce(folder, fs)), holder: before };
    } catch (error) {
      const mayPass =
        error instanceof PipelineError && error.code === 'STORE_INVALID' && before !== undefined;
      if (!mayPass || tries === TRIES) throw error;
    }
  }
}

async function readOnce(folder: string, fs: FileSystem): Promise<Omit<StoreView, 'holder'>> {
  const file = join(folder, LOG_NAME);
  const newest = versionAfter(MIGRATIONS);
  const found: StoredEntries = new Map();
  const content = await readLog({ folder, fs }, newest, (json, at) => applyWrite(found, json, at, file));
  if (!content) throw storeInvalid(`"${folder}"`, `a store of jobs`, `none: there is no "${LOG_NAME}" in it`);
  const entries = migrated(found, content.version, MIGRATIONS);
  checkEntries(entries, file);
  return {
    ...storedJobs(entries),
    tornBytes: content.tornBytes,
    checkpointFolder: join(folder, CHECKPOINTS_NAME),
  };
}

/** A folder that is not there has no holder; that it is none is said where it is read. */
const holderIn = (folder: string, fs: FileSystem): Promise<StoreHolder | undefined> =>
  holderOf(folder, fs).catch(() => undefined);

/** The folder of checkpoints that is meant by a folder: that of a store of jobs has one in it. */
export async function checkpointFolderIn(folder: string): Promise<string> {
  const isStore = await nodeFs.stat(join(folder, LOG_NAME)).then(
    (found) => found.isFile(),
    () => false,
  );
  return isStore ? join(folder, CHECKPOINTS_NAME) : folder;
}
