import { type MakeDirectoryOptions, mkdtempSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FileSystem } from '../../src/outputs/disk/file-system.js';
import { blockingFileSystem } from './blocking-file-system.js';

/** Thrown by every operation once the process is said to be dead. */
export class Stopped extends Error {}

interface NameChange {
  /** Inode of the directory in which it has to be durable. */
  readonly directory: number;
  /** Inode of a directory that was removed. What was done in it before does not matter then. */
  readonly removed?: number | undefined;
  undo(random: () => number): Promise<void>;
}

/**
 * The real file system, on which the process can die before any operation, any operation can fail, and a
 * power cut takes what was not synced: bytes of files, and names in directories.
 */
export class CrashingFileSystem {
  readonly fs: FileSystem;
  /** What was done so far, as `operation path`. */
  readonly log: string[] = [];
  /** Number of the operation before which the process dies. */
  stopAt = Number.POSITIVE_INFINITY;
  failAt = Number.POSITIVE_INFINITY;
  failWith = 'EIO';
  /** Awaited before each operation: others may come in between. */
  between: ((operation: string) => Promise<void>) | undefined;
  #isStopped = false;
  #changes: NameChange[] = [];
  /** Bytes that are on the disk, of files that have more. */
  readonly #synced = new Map<number, number>();
  readonly #handles = new Set<FileHandle>();
  readonly #real: typeof blockingFileSystem;
  #trash: string | undefined;
  #trashed = 0;

  /** @param real - `node:fs/promises` where runs at once shall meet in orders of their own. */
  constructor(real: typeof blockingFileSystem = blockingFileSystem) {
    this.#real = real;
    this.fs = {
      ...this.#real,
      open: ((path: string, flags: string | number, mode?: number) =>
        this.#open(path, flags, mode)) as FileSystem['open'],
      mkdir: ((path: string, options?: MakeDirectoryOptions) =>
        this.#do('mkdir', path, async () => {
          await this.#real.mkdir(path, options);
          const { ino } = await this.#real.stat(path);
          await this.#changed(path, async () => {
            if ((await inode(path)) === ino) await this.#real.rm(path, { recursive: true });
          });
        })) as FileSystem['mkdir'],
      rename: ((from: string, to: string) =>
        this.#do('rename', `${from} -> ${to}`, () => this.#rename(from, to))) as FileSystem['rename'],
      link: ((from: string, to: string) =>
        this.#do('link', to, async () => {
          await this.#real.link(from, to);
          await this.#created(to);
        })) as FileSystem['link'],
      unlink: ((path: string) => this.#do('unlink', path, () => this.#unlink(path))) as FileSystem['unlink'],
      rmdir: ((path: string) =>
        this.#do('rmdir', path, async () => {
          const removed = await inode(path);
          await this.#real.rmdir(path);
          const undo = async () => {
            if ((await inode(path)) === undefined) await this.#real.mkdir(path).catch(() => undefined);
          };
          await this.#changed(path, undo, removed);
        })) as FileSystem['rmdir'],
      copyFile: ((from: string, to: string, mode: number) =>
        this.#do('copyFile', to, async () => {
          await this.#real.copyFile(from, to, mode);
          await this.#created(to);
          this.#synced.set((await this.#real.stat(to)).ino, 0);
        })) as FileSystem['copyFile'],
      truncate: ((path: string, length?: number) =>
        this.#do('truncate', path, () => this.#real.truncate(path, length))) as FileSystem['truncate'],
      readdir: ((path: string) =>
        this.#do('readdir', path, () => this.#real.readdir(path))) as unknown as FileSystem['readdir'],
      readFile: ((path: string, options: BufferEncoding) =>
        this.#do('readFile', path, () => this.#real.readFile(path, options))) as FileSystem['readFile'],
      stat: ((path: string) => this.#do('stat', path, () => this.#real.stat(path))) as FileSystem['stat'],
      lstat: ((path: string) => this.#do('lstat', path, () => this.#real.lstat(path))) as FileSystem['lstat'],
      realpath: ((path: string) =>
        this.#do('realpath', path, () => this.#real.realpath(path))) as FileSystem['realpath'],
    };
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  get openHandles(): number {
    return this.#handles.size;
  }

  /** Ends the process: its descriptors are closed. */
  async kill(): Promise<void> {
    this.#isStopped = true;
    for (const handle of this.#handles) await handle.close().catch(() => undefined);
    this.#handles.clear();
    if (this.#trash) await this.#real.rm(this.#trash, { recursive: true, force: true });
  }

  /**
   * Ends the machine.
   *
   * @param random - Picks which of the names that came or went since their folders were synced are as they
   *   were, and how much of bytes that were not synced is there: a disk takes them in any order. Default:
   *   all is as it was.
   */
  async cutPower(random = () => 1): Promise<void> {
    this.#isStopped = true;
    for (const handle of this.#handles) {
      const { ino, size } = await handle.stat();
      const bytes = this.#synced.get(ino);
      const path = `/proc/self/fd/${handle.fd}`;
      if (bytes !== undefined) await this.#real.truncate(path, bytesLeft(bytes, size, random));
    }
    for (const change of this.#changes.reverse()) {
      if (random() >= 0.5) await change.undo(random);
    }
    await this.kill();
  }

  async #do<T>(operation: string, path: string, act: () => Promise<T>): Promise<T> {
    if (this.#isStopped) throw new Stopped();
    await this.between?.(`${operation} ${path}`);
    const at = this.log.length;
    this.log.push(`${operation} ${path}`);
    if (at === this.failAt)
      throw Object.assign(new Error(`${this.failWith}: injected`), { code: this.failWith });
    if (at === this.stopAt) this.#isStopped = true;
    if (this.#isStopped) throw new Stopped();
    return act();
  }

  async #open(path: string, flags: string | number, mode?: number): Promise<FileHandle> {
    const isNew = String(flags).startsWith('wx');
    return this.#do(isNew ? 'create' : 'open', path, async () => {
      const handle = await this.#real.open(path, flags, mode);
      this.#handles.add(handle);
      if (isNew) await this.#created(path);
      const { ino } = await handle.stat();
      const written = async () => {
        if (!this.#synced.has(ino)) this.#synced.set(ino, (await handle.stat()).size);
      };
      const synced = async () => {
        this.#synced.delete(ino);
        this.#settle(ino);
      };
      const acts: Record<string, (...args: never[]) => Promise<unknown>> = {
        write: async (...args) => {
          await written();
          return (handle.write as (...all: unknown[]) => Promise<unknown>)(...args);
        },
        writeFile: async (...args) => {
          await written();
          return (handle.writeFile as (...all: unknown[]) => Promise<unknown>)(...args);
        },
        read: (...args) => (handle.read as (...all: unknown[]) => Promise<unknown>)(...args),
        stat: () => handle.stat(),
        truncate: async (length: number) => {
          await written();
          // What is cut off is not there again after a power cut: one that brought it back would lie about a sync.
          this.#synced.set(ino, Math.min(this.#synced.get(ino)!, length));
          await handle.truncate(length);
        },
        sync: synced,
        datasync: synced,
        close: async () => {
          this.#handles.delete(handle);
          await this.#loseOnPowerCut(ino, path);
          await handle.close();
        },
      };
      return new Proxy(handle, {
        get: (target, key) => {
          const act = acts[String(key)];
          if (key === 'close') return () => this.#close(handle, path, acts.close!);
          if (act) return (...args: never[]) => this.#do(String(key), path, () => act(...args));
          const value = Reflect.get(target, key) as unknown;
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    });
  }

  /** One that fails closes it all the same, as a system does. */
  async #close(handle: FileHandle, path: string, act: () => Promise<unknown>): Promise<unknown> {
    try {
      return await this.#do('close', path, act);
    } catch (error) {
      if (!this.#isStopped && this.#handles.delete(handle)) await handle.close();
      throw error;
    }
  }

  /** A file that is closed with bytes that were not synced. */
  async #loseOnPowerCut(ino: number, path: string): Promise<void> {
    const bytes = this.#synced.get(ino);
    if (bytes === undefined) return;
    const kept = this.#inTrash();
    const isKept = await this.#real.link(path, kept).then(
      () => true,
      () => false, // it has no name any more
    );
    if (!isKept) return;
    const undo = async (random: () => number) => {
      const { size } = await this.#real.stat(kept);
      await this.#real.truncate(kept, bytesLeft(bytes, size, random));
    };
    this.#changes.push({ directory: ino, undo });
  }

  async #rename(from: string, to: string): Promise<void> {
    const replaced = await this.#keep(to);
    const source = await inode(dirname(from));
    await this.#real.rename(from, to);
    const ino = await inode(to);
    await this.#changed(to, async () => {
      if ((await inode(to)) !== ino || (await inode(dirname(from))) !== source) return;
      if ((await inode(from)) !== undefined) return; // what came there later is on the disk
      await this.#real.rename(to, from);
      if (replaced) await this.#real.link(replaced, to);
    });
  }

  async #unlink(path: string): Promise<void> {
    const kept = await this.#keep(path);
    await this.#real.unlink(path);
    await this.#changed(path, async () => {
      if (kept) await this.#real.link(kept, path).catch(() => undefined);
    });
  }

  async #created(path: string): Promise<void> {
    const ino = await inode(path);
    await this.#changed(path, async () => {
      if ((await inode(path)) === ino) await this.#real.unlink(path);
    });
  }

  async #changed(path: string, undo: () => Promise<void>, removed?: number): Promise<void> {
    this.#changes.push({ directory: (await inode(dirname(path))) ?? 0, removed, undo });
  }

  /** What was done in a directory is on the disk. */
  #settle(ino: number): void {
    const settled = new Set([ino]);
    const left: NameChange[] = [];
    // From the last on: a number may be that of a directory that was removed, and then of a new one.
    for (const change of this.#changes.reverse()) {
      if (!settled.has(change.directory)) left.push(change);
      else if (change.removed !== undefined) settled.add(change.removed);
    }
    this.#changes = left.reverse();
  }

  #inTrash(): string {
    this.#trash ??= mkdtempSync(join(tmpdir(), 'tickloom-trash-'));
    return join(this.#trash, String(this.#trashed++));
  }

  /** A second name for a file, so that it can be had again. */
  async #keep(path: string): Promise<string | undefined> {
    const kept = this.#inTrash();
    try {
      await this.#real.link(path, kept);
      return kept;
    } catch {
      return undefined;
    }
  }
}

/** Of the bytes of a file, a number of which is synced: these, all of them, or some in between. */
function bytesLeft(synced: number, all: number, random: () => number): number {
  return Math.floor(synced + (all - synced) * (1 - random()));
}

async function inode(path: string): Promise<number | undefined> {
  return blockingFileSystem.lstat(path).then(
    ({ ino }) => ino,
    () => undefined,
  );
}
