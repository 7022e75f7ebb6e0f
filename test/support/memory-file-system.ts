import { basename, dirname } from 'node:path';
import type { StoreFileSystem } from '../../src/checkpoints/store-folder.js';

/** A file, whatever names it has. */
interface Inode {
  bytes: Buffer;
  /** What is on the disk. */
  synced: Buffer;
  /** A sync has failed: a later one says that all is well, and the bytes are lost all the same. */
  hasLost?: boolean;
}

interface Folder {
  readonly names: Map<string, Inode>;
  /** The names that are on the disk. */
  synced: Map<string, Inode>;
  /** A sync of the folder has failed for these: a later one says that all is well, and they are lost all the same. */
  readonly lost: Set<string>;
}

const newFolder = (names = new Map<string, Inode>()): Folder => ({
  names,
  synced: new Map(names),
  lost: new Set(),
});

const WRITE_BYTES_MAX = 40;

/** Called before and after each operation; may wait, or throw in its place. */
export type Watch = (operation: string, path: string, when: 'before' | 'after') => Promise<void> | void;

/** The disk that several file systems look at: processes on one host. */
export class MemoryDisk {
  readonly folders = new Map<string, Folder>([['/', newFolder()]]);

  /** The names that are in a folder. */
  names(path: string): string[] {
    return [...(this.folders.get(path)?.names.keys() ?? [])].sort();
  }

  /** The file of a name, to be damaged. */
  file(path: string): { bytes: Buffer } {
    const inode = this.folders.get(dirname(path))?.names.get(basename(path));
    if (!inode) throw new Error(`there is no ${path}`);
    return inode;
  }

  /**
   * What is left after the power was cut. Names and bytes that were not synced are gone, or are there in
   * part: files cut in the middle.
   *
   * @param isLost - Of a name that came or went since its folder was synced: whether the disk knows nothing
   *   of that. Such names reach the disk in any order. Default: all have come, and none has gone.
   */
  afterPowerCut(isUnsyncedLost: boolean, isLost?: (name: string) => boolean): MemoryDisk {
    const disk = new MemoryDisk();
    const inodes = new Map<Inode, Inode>();
    const copyOf = (inode: Inode): Inode => {
      const { bytes: all, synced } = inode;
      const half = all.subarray(synced.length, (synced.length + all.length) >> 1);
      const bytes = isUnsyncedLost || inode.hasLost ? synced : Buffer.concat([synced, half]);
      const copy = inodes.get(inode) ?? { bytes, synced: bytes };
      inodes.set(inode, copy);
      return copy;
    };
    for (const [path, { names, synced, lost }] of this.folders) {
      const kept = new Map([...synced, ...names]);
      for (const name of kept.keys()) {
        if (names.has(name) === synced.has(name)) continue;
        const staysAsSynced = lost.has(name) || (isLost ? isLost(name) : isUnsyncedLost || synced.has(name));
        if (staysAsSynced !== synced.has(name)) kept.delete(name);
      }
      const left = new Map([...kept].map(([name, inode]) => [name, copyOf(inode)]));
      disk.folders.set(path, newFolder(left));
    }
    return disk;
  }
}

/** As much of a POSIX file system as a store of files uses, in memory. */
export function memoryFileSystem(disk: MemoryDisk, watch: Watch = () => {}): StoreFileSystem {
  const folderOf = (path: string): Folder => {
    const folder = disk.folders.get(path);
    if (!folder) throw errno('ENOENT', path);
    return folder;
  };
  const inodeOf = (path: string): Inode => {
    const inode = folderOf(dirname(path)).names.get(basename(path));
    if (!inode) throw errno('ENOENT', path);
    return inode;
  };
  const step = async <T>(operation: string, path: string, act: () => T): Promise<T> => {
    await watch(operation, path, 'before');
    try {
      return act();
    } finally {
      await watch(operation, path, 'after');
    }
  };

  const addName = (path: string, inode: Inode) => {
    const { names, lost } = folderOf(dirname(path));
    if (names.has(basename(path))) throw errno('EEXIST', path);
    names.set(basename(path), inode);
    lost.delete(basename(path));
  };
  const createFile = (path: string): Inode => {
    const inode: Inode = { bytes: Buffer.alloc(0), synced: Buffer.alloc(0) };
    addName(path, inode);
    return inode;
  };
  const openFile = (path: string, inode: Inode) => ({
    writeFile: (bytes: Uint8Array) =>
      step('write', path, () => {
        inode.bytes = Buffer.from(bytes);
      }),
    // Fewer bytes than it is asked for, as a system may: whoever writes goes on until all of them are there.
    write: (bytes: Uint8Array, from: number, length: number, position: number) =>
      step('write', path, () => {
        const written = Buffer.from(bytes.subarray(from, from + Math.min(length, WRITE_BYTES_MAX)));
        const size = Math.max(inode.bytes.length, position + written.length);
        inode.bytes = Buffer.concat([inode.bytes], size);
        written.copy(inode.bytes, position);
        return { bytesWritten: written.length };
      }),
    sync: async () => {
      try {
        await step('sync', path, () => {
          if (!inode.hasLost) inode.synced = inode.bytes;
        });
      } catch (error) {
        inode.hasLost = true;
        throw error;
      }
    },
    close: async () => {},
  });
  const openFolder = (path: string) => {
    const folder = folderOf(path);
    return {
      sync: async () => {
        try {
          await step('sync folder', path, () => {
            folder.synced = new Map([...folder.names].filter(([name]) => !folder.lost.has(name)));
          });
        } catch (error) {
          for (const name of folder.names.keys()) if (!folder.synced.has(name)) folder.lost.add(name);
          throw error;
        }
      },
      close: async () => {},
    };
  };

  const fs = {
    mkdir: (path: string) =>
      step('mkdir', path, () => {
        if (disk.folders.has(path)) throw errno('EEXIST', path);
        folderOf(dirname(path));
        disk.folders.set(path, newFolder());
      }),
    stat: (path: string) =>
      step('stat', path, () => {
        const isFolder = disk.folders.has(path);
        if (!isFolder) inodeOf(path);
        return { isDirectory: () => isFolder };
      }),
    open: (path: string, flags: string) =>
      step('open', path, () => {
        if (flags === 'wx') return openFile(path, createFile(path));
        return flags === 'r+' ? openFile(path, inodeOf(path)) : openFolder(path);
      }),
    link: (from: string, to: string) =>
      step('link', to, () => {
        addName(to, inodeOf(from));
      }),
    unlink: (path: string) =>
      step('unlink', path, () => {
        inodeOf(path);
        folderOf(dirname(path)).names.delete(basename(path));
      }),
    readdir: (path: string) =>
      step('readdir', path, () => {
        const { names } = folderOf(path);
        const inside = [...disk.folders.keys()].filter((at) => at !== '/' && dirname(at) === path);
        return [...names.keys(), ...inside.map((at) => basename(at))];
      }),
    readFile: (path: string, encoding?: 'utf8') =>
      step('readFile', path, () => {
        const { bytes } = inodeOf(path);
        return encoding ? bytes.toString(encoding) : bytes;
      }),
  };
  return fs as unknown as StoreFileSystem; // in the forms in which the store calls it
}

export function errno(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
