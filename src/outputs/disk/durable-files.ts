import type * as node from 'node:fs/promises';
import { syncFailed } from '../../core/output-error.js';
import { inSyncTurn } from '../../shared-memory/sync-turns.js';

type Opens = Pick<typeof node, 'open'>;

/**
 * Creates a file that must not exist yet, and syncs its bytes. Its name is not synced.
 *
 * @throws what the file system throws; `OUTPUT_FAILED` if the sync fails.
 */
export async function writeNewFile(fs: Opens, path: string, bytes: Uint8Array | string): Promise<void> {
  const handle = await fs.open(path, 'wx');
  try {
    await handle.writeFile(bytes);
    await sync(handle, path);
  } finally {
    await handle.close();
  }
}

/**
 * Writes into an existing file from an offset on, and syncs it. If this fails, nothing after the offset
 * may count any more.
 *
 * @throws what the file system throws; `OUTPUT_FAILED` if the sync fails: then the file must not be synced
 *   again.
 */
export async function writeBehind(fs: Opens, path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const handle = await fs.open(path, 'r+');
  try {
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, offset + at);
      at += bytesWritten;
    }
    await sync(handle, path);
  } finally {
    await handle.close();
  }
}

async function sync(handle: node.FileHandle, path: string): Promise<void> {
  try {
    await inSyncTurn(() => handle.sync());
  } catch (error) {
    throw syncFailed(path, error);
  }
}
