import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { outOfFiles, outOfThreads } from '../core/system-limits.js';

/**
 * Says why a thread did not start, where its error does not: Node names a code of the system at most, and
 * Piscina takes an entry that cannot be read for one that exports nothing.
 *
 * @returns `undefined` for any other error.
 */
export function startFailure(error: Error): string | undefined {
  if ('code' in error && error.code === 'ERR_WORKER_INIT_FAILED') return outOfThreads(error) ?? error.message;
  if (!error.message.startsWith('No handler function exported')) return undefined;
  return outOfFilesNow() ?? 'its code could not be loaded, as its files could not be opened for a moment';
}

function outOfFilesNow(): string | undefined {
  try {
    closeSync(openSync(devNull, 'r'));
    return undefined;
  } catch (error) {
    return outOfFiles(error);
  }
}
