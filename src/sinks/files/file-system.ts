import * as node from 'node:fs/promises';

/** The part of `node:fs/promises` that file sinks use: tests put failures into it. */
export type FileSystem = Pick<
  typeof node,
  | 'mkdir'
  | 'open'
  | 'rename'
  | 'unlink'
  | 'readdir'
  | 'readFile'
  | 'stat'
  | 'lstat'
  | 'realpath'
  | 'copyFile'
  | 'truncate'
>;

export const nodeFileSystem: FileSystem = node;

/** Makes renames in a directory survive a power cut. Where that cannot be asked for, it is not. */
export async function syncDirectory(fs: FileSystem, directory: string): Promise<void> {
  try {
    const handle = await fs.open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Windows opens no directories, and some network file systems sync none.
  }
}

/** Removes a file that may be gone already. */
export async function removeQuietly(fs: FileSystem, path: string): Promise<void> {
  try {
    await fs.unlink(path);
  } catch {
    // It was temporary, and the next run of the job removes what is left.
  }
}
