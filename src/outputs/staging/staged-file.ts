import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { outputFailed, syncFailed } from '../../core/output-error.js';
import { inSyncTurn } from '../../shared-memory/sync-turns.js';
import type { Disk } from '../disk/disk.js';
import type { FileMark, OutputFile } from '../output-file.js';

export const NO_BYTES: FileMark = { bytes: 0, checksum: 0 };
const READ_BYTES = 1_048_576;

/** Appended to the file's final name, so that no glob for the format matches it. */
export const STAGED = '.staged';

export type StagedName = Pick<StagedFile, 'name' | 'path' | 'final'>;

/** A file that is written out of sight of readers, and is published with all its bytes or not at all. */
export class StagedFile implements OutputFile {
  /** Name inside the output. */
  readonly name: string;
  readonly path: string;
  /** Path that it will be published under, for messages. */
  readonly final: string;
  /** Identifies the file, whatever its name. */
  readonly inode: number;
  readonly #disk: Disk;
  #handle: FileHandle | undefined;
  #mark: FileMark = NO_BYTES;
  #bytesSynced = 0;
  #isSealed = false;
  /** Once a sync has failed, all later ones fail with the same error. */
  #lastSync: Promise<void> = Promise.resolve();

  private constructor(disk: Disk, handle: FileHandle, { name, path, final }: StagedName, inode: number) {
    this.#disk = disk;
    this.#handle = handle;
    this.name = name;
    this.path = path;
    this.final = final;
    this.inode = inode;
  }

  /**
   * Opens a staged file.
   *
   * @param bytes - Length of an existing file of ours that is to be continued. Without it, the file must
   *   not exist.
   * @throws what the file system throws.
   */
  static async open(disk: Disk, named: StagedName, bytes?: number): Promise<StagedFile> {
    const goOn = constants.O_RDWR | constants.O_APPEND | (constants.O_NOFOLLOW ?? 0);
    const handle = await disk.fs.open(named.path, bytes === undefined ? 'wx+' : goOn);
    try {
      const file = new StagedFile(disk, handle, named, (await handle.stat()).ino);
      if (bytes !== undefined) await file.#lookThrough(bytes);
      return file;
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw error;
    }
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#mark.bytes;
  }

  /** Of these, so many are on the disk. */
  get bytesSynced(): number {
    return this.#bytesSynced;
  }

  get mark(): FileMark {
    return this.#mark;
  }

  /**
   * Appends bytes. The memory may be reused once the promise has settled. While the disk is full, this
   * waits for room, and so does the caller.
   */
  async write(bytes: Uint8Array): Promise<void> {
    const { bytes: before, checksum } = this.#mark;
    const mark = { bytes: before + bytes.length, checksum: crc32(bytes, checksum) };
    await this.#disk.room.writeAll(bytes, { path: this.final, doing: 'write' }, async (at) => {
      const { bytesWritten } = await this.#opened().write(bytes, at, bytes.length - at);
      return bytesWritten;
    });
    this.#mark = mark;
  }

  /** Reads bytes that were written, from one offset to another. */
  async read(from: number, to: number): Promise<Uint8Array> {
    const handle = this.#opened();
    const bytes = new Uint8Array(to - from);
    try {
      for (let at = 0; at < bytes.length; ) {
        const { bytesRead } = await handle.read(bytes, at, bytes.length - at, from + at);
        if (bytesRead === 0) throw new Error(`expected ${to} bytes, found ${from + at}`);
        at += bytesRead;
      }
    } catch (error) {
      throw outputFailed('read', this.path, error);
    }
    return bytes;
  }

  /** Puts all bytes on the disk; more may follow. */
  sync(): Promise<void> {
    return this.#afterLastSync(async () => {
      // One that was sealed meanwhile is there already.
      if (!this.#isSealed && this.#bytesSynced < this.bytes) await this.#syncNow();
    });
  }

  /** Syncs all bytes and closes the file to further writes. */
  seal(): Promise<void> {
    return this.#afterLastSync(async () => {
      await this.#syncNow();
      const handle = this.#opened();
      this.#handle = undefined;
      this.#isSealed = true;
      try {
        await handle.close();
      } catch (error) {
        throw outputFailed('write', this.final, error);
      }
    });
  }

  /**
   * Runs syncs one after another. The system reports each write-back error only once: of two concurrent
   * syncs, one would fail and the other succeed, although bytes are lost.
   */
  #afterLastSync(step: () => Promise<void>): Promise<void> {
    this.#lastSync = this.#lastSync.then(step);
    return this.#lastSync;
  }

  async #syncNow(): Promise<void> {
    const handle = this.#opened();
    try {
      await inSyncTurn(() => {
        const { bytes } = this; // those that come meanwhile may be too late for it
        return handle.sync().then(() => {
          this.#bytesSynced = bytes;
        });
      });
    } catch (error) {
      throw syncFailed(this.final, error);
    }
  }

  /** Closes the file, which stays on disk. Does not throw. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
  }

  /** Closes and removes the file. Does not throw. */
  async discard(): Promise<void> {
    await this.close();
    await this.#disk.fs.unlink(this.path).catch(() => undefined);
  }

  /** Computes the checksum of bytes that another owner has written. */
  async #lookThrough(bytes: number): Promise<void> {
    let checksum = 0;
    for (let at = 0; at < bytes; at += READ_BYTES) {
      checksum = crc32(await this.read(at, Math.min(bytes, at + READ_BYTES)), checksum);
    }
    this.#mark = { bytes, checksum };
  }

  #opened(): FileHandle {
    if (!this.#handle) throw outputFailed('write', this.final, new Error('the file is closed'));
    return this.#handle;
  }
}
