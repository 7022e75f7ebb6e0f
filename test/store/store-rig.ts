import { join } from 'node:path';
import { afterAll } from 'vitest';
import { thisOwner } from '../../src/outputs/runs/run-owner.js';
import { FileJobStore, type FileJobStoreOptions } from '../../src/store/file-job-store.js';
import type { JobStore, StoredJobs } from '../../src/store/job-store.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);
let folders = 0;

export const newFolder = (): string => join(SCRATCH.folder, `made-${folders++}`, 'store');

/** A thread that has died, as others see it: what it leaves locked is free. */
export const DEAD = { ...thisOwner(), startedAt: '1' };

/** A store of a process that may die at any instant. */
export const mortalStore = (folder: string, options: FileJobStoreOptions = {}): FileJobStore =>
  new FileJobStore(folder, { here: DEAD, ...options });

/** What a new process finds. */
export async function reopened(folder: string, options: FileJobStoreOptions = {}): Promise<StoredJobs> {
  const store = mortalStore(folder, options);
  const found = await store.load();
  await store.close();
  return found;
}

export const codeOf = (act: Promise<unknown>): Promise<string> =>
  act.then(
    () => 'none',
    (error: { readonly code: string }) => error.code,
  );

export const sequenceOf = (found: StoredJobs, id: string): number | undefined =>
  found.jobs.find((job) => job.id === id)?.sequence;

export type { JobStore };
