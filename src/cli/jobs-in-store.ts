import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { JobRecord } from '../store/job-store.js';
import { readStore } from '../store/read-store.js';
import { LOG_NAME } from '../store/record-log.js';
import type { LoadedSettings } from './load-settings.js';
import type { RunOptions } from './run-options.js';

/** The jobs in the store of the command, as they are now. */
export async function jobsInStore(
  { store: given }: RunOptions,
  { runtime: { store } }: LoadedSettings,
): Promise<readonly JobRecord[]> {
  const folder = given ?? (store && 'path' in store ? store.path : undefined);
  if (folder === undefined || !existsSync(join(folder, LOG_NAME))) return [];
  return (await readStore(folder)).jobs;
}
