import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { outputFailed, syncFailed } from '../../core/output-error.js';
import { inSyncTurn } from '../../shared-memory/sync-gate.js';
import type { Disk } from '../disk/disk.js';

/** How far a file has come. */
export interface FileMark {
  readonly bytes: number;
  /** CRC-32 of them. */
  readonly checksum: number;
}

export const NO_BYTES: FileMark = { bytes: 0, checksum: 0 };
const READ_BYTES = 1_048_576;

/** Behind the name that a file is to have: no glob for the format finds it. */
export const STAGED = '.staged';

export type StagedPlace = Pick<StagedFile, 'name' | 'path' | 'final'>;

/** A file that is written where no reader looks, and takes its place with all its bytes, or never. */
export class StagedFile {
  /** Inside the output. */
  readonly name: string;
  readonly path: string;
  /** Where it is to stand, for messages. */
  readonly final: string;
  /** Tells it from any other file, whatever its name. */
  readonly inode: number;
  readonly #disk: Disk;
  #handle: FileHandle | undefined;
  #mark: FileMark = NO_BYTES;
  #isSealed = false;
  /** Once a sync has failed, all later ones fail with the same error. */
  #lastSync: Promise<void> = Promise.resolve();

  private constructor(disk: Disk, handle: FileHandle, { name, path, final }: StagedPlace, inode: number) {
    this.#disk = disk;
    this.#handle = handle;
    this.name = name;
    this.path = path;
    this.final = final;
    this.inode = inode;
  }

  /**
   * @param bytes - Of a file of ours that was put there to be gone on with; without it, none may be there.
   * @throws What the file system throws.
   */
  static async open(disk: Disk, place: StagedPlace, bytes?: number): Promise<StagedFile> {
    const goOn = constants.O_RDWR | constants.O_APPEND | (constants.O_NOFOLLOW ?? 0);
    const handle = await disk.fs.open(place.path, bytes === undefined ? 'wx+' : goOn);
    try {
      const file = new StagedFile(disk, handle, place, (await handle.stat()).ino);
      if (bytes !== undefined) await file.#lookThrough(bytes);
      return file;
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw error;
    }
  }

  /** Written so far. */
  get bytes(): number {
    return this.#mark.bytes;
  }

  get mark(): FileMark {
    return this.#mark;
  }

  /**
   * The memory may be used again once the promise has settled. While the disk is full, that waits for
   * room, and so does whoever writes.
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

  /** Reads what was written, from one byte to another. */
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

  /** Puts all bytes on the disk; more may follow. One that was sealed meanwhile is there already. */
  sync(): Promise<void> {
    return this.#afterLastSync(async () => {
      if (!this.#isSealed) await this.#syncNow();
    });
  }

  /** Puts all bytes on the disk, and takes no more. */
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
   * The system tells each error of writing back once: of two syncs side by side, one fails and the other
   * succeeds, though bytes are lost that it was to put on the disk.
   */
  #afterLastSync(step: () => Promise<void>): Promise<void> {
    this.#lastSync = this.#lastSync.then(step);
    return this.#lastSync;
  }

  async #syncNow(): Promise<void> {
    const handle = this.#opened();
    try {
      await inSyncTurn(() => handle.sync());
    } catch (error) {
      throw syncFailed(this.final, error);
    }
  }

  /** Lets go of it; it stays where it is. Does not throw. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
  }

  /** Lets go of it and removes it. Does not throw. */
  async discard(): Promise<void> {
    await this.close();
    await this.#disk.fs.unlink(this.path).catch(() => undefined);
  }

  /** Of bytes that another one has written, the checksum is not known. */
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
