import type * as node from 'node:fs/promises';
import { join } from 'node:path';
import { errnoCode } from '../core/output-error.js';
import { inSyncTurn } from '../protocol/sync-gate.js';

/** The part of `node:fs/promises` that a store of files uses: tests put failures into it. */
export type StoreFileSystem = Pick<
  typeof node,
  'mkdir' | 'stat' | 'open' | 'link' | 'unlink' | 'readdir' | 'readFile'
>;

/** Not `EIO`: the disk did not say that it failed, but that it is not asked so. */
const UNSUPPORTED = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EISDIR', 'EPERM', 'EACCES']);

/** Makes a file that must not be there yet, with all its bytes on the disk. */
export async function writeNewFile(fs: StoreFileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const handle = await fs.open(path, 'wx');
  try {
    await handle.writeFile(bytes);
    await inSyncTurn(() => handle.sync());
  } finally {
    await handle.close();
  }
}

/**
 * Puts the names in a folder on the disk. Windows opens no folder, and syncs none.
 * @throws The error of the system, unless it only says that folders are not synced here.
 */
export async function syncFolder(fs: StoreFileSystem, path: string): Promise<void> {
  let handle: node.FileHandle;
  try {
    handle = await fs.open(path, 'r');
  } catch (error) {
    if (process.platform === 'win32' && UNSUPPORTED.has(errnoCode(error) ?? '')) return;
    throw error;
  }
  try {
    await inSyncTurn(() => handle.sync());
  } catch (error) {
    const isUnsupported = UNSUPPORTED.has(errnoCode(error) ?? '');
    if (!isUnsupported) throw error;
  } finally {
    await handle.close();
  }
}

/** Removes files that may be gone already. What stays is removed with the next claim. */
export async function removeFiles(
  fs: StoreFileSystem,
  folder: string,
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    try {
      await fs.unlink(join(folder, name));
    } catch {
      // It takes room and decides nothing.
    }
  }
}
