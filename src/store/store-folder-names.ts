import { isTemporaryLog, LOG_NAME } from './record-log.js';
import { storeInvalid } from './store-failures.js';
import { isLockName, isTemporaryLock } from './store-lock.js';

export const CHECKPOINTS_NAME = 'checkpoints';

/** Whether a file is what a crash has left of something that was not completed. */
export const isLeftover = (name: string): boolean => isTemporaryLog(name) || isTemporaryLock(name);

/** @throws {PipelineError} `STORE_INVALID` for the folder of something else, so that no store is made in it. */
export function checkFolder(folder: string, names: readonly string[]): void {
  if (names.includes(LOG_NAME)) return;
  const other = names.find((name) => name !== CHECKPOINTS_NAME && !isLockName(name) && !isLeftover(name));
  if (other === undefined) return;
  throw storeInvalid(`"${folder}"`, 'a store of jobs, or an empty folder', `one with "${other}" in it`);
}
