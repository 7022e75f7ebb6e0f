import type * as node from 'node:fs/promises';
import { errnoCode, syncFailed } from '../../core/output-error.js';
import { inSyncTurn } from '../../shared-memory/sync-gate.js';

type Opens = Pick<typeof node, 'open'>;

/** What file systems answer that cannot sync a directory. Anything else is a failure. */
const UNSUPPORTED = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * Makes a file that must not be there yet, with all its bytes on the disk. Its name is not synced.
 * @throws What the file system throws; `OUTPUT_FAILED` where it is the sync.
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
 * Writes into a file that is there, from an offset on, and puts it on the disk. Where that fails, nothing
 * may count any more that was to be behind the offset, nor may the file be synced again.
 *
 * @throws What the file system throws; `OUTPUT_FAILED` where it is the sync.
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

/**
 * Puts the names in a folder on the disk.
 *
 * @returns `false` where the file system offers no such thing. Windows opens no folder, and syncs none.
 * @throws {PipelineError} `OUTPUT_FAILED`, retryable: what was made or renamed may be gone after a crash.
 */
export async function syncFolder(fs: Opens, path: string): Promise<boolean> {
  if (process.platform === 'win32') return true;
  try {
    const handle = await fs.open(path, 'r');
    try {
      await inSyncTurn(() => handle.sync());
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (UNSUPPORTED.has(errnoCode(error) ?? '')) return false;
    throw syncFailed(path, error);
  }
}
